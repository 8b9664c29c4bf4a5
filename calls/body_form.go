package calls

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode/utf8"

	"beckon/internal/problem"
)

// The bounds of a form.
const (
	maxFields          = 1000
	maxPartHeaders     = 16
	maxPartHeaderBytes = 8 << 10
	maxBoundary        = 70 // RFC 2046, section 5.1.1
)

// field is one field of a form, in the order in which they were sent. The value of a file says what it was.
type field struct {
	name, value string
	isFile      bool
}

func (k bodyKind) fields(body []byte) ([]field, error) {
	if k.format == multipartFormat {
		return multipartFields(body, k.boundary)
	}
	return urlencodedFields(body)
}

// promptOfFields takes the field prompt, and agent and sessionId beside it, or else all fields as lines.
func promptOfFields(fields []field) (Prompt, error) {
	var p Prompt
	known := map[string]*string{"prompt": &p.Text, "agent": &p.Agent, "sessionId": &p.SessionID}
	seen, twice := map[string]bool{}, ""
	for _, f := range fields {
		into := known[f.name]
		if into == nil || f.isFile {
			continue
		}
		if seen[f.name] && twice == "" {
			twice = f.name
		}
		seen[f.name] = true
		*into = f.value
	}
	switch {
	case !seen["prompt"]:
		return Prompt{Text: linesOf(fields)}, nil
	case twice != "":
		return Prompt{}, invalidParameter(twice, "is in the form more than once")
	}
	p.Agent, p.SessionID = strings.Clone(p.Agent), strings.Clone(p.SessionID) // which are parts of the body
	return p, checkSessionID(p.SessionID)
}

func linesOf(fields []field) string {
	size := 0
	for _, f := range fields {
		size += len(f.name) + len(": ") + len(f.value) + len("\n")
	}
	var lines strings.Builder
	lines.Grow(size)
	for i, f := range fields {
		if i > 0 {
			lines.WriteByte('\n')
		}
		lines.WriteString(f.name)
		lines.WriteString(": ")
		lines.WriteString(f.value)
	}
	return lines.String()
}

func urlencodedFields(body []byte) ([]field, error) {
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
		fields = append(fields, field{name: name, value: value})
	}
	return fields, checkFields(fields)
}

// multipartFields reads the parts over the body that is in memory already; a part costs no more than a few objects.
func multipartFields(body []byte, boundary string) ([]field, error) {
	var fields []field
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := reader.NextPart()
		if err == io.EOF { // a wrapped one says that the end is missing
			return fields, checkFields(fields)
		}
		if err != nil {
			return nil, invalidForm("The form is not valid multipart/form-data, or it is cut off.")
		}
		if len(fields) == maxFields {
			return nil, tooManyFields()
		}
		f, err := readPart(part)
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
}

func readPart(part *multipart.Part) (field, error) {
	count, size := 0, 0
	for name, values := range part.Header {
		for _, value := range values {
			count++
			size += len(name) + len(value)
		}
	}
	if count > maxPartHeaders || size > maxPartHeaderBytes {
		return field{}, invalidForm("A part of the form has too many or too large headers.")
	}
	f := field{name: part.FormName()}
	if f.name == "" {
		return field{}, invalidForm("A part of the form has no name.")
	}
	if file := part.FileName(); file != "" {
		n, err := io.Copy(io.Discard, part)
		if err != nil {
			return field{}, invalidForm("The form is cut off within a file.")
		}
		mediaType := part.Header.Get("Content-Type")
		if mediaType == "" {
			mediaType = "application/octet-stream"
		}
		f.isFile, f.value = true, fmt.Sprintf("%s (%s, %d bytes)", file, mediaType, n)
		return f, nil
	}
	var value bytes.Buffer
	if _, err := value.ReadFrom(part); err != nil {
		return field{}, invalidForm("The form is cut off within a field.")
	}
	f.value = value.String()
	return f, nil
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
