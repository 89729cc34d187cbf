package config

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// nearest finds the key that someone may have meant who wrote word in a section: one of that section that is almost the same, or one of
// another whose name within it is the same. It gives the name to write there, and "" if there is none like it.
func nearest(section, word string) string {
	best, name := tolerance(word)+1, ""
	for _, s := range siblings(section) {
		if d := distance(word, s); d < best {
			best, name = d, s
		}
	}
	if name != "" {
		return name
	}
	for _, k := range keys {
		if _, leaf := k.split(); distance(word, leaf) == 0 {
			return k.Name
		}
	}
	return ""
}

// siblings are the names that a section has; those of the top are its keys and all sections.
func siblings(section string) (names []string) {
	for _, k := range keys {
		of, leaf := k.split()
		switch {
		case of == section:
			names = append(names, leaf)
		case section == "" && !slices.Contains(names, of):
			names = append(names, of)
		}
	}
	return names
}

// tolerance is how many slips of the pen a word may have.
func tolerance(word string) int { return max(1, utf8.RuneCountInString(word)/3) }

// distance is how many characters have to be put in, left out or changed to make a of b; upper and lower case are the same, and so are the
// dash and the underscore.
func distance(a, b string) int {
	plain := strings.NewReplacer("_", "-")
	x, y := []rune(plain.Replace(strings.ToLower(a))), []rune(plain.Replace(strings.ToLower(b)))
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			change := diagonal
			if x[i] != y[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
