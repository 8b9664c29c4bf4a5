package findings

import (
	"strings"
	"unicode"
)

// visible puts a text on one line. Control characters, and those that turn the direction of a text around, are left
// out: a reader is to see what stands there.
func visible(text string) string {
	if text = strings.Trim(text, " "); isPlainLine(text) {
		return text
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069',
			r == '\u2028', r == '\u2029', r == '\ufeff', r == unicode.ReplacementChar:
			return -1
		case r == 0xFFFE || r == 0xFFFF:
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// isPlainLine reports whether a text, which neither begins nor ends with a space, is one line of ASCII without
// anything to leave out, as most are.
func isPlainLine(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == ' ' && text[i-1] == ' ' {
			return false
		}
	}
	return true
}
