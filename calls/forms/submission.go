package forms

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"beckon/internal/problem"
)

// The limits of what a visitor sends.
const (
	MaxFields = 100
	maxName   = 100 // bytes of a field's name
)

// redirectField is where the visitor wants to go on.
const redirectField = "_redirect"

// isReserved reports whether Beckon reads a field itself.
func isReserved(name string) bool {
	return strings.HasPrefix(name, "_") ||
		slices.Contains([]string{"altcha", "cf-turnstile-response", "h-captcha-response", "g-recaptcha-response"}, name)
}

// Value is a field as it was sent.
type Value struct {
	Name, Text string
	IsFile     bool  // Text is its content, or says what it is
	Bytes      int64 // of a file that is stored
}

// Submission is a form that a visitor has sent.
type Submission struct {
	Values   map[string]any // a text or a list of texts; true and false of a checkbox
	Solution string         // of the challenge
	Redirect string         // where the visitor wants to go on
	IsSpam   bool           // the field is filled that people do not see
}

// Read checks the values that a visitor has sent, and returns them by field. wrong explains the mistakes in the
// visitor's language; then the submission must not be used.
func (f Form) Read(sent []Value, words Words) (s Submission, wrong problem.Fields) {
	s.Values = map[string]any{}
	lists := map[string][]Value{}
	for _, v := range sent {
		switch {
		case f.Honeypot != "" && v.Name == f.Honeypot:
			s.IsSpam = s.IsSpam || strings.TrimSpace(v.Text) != ""
		case v.Name == redirectField:
			s.Redirect = v.Text
		case f.Challenge != "" && v.Name == solutionField[f.Challenge]:
			s.Solution = v.Text
		case isReserved(v.Name) || v.IsFile && v.Text == "":
		default:
			lists[v.Name] = append(lists[v.Name], v)
		}
	}
	if len(f.Fields) == 0 {
		return s, f.readAny(&s, lists, words)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		if message := f.Fields[name].read(&s, name, lists[name], words); message != "" {
			wrong.Add(name, "%s", message)
		}
	}
	return s, wrong
}

// readAny takes all fields, where the form declares none.
func (f Form) readAny(s *Submission, lists map[string][]Value, words Words) (wrong problem.Fields) {
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		if name == "" || len(name) > maxName {
			continue
		}
		one := Field{Multiple: true}
		if lists[name][0].IsFile {
			one.Type = File
		}
		if message := one.read(s, name, lists[name], words); message != "" {
			wrong.Add(name, "%s", message)
		}
	}
	return wrong
}

// read checks the values of a field, and adds them to s.
func (f Field) read(s *Submission, name string, sent []Value, words Words) (message string) {
	var values []any
	for _, v := range sent {
		text := strings.ReplaceAll(v.Text, "\r\n", "\n")
		if f.Type != Text && f.Type != "" && !v.IsFile {
			text = strings.TrimSpace(text)
		}
		if text == "" {
			continue
		}
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || v.IsFile != (f.Type == File) {
			return words.of(notText, 0)
		}
		if v.IsFile {
			if f.Max > 0 && v.Bytes > int64(f.Max) {
				return words.of(fileTooLarge, f.Max)
			}
		} else if message, limit := f.wrong(text); message != "" && f.Type != Checkbox {
			return words.of(message, limit)
		}
		values = append(values, text)
	}
	switch {
	case f.Required && (len(values) == 0 || strings.TrimSpace(fmt.Sprint(values...)) == ""):
		return words.of(required, 0)
	case f.Type == Checkbox:
		s.Values[name] = len(values) > 0
	case len(values) > 1 && !f.Multiple:
		return words.of(several, 0)
	case len(values) > 1:
		s.Values[name] = values
	case len(values) == 1:
		s.Values[name] = values[0]
	default:
		s.Values[name] = ""
	}
	return ""
}

// JSON returns the fields as an object.
func (s Submission) JSON() ([]byte, error) {
	text, err := json.Marshal(s.Values, json.Deterministic(true))
	return bytes.TrimSpace(text), err
}
