package calls

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"beckon/internal/memory"
	"beckon/internal/problem"
)

// bodyKind is how a body is to be read.
type bodyKind struct {
	format   bodyFormat
	boundary string // of multipart
}

type bodyFormat int

const (
	textFormat bodyFormat = iota
	jsonFormat
	urlencodedFormat
	multipartFormat
)

// supportedTypes ends the message of every refused type.
const supportedTypes = "Send application/json, text/plain, application/x-www-form-urlencoded or multipart/form-data, in UTF-8."

// CheckContentType refuses what ReadPrompt could not read, before the body has arrived. The error is a problem:
// Unsupported, or Invalid for a multipart type without a boundary.
func CheckContentType(header http.Header) error {
	_, err := kindOf(header)
	return err
}

func kindOf(header http.Header) (bodyKind, error) {
	for _, encoding := range header.Values("Content-Encoding") {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return bodyKind{}, problem.New(problem.Unsupported, problem.CodeUnsupportedEncoding, "The body is encoded, and Beckon decodes none. Send it without Content-Encoding.")
		}
	}
	types := header.Values("Content-Type")
	if len(types) > 1 {
		return bodyKind{}, unsupportedType("There is more than one Content-Type.")
	}
	if len(types) == 0 || types[0] == "" {
		return bodyKind{format: textFormat}, nil
	}
	name, parameters, err := mime.ParseMediaType(types[0])
	if err != nil {
		return bodyKind{}, unsupportedType("The Content-Type is malformed.")
	}
	switch charset := strings.ToLower(parameters["charset"]); charset {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
	default:
		return bodyKind{}, unsupportedType("The body's charset is not UTF-8.")
	}
	return kindOfType(name, parameters)
}

func kindOfType(name string, parameters map[string]string) (bodyKind, error) {
	switch {
	case name == "application/json", strings.HasPrefix(name, "application/") && strings.HasSuffix(name, "+json"):
		return bodyKind{format: jsonFormat}, nil
	case strings.HasPrefix(name, "text/"):
		return bodyKind{format: textFormat}, nil
	case name == "application/x-www-form-urlencoded":
		return bodyKind{format: urlencodedFormat}, nil
	case name != "multipart/form-data":
		return bodyKind{}, unsupportedType("Beckon does not understand the body's Content-Type.")
	}
	boundary := parameters["boundary"]
	if boundary == "" || len(boundary) > maxBoundary {
		return bodyKind{}, problem.New(problem.Invalid, problem.CodeInvalidForm, "The Content-Type multipart/form-data needs a boundary of 1 to %d characters.", maxBoundary)
	}
	return bodyKind{multipartFormat, boundary}, nil
}

func unsupportedType(why string) error {
	return problem.New(problem.Unsupported, problem.CodeUnsupportedMediaType, "%s %s", why, supportedTypes)
}

// isForm reports whether the body has fields. An urlencoded body without any "=" is what curl -d 'Write a haiku'
// sends: a text.
func (k bodyKind) isForm(body []byte) bool {
	return k.format == multipartFormat || k.format == urlencodedFormat && bytes.IndexByte(body, '=') >= 0
}

func trimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")) }

// textOf returns a part of a body as a string. It is not copied, unless it would keep alive a whole that is far larger.
func textOf(part, whole []byte) string {
	if len(part) < len(whole)/2 {
		return string(part)
	}
	return memory.Text(part)
}

func checkUTF8(body []byte) error {
	if !utf8.Valid(body) {
		return errUTF8()
	}
	return nil
}

// lineAndColumn makes a position for people; both count from 1, columns in bytes.
func lineAndColumn(body []byte, offset int64) string {
	before := body[:min(max(offset, 0), int64(len(body)))]
	return fmt.Sprintf("line %d, column %d", 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'))
}
