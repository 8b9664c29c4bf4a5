package fence

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// disarmed stands in place of the bracket of what looks like a marker.
const disarmed = "&lt;"

// disarm returns data in which nothing can be read as a marker: neither the one of this run, nor one that somebody
// made up. Case, full-width letters and characters that nobody sees make no difference. Data without such a thing
// stays as it is.
func (f *Fence) disarm(data string) string {
	plain, places := skeleton(data)
	var b strings.Builder
	// at is a place in data, the others are in plain
	at, bracket, marker := 0, indexTag(plain, 0), indexFrom(plain, f.Marker, 0)
	for bracket >= 0 || marker >= 0 {
		first, size, instead := bracket, 1, disarmed
		if bracket < 0 || marker >= 0 && marker < bracket {
			first, size, instead = marker, len(f.Marker), "…"
		}
		b.WriteString(data[at:places.of(first)])
		b.WriteString(instead)
		next := first + size
		at = places.of(next)
		if bracket >= 0 && bracket < next {
			bracket = indexTag(plain, next)
		}
		if marker >= 0 && marker < next {
			marker = indexFrom(plain, f.Marker, next)
		}
	}
	if at == 0 {
		return data
	}
	b.WriteString(data[at:])
	return b.String()
}

// indexFrom returns where a text has a part next; -1 where it has not.
func indexFrom(text, part string, from int) int {
	if i := strings.Index(text[from:], part); i >= 0 {
		return from + i
	}
	return -1
}

// indexTag returns where the next thing begins that looks like a marker: a bracket, perhaps a slash, and the tag.
// It is -1 where there is none.
func indexTag(plain string, from int) int {
	for {
		if from = indexFrom(plain, "<", from); from < 0 {
			return -1
		}
		if strings.HasPrefix(strings.TrimLeft(plain[from+1:], "/\\ \t\r\n"), strings.TrimSuffix(tag, "-")) {
			return from
		}
		from++
	}
}

// offsets are the places in a text of the bytes of its skeleton; nil where they are the same.
type offsets []int

func (o offsets) of(at int) int {
	if o == nil {
		return at
	}
	return o[at]
}

// skeleton returns what a text looks like: in lower case, full-width characters as plain ones, and without those
// that are invisible.
func skeleton(text string) (plain string, places offsets) {
	if isASCII(text) {
		return strings.ToLower(text), nil
	}
	var b strings.Builder
	for i, r := range text {
		if isInvisible(r) {
			continue
		}
		if r >= '！' && r <= '～' {
			r -= '！' - '!'
		}
		before := b.Len()
		b.WriteRune(unicode.ToLower(r))
		for range b.Len() - before {
			places = append(places, i)
		}
	}
	return b.String(), append(places, len(text))
}

// isInvisible reports whether a character shows nothing: formatting, variation selectors, joiners, fillers, controls.
func isInvisible(r rune) bool {
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) ||
		unicode.Is(unicode.Cc, r) && !unicode.IsSpace(r) || unicode.Is(unicode.Mn, r)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf || text[i] < ' ' && text[i] != '\n' && text[i] != '\t' && text[i] != '\r' {
			return false
		}
	}
	return true
}
