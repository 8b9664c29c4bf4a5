package calls

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"beckon/internal/problem"
)

// maxFields limits the number of fields of a form.
const maxFields = 1000

// field is a field of a form. The value of a text file is its content; that of a binary file is a description of it.
type field struct {
	name, value string
	fileName    string // of a text file; empty for other fields
	isBinary    bool   // a binary file
	sha256      string // of a file that was stored
	bytes       int64  // of a file that was stored
}

// fields returns the fields of a form, in the order in which they were sent.
func (k bodyKind) fields(body []byte) ([]field, error) {
	if k.format == multipartFormat {
		form := &formReader{charset: k.charset, limit: int64(len(body)), onFile: describeFile}
		return form.read(bytes.NewReader(body), k.boundary)
	}
	return urlencodedFields(body, k.charset)
}

// promptOfFields reads the fields prompt, agent and sessionId. Without a field prompt, all fields are the prompt, one
// per line.
func promptOfFields(fields []field) (Prompt, error) {
	var p Prompt
	known := map[string]*string{"prompt": &p.Text, "agent": &p.Agent, "sessionId": &p.SessionID}
	seen, repeated := map[string]bool{}, ""
	for _, f := range fields {
		member := known[f.name]
		if member == nil || f.isBinary {
			continue
		}
		if seen[f.name] && repeated == "" {
			repeated = f.name
		}
		seen[f.name] = true
		*member = f.value
	}
	switch {
	case !seen["prompt"]:
		return Prompt{Text: linesOf(fields)}, nil
	case repeated != "":
		return Prompt{}, invalidParameter(repeated, "is in the form more than once")
	}
	p.Agent, p.SessionID = strings.Clone(p.Agent), strings.Clone(p.SessionID) // which share memory with the body
	return p, checkSessionID(p.SessionID)
}

// linesOf writes fields as lines "name: value"; a text file is "name: filename" and its content below.
func linesOf(fields []field) string {
	size := 0
	for _, f := range fields {
		size += len(f.name) + len(": ") + len(f.fileName) + len("\n") + len(f.value) + len("\n")
	}
	var lines strings.Builder
	lines.Grow(size)
	for i, f := range fields {
		if i > 0 {
			lines.WriteByte('\n')
		}
		lines.WriteString(f.name)
		lines.WriteString(": ")
		if f.fileName != "" {
			lines.WriteString(f.fileName)
			lines.WriteByte('\n')
		}
		lines.WriteString(f.value)
	}
	return lines.String()
}

func urlencodedFields(body []byte, cs *charset) ([]field, error) {
	var fields []field
	for pair := range strings.SplitSeq(string(bytes.TrimRight(body, "\r\n")), "&") {
		if pair == "" {
			continue
		}
		if len(fields) == maxFields {
			return nil, tooManyFields()
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return nil, invalidForm("A percent sign in the form is not followed by two hexadecimal digits. " +
				"To send text as it is, send it with Content-Type: text/plain.")
		}
		f := field{name: name, value: value}
		if err := f.toUTF8(cs); err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	return fields, checkFields(fields)
}

// toUTF8 converts the name and value from a charset.
func (f *field) toUTF8(cs *charset) error {
	if cs == nil {
		return nil
	}
	name, err := cs.decode([]byte(f.name))
	if err != nil {
		return err
	}
	value, err := cs.decode([]byte(f.value))
	f.name, f.value = string(name), string(value)
	return err
}

// isText reports whether content is UTF-8 without control characters, except line breaks, form feeds and tabs.
func isText(content []byte) bool {
	return utf8.Valid(content) && !bytes.ContainsFunc(content, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' || r == 0x7f
	})
}

func checkFields(fields []field) error {
	for _, f := range fields {
		if !utf8.ValidString(f.name) || !utf8.ValidString(f.value) {
			return errUTF8()
		}
	}
	return nil
}

func tooManyFields() error {
	return invalidForm(fmt.Sprintf("The form has more than %d fields.", maxFields))
}

func invalidForm(detail string) error {
	return problem.New(problem.Invalid, problem.CodeInvalidForm, "%s", detail)
}
