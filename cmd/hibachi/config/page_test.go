package config

import (
	"fmt"
	"strings"
	"testing"
)

// The page has the table of keys between two marks; -update writes it.
func TestTheConfigurationPageHasEveryKey(t *testing.T) {
	const page, begin, end = "../../../docs/configuration.md", "<!-- keys: written by the test of cmd/hibachi/config -->\n", "<!-- end of keys -->\n"
	text := readFile(t, page)
	before, rest, ok := strings.Cut(text, begin)
	table, after, found := strings.Cut(rest, end)
	if !ok || !found {
		t.Fatal("docs/configuration.md has no marks for the table")
	}
	if want := keysPage(); table != want {
		if *update {
			writeFile(t, page, before+begin+want+end+after)
			return
		}
		t.Errorf("docs/configuration.md has another table than this (go test ./cmd/hibachi/config -update writes it):\n%s", want)
	}
}

func keysPage() string {
	var b strings.Builder
	section := "-"
	for _, k := range Keys() {
		if of, _ := k.split(); of != section {
			section = of
			title := "`" + of + "`"
			if of == "" {
				title = "At the top"
			}
			fmt.Fprintf(&b, "\n### %s\n\n| key | default | values | |\n|---|---|---|---|\n", title)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, shownDefault(k), k.Expects(), shownHelp(k))
	}
	return b.String() + "\n"
}

func shownDefault(k *Key) string {
	switch {
	case k.Derived != "":
		return k.Derived
	case k.Default == "":
		return ""
	}
	return "`" + k.Default + "`"
}

func shownHelp(k *Key) string {
	help := strings.ReplaceAll(k.Help, "`FILE`", "file")
	if k.Flag != "" {
		help += " (`--" + k.Flag + "`)"
	}
	if k.Live {
		help += ". Changes on SIGHUP"
	}
	return help
}
