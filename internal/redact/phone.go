package redact

import "strings"

const (
	fewestPhone = 7  // digits behind a +
	mostPhone   = 15 // ITU-T E.164
)

// findPhone finds phone numbers as people write them: with + or 00 and their country, North American ones in their
// groups of three, three and four, and others that begin with 0 and are separated somewhere. Digits without any of
// that are no phone number.
func findPhone(text string, from int) (start, end int) {
	for i := from; i < len(text); i++ {
		c := text[i]
		if !isDigit(c) && c != '+' && c != '(' {
			continue
		}
		isInNumber := i > 0 && c != '(' && strings.IndexByte(".-/:", text[i-1]) >= 0 && isPartOfNumber(text, i)
		if isInNumber || i > 0 && isWord(text[i-1]) {
			i = skipDigits(text, i)
			continue
		}
		if end := phoneAt(text, i); end > 0 {
			return i, end
		}
		i = skipDigits(text, i)
	}
	return -1, -1
}

// isPartOfNumber reports whether what stands before the separator in front of i is part of the same thing, such as
// a date.
func isPartOfNumber(text string, i int) bool { return i > 1 && isWord(text[i-2]) }

// skipDigits returns the last of the digits that go on at i.
func skipDigits(text string, i int) int {
	for i+1 < len(text) && isDigit(text[i+1]) && isDigit(text[i]) {
		i++
	}
	return i
}

// dialed is what is dialed of a text, as far as it may be one number.
type dialed struct {
	digits     [mostPhone + 1]byte
	n          int
	groups     [mostPhone + 1]int // how many digits there are before each separator
	separators int
	inBrackets int // digits in the brackets that it begins with; 0 for none
	plus       bool
	spaced     bool // a space is one of the separators
	end        int
}

// dial reads digits with at most two characters between them.
func dial(text string, i int) (d dialed) {
	gap, open := 0, -1
	for at := i; at < len(text); {
		c := text[at]
		switch {
		case isDigit(c):
			if d.n > mostPhone {
				return d
			}
			if gap > 0 && d.n > 0 {
				d.groups[d.separators] = d.n
				d.separators++
			}
			d.digits[min(d.n, mostPhone)] = c - '0'
			d.n++
			gap, d.end = 0, at+1
			at++
			continue
		case c == '+' && d.n == 0 && !d.plus:
			d.plus = true
			at++
			continue
		case c == '(' && open < 0:
			open = d.n
			gap++
			at++
			continue
		case c == ')' && open >= 0:
			if open == 0 && d.inBrackets == 0 {
				d.inBrackets = d.n
			}
			gap++
			at++
			continue
		}
		width := separator(text, at)
		if c == '/' {
			width = 1
		}
		if width == 0 || d.n == 0 && open < 0 && !d.plus {
			return d
		}
		d.spaced = d.spaced || c == ' '
		if gap++; gap > 3 {
			return d
		}
		at += width
	}
	return d
}

// phoneAt returns where the phone number that begins at i ends; 0 where none does.
func phoneAt(text string, i int) int {
	d := dial(text, i)
	if d.n == 0 || d.end < len(text) && isWord(text[d.end]) || d.n > mostPhone {
		return 0
	}
	first, second := d.digits[0], d.digits[1]
	switch {
	case d.plus:
		if first != 0 && d.n >= fewestPhone {
			return d.end
		}
	case first == 0 && second == 0 && d.n > 2:
		if d.digits[2] != 0 && (d.n >= 11 || d.n >= 9 && d.separators > 0) {
			return d.end
		}
	case d.isNorthAmerican():
		return d.end
	case first == 0 && d.n >= 8 && d.n <= 13 && (d.separators > 0 || d.inBrackets > 0) && !isDate(text[i:d.end]):
		return d.end
	}
	return 0
}

// isNorthAmerican reports whether it is (415) 555-2671, 415-555-2671, 415.555.2671, also with a 1 in front.
func (d *dialed) isNorthAmerican() bool {
	digits, groups := d.digits[:d.n], d.groups[:d.separators]
	if d.n == 11 && digits[0] == 1 && len(groups) == 3 && groups[0] == 1 {
		digits = digits[1:]
		groups = []int{groups[1] - 1, groups[2] - 1}
	} else if d.spaced && d.inBrackets != 3 { // three numbers
		return false
	}
	return len(digits) == 10 && len(groups) == 2 && groups[0] == 3 && groups[1] == 6 && digits[0] > 1 && digits[3] > 1
}

// isDate reports whether a text begins like 01.02.2026, 01/02/2026 or 01-02-2026.
func isDate(text string) bool {
	return len(text) >= 10 && text[2] == text[5] && !isDigit(text[2]) &&
		isDigit(text[0]) && isDigit(text[1]) && isDigit(text[3]) && isDigit(text[4]) &&
		isDigit(text[6]) && isDigit(text[7]) && isDigit(text[8]) && isDigit(text[9])
}
