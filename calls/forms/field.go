package forms

import (
	"maps"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"beckon/internal/problem"
)

// The types of fields.
const (
	Text     = "text" // the default
	Email    = "email"
	URL      = "url"
	Tel      = "tel"
	Number   = "number"
	Date     = "date"
	Choice   = "choice"
	Checkbox = "checkbox"
	File     = "file"
)

// Types lists the types of fields.
func Types() []string {
	return []string{Text, Email, URL, Tel, Number, Date, Choice, Checkbox, File}
}

// defaultMax is how many characters a field may have that says nothing, and maxEmail those of an address (RFC 5321).
const (
	defaultMax = 10000
	maxEmail   = 254
)

// Field is one that a form declares.
type Field struct {
	Type     string `json:"type,omitempty" yaml:"type,omitempty"`
	Required bool   `json:"required,omitempty" yaml:"required,omitempty"`
	Min      int    `json:"min,omitempty" yaml:"min,omitempty"` // characters; of a number its value
	// characters; of a number its value, of a file bytes
	Max      int      `json:"max,omitempty" yaml:"max,omitempty"`
	Options  []string `json:"options,omitempty" yaml:"options,omitempty"` // of a choice
	Multiple bool     `json:"multiple,omitempty" yaml:"multiple,omitempty"`
}

func (f Field) check() (found problem.Fields) {
	if f.Type != "" && !slices.Contains(Types(), f.Type) {
		found.Add("type", "must be one of %s", strings.Join(Types(), ", "))
	}
	if (f.Type == Choice) != (len(f.Options) > 0) {
		found.Add("options", "are the values of a choice, and of nothing else")
	}
	if f.Max != 0 && f.Max < f.Min || f.Type != Number && (f.Min < 0 || f.Max < 0) {
		found.Add("max", "must not be negative, or less than min")
	}
	if f.Multiple && f.Type != Choice && f.Type != File {
		found.Add("multiple", "is for the types choice and file")
	}
	return found
}

// wrong returns what is wrong with a value, as a message; empty if nothing is.
func (f Field) wrong(value string) (message string, limit int) {
	length := utf8.RuneCountInString(value)
	most := f.Max
	if most == 0 {
		most = defaultMax
	}
	if f.Type == Number {
		return f.wrongNumber(value)
	}
	switch {
	case length > most:
		return tooLong, most
	case length < f.Min:
		return tooShort, f.Min
	}
	good := true
	switch f.Type {
	case Email:
		good = isEmail(value)
	case URL:
		_, good = absolute(value)
	case Tel:
		good = isTel(value)
	case Date:
		_, err := time.Parse(time.DateOnly, value)
		good = err == nil
	case Choice:
		good = slices.Contains(f.Options, value)
	}
	if !good {
		return "not_" + f.Type, 0
	}
	return "", 0
}

func (f Field) wrongNumber(value string) (message string, limit int) {
	n, err := strconv.ParseFloat(value, 64)
	switch {
	case err != nil || n != n || len(value) > 40 || strings.ContainsAny(value, "xXpPiI_"):
		return "not_number", 0
	case n < float64(f.Min) && (f.Min != 0 || f.Max != 0):
		return tooSmall, f.Min
	case f.Max != 0 && n > float64(f.Max):
		return tooLarge, f.Max
	}
	return "", 0
}

// isEmail reports whether a text is one address, and nothing that a mail's header could take for more.
func isEmail(text string) bool {
	address, err := mail.ParseAddress(text)
	if err != nil || address.Address != text || len(text) > maxEmail {
		return false
	}
	_, host, _ := strings.Cut(text, "@")
	return !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`"(),:;<>[]\`, r)
	}) &&
		strings.Contains(host, ".")
}

// ReplyTo returns the mail address that a visitor has typed. It is the value of the first field of type email or,
// if the form declares no fields, of a field that is named like one. It is empty if there is no address, or if mail
// programs could interpret it in different ways.
func (f Form) ReplyTo(values map[string]string) string {
	names := []string{"email", "e-mail", "mail"}
	if len(f.Fields) > 0 {
		names = slices.Sorted(maps.Keys(f.Fields))
	}
	for _, name := range names {
		address := strings.TrimSpace(values[name])
		if (len(f.Fields) == 0 || f.Fields[name].Type == Email) && address != "" && isEmail(address) {
			if strings.Contains(address, "=?") ||
				strings.ContainsFunc(address, func(r rune) bool { return r > unicode.MaxASCII }) {
				return "" // it may be shown as another one
			}
			return address
		}
	}
	return ""
}

func isTel(text string) bool {
	digits := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case !strings.ContainsRune("+()-./ #", r):
			return false
		}
	}
	return digits >= 3 && digits <= 20
}
