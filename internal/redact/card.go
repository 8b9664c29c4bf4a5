package redact

import "strings"

// The digits of a card number, by ISO/IEC 7812.
const (
	fewestCard = 13
	mostCard   = 19
	shortGroup = 3 // a group of fewer digits can only be the last one
)

// findCard finds numbers of cards: as many digits as a known network has, alone or in groups, whose last one is
// right by Luhn.
func findCard(text string, from int) (start, end int) {
	for i := from; i < len(text); {
		if !isDigit(text[i]) {
			i++
			continue
		}
		if startsGroup(text, i) {
			if end := cardAt(text, i); end > 0 {
				return i, end
			}
		}
		for i < len(text) && isDigit(text[i]) {
			i++
		}
	}
	return -1, -1
}

// startsGroup reports whether the digit at i is the first of a number, and not of the part behind its point.
func startsGroup(text string, i int) bool {
	isAfterDecimalPoint := i > 1 && text[i-1] == '.' && isDigit(text[i-2]) && !groupsByPoint(text, i)
	return i == 0 || !isDigit(text[i-1]) && !isAfterDecimalPoint
}

// groupsByPoint reports whether the point before i is between groups of four.
func groupsByPoint(text string, i int) bool { return i+4 < len(text) && text[i+4] == '.' }

// cardAt returns where the longest card number that begins at i ends; 0 where none does.
func cardAt(text string, i int) (end int) {
	var digits [mostCard]byte
	n, group := 0, 0
	for at := i; at < len(text); {
		if isDigit(text[at]) {
			if n == mostCard {
				break // a number that goes on is none of a card, and what is before it may be
			}
			digits[n] = text[at] - '0'
			n++
			group++
			at++
			last := at == len(text) || !isDigit(text[at])
			if last && n >= fewestCard && isNetwork(digits[:n]) && luhn(digits[:n]) {
				end = at
			}
			continue
		}
		width := separator(text, at)
		if width == 0 || group < shortGroup {
			break
		}
		group = 0
		at += width
	}
	return end
}

// separators are what may stand between the groups of a number besides blanks, dashes and points, one at a time.
var separators = []string{"\u00a0", "\u202f", "\u2009", "\u2010", "\u2011", "\u2012", "\u2013"}

// separator returns how long the separator at i is; 0 where there is none.
func separator(text string, i int) int {
	switch c := text[i]; {
	case c == ' ' || c == '-' || c == '.':
		return 1
	case c < 0x80:
		return 0
	}
	for _, s := range separators {
		if strings.HasPrefix(text[i:], s) {
			return len(s)
		}
	}
	return 0
}

// isNetwork reports whether a card network gives out numbers that begin so and are so long.
func isNetwork(d []byte) bool {
	two, four := int(d[0])*10+int(d[1]), 0
	for _, digit := range d[:4] {
		four = four*10 + int(digit)
	}
	switch n := len(d); {
	case d[0] == 4: // Visa
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case two == 34 || two == 37: // American Express
		return n == 15
	case two == 36, two == 38, two == 39, four >= 3000 && four <= 3059: // Diners Club
		return n >= 14
	case four >= 3528 && four <= 3589, four >= 2200 && four <= 2204: // JCB, Mir
		return n >= 16
	case two == 50 || two >= 56 && two <= 58, d[0] == 6: // Maestro, Discover, UnionPay, RuPay
		return true
	}
	return false
}

// luhn reports whether the last digit is right: ISO/IEC 7812-1, annex B.
func luhn(d []byte) bool {
	sum, same := 0, true
	for i, digit := range d {
		v := int(digit)
		if (len(d)-i)%2 == 0 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
		same = same && digit == d[0]
	}
	return sum%10 == 0 && !same
}
