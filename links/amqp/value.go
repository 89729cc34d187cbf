package amqp

import (
	"encoding/binary"
	"unicode/utf8"
)

// MaxDepth is how deep compound and described values may be nested in each other.
const MaxDepth = 32

// Two ways through an encoded value are here, and all parsing stands on them. skip finds the end of a value by its widths
// alone and looks into nothing: that is enough to lay out a message. walk checks everything below: sizes against counts,
// even counts of maps, UTF-8 of strings, ASCII of symbols. Duplicate keys of maps are not looked for.
//
// Both read b[off:end], give offsets in b, and cost at most what there are bytes, whatever counts claim.

// ParseValue checks the value at the start of b all the way down and returns it, aliasing, and what follows.
func ParseValue(b []byte) (v Raw, rest []byte, err error) {
	next, err := walk(b, 0, len(b), 0)
	if err != nil {
		return nil, nil, err
	}
	return Raw(b[:next:next]), b[next:], nil
}

// skip returns where the value at off ends.
func skip(b []byte, off, end, depth int) (int, error) {
	if off >= end {
		return 0, truncated(off)
	}
	if b[off] != ctorDescribed {
		return contentEnd(b, off+1, end, b[off])
	}
	if depth == MaxDepth {
		return 0, tooDeep(off)
	}
	off, err := skip(b, off+1, end, depth+1)
	if err != nil {
		return 0, err
	}
	return skip(b, off, end, depth+1)
}

// contentEnd returns where the content at off of a value with constructor c (not a described one) ends.
func contentEnd(b []byte, off, end int, c byte) (int, error) {
	if k := kinds[c]; k == KindInvalid || k == KindDescribed {
		return 0, malformed(off-1, "0x%02x is no constructor", c)
	}
	n, ok := contentSize(b[off:end], c)
	if !ok {
		return 0, truncated(off)
	}
	return off + n, nil
}

// contentSize is how many bytes the content at the start of b takes, its own size field included; ok is false if b has
// not so many. [types 1.2]
func contentSize(b []byte, c byte) (n int, ok bool) {
	switch c >> 4 {
	case 0xa, 0xc, 0xe:
		if len(b) < 1 {
			return 0, false
		}
		n = 1 + int(b[0])
	case 0xb, 0xd, 0xf:
		if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			return 0, false
		}
		n = 4 + int(binary.BigEndian.Uint32(b))
	default:
		n = fixedWidth(c)
	}
	return n, n <= len(b)
}

// fixedWidth is the size of the content of constructor c, -1 if it varies.
func fixedWidth(c byte) int {
	switch c >> 4 {
	case 0x4:
		return 0
	case 0x5:
		return 1
	case 0x6:
		return 2
	case 0x7:
		return 4
	case 0x8:
		return 8
	case 0x9:
		return 16
	}
	return -1
}

// text is the content of a string, symbol or binary whose content with size field is b.
func text(b []byte, c byte) []byte {
	if c>>4 == 0xa {
		return b[1:]
	}
	return b[4:]
}

// compound splits the content b (with size and count) of a list, map or array into its count and the start of its
// elements. [types 1.2.3]
func compound(b []byte, c byte) (count uint32, start int, ok bool) {
	switch {
	case c == ctorList0:
		return 0, 0, true
	case c>>4 == 0xc || c>>4 == 0xe:
		if len(b) < 2 {
			return 0, 0, false
		}
		return uint32(b[1]), 2, true
	}
	if len(b) < 8 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(b[4:]), 8, true
}

// walk checks the value at off all the way down and returns where it ends. depth is how many values it lies in.
func walk(b []byte, off, end, depth int) (int, error) {
	if off >= end {
		return 0, truncated(off)
	}
	if b[off] != ctorDescribed {
		return walkContent(b, off+1, end, depth, b[off])
	}
	if depth == MaxDepth {
		return 0, tooDeep(off)
	}
	off, err := walk(b, off+1, end, depth+1)
	if err != nil {
		return 0, err
	}
	return walk(b, off, end, depth+1)
}

// walkContent is walk behind the constructor c.
func walkContent(b []byte, off, end, depth int, c byte) (int, error) {
	next, err := contentEnd(b, off, end, c)
	if err != nil {
		return 0, err
	}
	switch kinds[c] {
	case KindBool:
		if c == ctorBool && b[off] > 1 {
			return 0, malformed(off, "boolean is neither 0 nor 1")
		}
	case KindString:
		if !utf8.Valid(text(b[off:next], c)) {
			return 0, malformed(off, "string is not UTF-8")
		}
	case KindSymbol:
		if !isASCII(text(b[off:next], c)) {
			return 0, malformed(off, "symbol is not ASCII")
		}
	case KindList, KindMap, KindArray:
		return next, walkCompound(b, off, next, depth, c)
	}
	return next, nil
}

// walkCompound checks the content b[off:end] of a list, map or array.
func walkCompound(b []byte, off, end, depth int, c byte) error {
	if depth == MaxDepth {
		return tooDeep(off)
	}
	count, start, ok := compound(b[off:end], c)
	if !ok {
		return malformed(off, "%v's size leaves no room for its count", kinds[c])
	}
	if kinds[c] == KindArray {
		return walkArray(b, off+start, end, depth+1, count)
	}
	if kinds[c] == KindMap && count%2 != 0 {
		return malformed(off, "map of %d elements: a key without a value", count)
	}
	return walkList(b, off+start, end, depth+1, count)
}

// walkList checks count values that fill b[off:end].
func walkList(b []byte, off, end, depth int, count uint32) error {
	for i := uint32(0); i < count; i++ {
		if off == end {
			return malformed(off, "%d elements said, %d found", count, i)
		}
		next, err := walk(b, off, end, depth)
		if err != nil {
			return err
		}
		off = next
	}
	if off != end {
		return malformed(off, "%d bytes behind the last of %d elements", end-off, count)
	}
	return nil
}

// walkArray checks an element constructor, which may be described, and count contents that fill b[off:end].
// [types 1.6.24] Elements without content take no bytes, so their count is not bounded by any: it is not walked.
func walkArray(b []byte, off, end, depth int, count uint32) error {
	if off == end && count == 0 {
		return nil // no constructor at all: some encoders write an empty array in this way
	}
	c, off, err := walkConstructor(b, off, end, depth)
	if err != nil {
		return err
	}
	if width := fixedWidth(c); width >= 0 && c != ctorBool {
		if uint64(count)*uint64(width) != uint64(end-off) {
			return malformed(off, "array of %d elements of %d bytes takes %d", count, width, end-off)
		}
		return nil
	}
	for i := uint32(0); i < count; i++ {
		if off == end {
			return malformed(off, "%d elements said, %d found", count, i)
		}
		next, err := walkContent(b, off, end, depth, c)
		if err != nil {
			return err
		}
		off = next
	}
	if off != end {
		return malformed(off, "%d bytes behind the last of %d elements", end-off, count)
	}
	return nil
}

// walkConstructor checks an array's element constructor and its descriptors; c is the constructor proper and next is
// where the elements begin.
func walkConstructor(b []byte, off, end, depth int) (c byte, next int, err error) {
	for ; ; depth++ {
		if off >= end {
			return 0, 0, truncated(off)
		}
		if c = b[off]; c != ctorDescribed {
			break
		}
		if depth >= MaxDepth {
			return 0, 0, tooDeep(off)
		}
		if off, err = walk(b, off+1, end, depth+1); err != nil {
			return 0, 0, err
		}
	}
	if kinds[c] == KindInvalid {
		return 0, 0, malformed(off, "0x%02x is no constructor", c)
	}
	return c, off + 1, nil
}
