package redact

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// maxNested is how many texts in JSON may be JSON again, one in the other.
const maxNested = 3

// any blacks out a text, whatever it is.
func (r *Rules) any(text string, deadline time.Time, nested int) string {
	if nested <= maxNested && looksLikeJSON(text) &&
		jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
		return r.json(text, deadline, nested)
	}
	return r.plain(text, deadline)
}

func looksLikeJSON(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n")
	return text != "" && (text[0] == '{' || text[0] == '[' || text[0] == '"')
}

// json blacks out the texts, names and numbers of valid JSON, and leaves all else where it is.
func (r *Rules) json(text string, deadline time.Time, nested int) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"':
			end := endOfString(text, i)
			b.WriteString(r.jsonString(text[i:end], deadline, nested))
			i = end
		case c == '-' || isDigit(c):
			end := i + 1
			for end < len(text) && strings.IndexByte("+-.eE0123456789", text[end]) >= 0 {
				end++
			}
			number := text[i:end]
			if redacted := r.plain(number, deadline); redacted != number {
				number = quote(redacted)
			}
			b.WriteString(number)
			i = end
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}

// endOfString returns where the JSON string that begins at i ends.
func endOfString(text string, i int) int {
	for i++; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(text))
}

func (r *Rules) jsonString(quoted string, deadline time.Time, nested int) string {
	decoded, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil && len(decoded) == 0 {
		return quoted // it has been found valid before; what is not UTF-8 is replaced, and an error as well
	}
	value := string(decoded)
	if redacted := r.any(value, deadline, nested+1); redacted != value {
		return quote(redacted)
	}
	return quoted
}

func quote(text string) string {
	quoted, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "\uFFFD"))
	return string(quoted)
}
