// Package redact blacks out personal data and secrets in texts: "ada@example.com" becomes "[email]".
//
// Every kind is found by a scanner that reads a text once, with a bounded look around each candidate, so that its
// time grows with the length of the text and not with what is in it. Patterns of users are RE2. What was blacked
// out once stays as it is.
package redact

import (
	"slices"
	"strings"
	"time"
)

// The kinds, in the order in which they are looked for: a key may look like a phone number, and not the other way
// round.
const (
	Key   = "key"
	JWT   = "jwt"
	Email = "email"
	IBAN  = "iban"
	Card  = "card"
	Phone = "phone"
)

// Kinds returns all kinds, as users name them.
func Kinds() []string { return []string{Email, Phone, Card, IBAN, JWT, Key} }

// finder returns the first place in a text at or behind from that is to be blacked out; start is -1 where there is
// none. It is called again with from behind what it has found.
type finder func(text string, from int) (start, end int)

// newFinders are those of the kinds, in their order. Some remember what they have seen of the text, so that each
// text gets new ones.
var newFinders = []struct {
	kind string
	of   func() finder
}{
	{Key, findKeys}, {JWT, func() finder { return findJWT }}, {Email, func() finder { return findEmail }},
	{IBAN, func() finder { return findIBAN }}, {Card, func() finder { return findCard }}, {Phone, func() finder { return findPhone }},
}

// plain blacks out one text that is not JSON. Where it has escapes of JSON in it, it is looked at as they read, too.
func (r *Rules) plain(text string, deadline time.Time) string {
	for times := min(escapedTimes(text), maxNested); times >= 0; times-- {
		for _, f := range newFinders {
			if slices.Contains(r.Kinds, f.kind) {
				text = replace(text, times, "["+f.kind+"]", f.of())
			}
		}
		for _, p := range r.patterns {
			found, inTime := matcher(p, deadline)
			if text = replace(text, times, other, found); !*inTime {
				return other // it is not known what else is in it
			}
		}
	}
	return text
}

// replace writes instead in the place of everything that find finds in a text, unescaped so many times.
func replace(text string, times int, instead string, find finder) string {
	read, at := text, func(i int) int { return i }
	if times > 0 {
		read, at = unescaped(text, times)
	}
	start, end := find(read, 0)
	if start < 0 {
		return text
	}
	var b strings.Builder
	done := 0
	for start >= 0 {
		b.WriteString(text[done:at(start)])
		b.WriteString(instead)
		done = at(end)
		start, end = find(read, end)
	}
	b.WriteString(text[done:])
	return b.String()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isWord(c byte) bool { return isDigit(c) || isLetter(c) || c == '_' }

// base64URL and token68 have the characters of base64url, and of what stands behind Bearer: RFC 9110, section 11.2.
var base64URL, token68 = func() (narrow, wide [256]bool) {
	for c := range 256 {
		narrow[c] = isWord(byte(c)) || c == '-'
		wide[c] = narrow[c] || strings.IndexByte(".~+/=", byte(c)) >= 0
	}
	return narrow, wide
}()

func isBase64URL(c byte) bool { return base64URL[c] }

func isToken68(c byte) bool { return token68[c] }
