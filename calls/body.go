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

// bodyKind says how to read a body.
type bodyKind struct {
	format   bodyFormat
	boundary string   // of a multipart body
	charset  *charset // of the body, or of the fields of a form that declare none
}

type bodyFormat int

const (
	textFormat bodyFormat = iota
	jsonFormat
	urlencodedFormat
	multipartFormat
)

// supportedTypes is the last sentence of every error about an unsupported type.
const supportedTypes = "Send application/json, text/plain, application/x-www-form-urlencoded or multipart/form-data."

// CheckContentType checks, before the body is read, that ReadPrompt supports its Content-Type and Content-Encoding. The
// error is a problem: Unsupported, or Invalid for a multipart type without a valid boundary.
func CheckContentType(header http.Header) error {
	_, err := kindOf(header)
	return err
}

// kindOf returns how to read a body with this header.
func kindOf(header http.Header) (bodyKind, error) {
	if _, err := encodingsOf(header.Values("Content-Encoding")); err != nil {
		return bodyKind{}, err
	}
	types := header.Values("Content-Type")
	if len(types) > 1 {
		return bodyKind{}, unsupportedType("There is more than one Content-Type.")
	}
	if len(types) == 0 || types[0] == "" {
		return bodyKind{format: textFormat}, nil
	}
	name, parameters, err := parseMediaType(types[0])
	if err != nil {
		return bodyKind{}, unsupportedType("The Content-Type is malformed.")
	}
	kind, err := kindOfType(name, parameters)
	if err == nil {
		kind.charset, err = charsetOf(parameters["charset"])
	}
	return kind, err
}

// parseMediaType is mime.ParseMediaType, without the work for what nearly all calls send.
func parseMediaType(contentType string) (name string, parameters map[string]string, err error) {
	if contentType == "application/json" {
		return contentType, nil, nil
	}
	return mime.ParseMediaType(contentType)
}

// kindOfType returns how to read a body of a media type; name is in lower case.
func kindOfType(name string, parameters map[string]string) (bodyKind, error) {
	switch {
	case name == "application/json", strings.HasPrefix(name, "application/") && strings.HasSuffix(name, "+json"):
		return bodyKind{format: jsonFormat}, nil
	case isTextType(name):
		return bodyKind{format: textFormat}, nil
	case name == "application/x-www-form-urlencoded":
		return bodyKind{format: urlencodedFormat}, nil
	case name != "multipart/form-data":
		return bodyKind{}, unsupportedType("Beckon does not support the body's Content-Type.")
	}
	boundary := parameters["boundary"]
	if boundary == "" || len(boundary) > maxBoundary {
		return bodyKind{}, problem.New(problem.Invalid, problem.CodeInvalidForm,
			"The Content-Type multipart/form-data needs a boundary of 1 to %d characters.", maxBoundary)
	}
	return bodyKind{format: multipartFormat, boundary: boundary}, nil
}

// isTextType reports whether a media type is text other than JSON; name is in lower case.
func isTextType(name string) bool {
	switch name {
	case "application/xml", "application/yaml", "application/x-yaml", "application/x-ndjson", "application/ndjson":
		return true
	}
	return strings.HasPrefix(name, "text/") ||
		strings.HasPrefix(name, "application/") && strings.HasSuffix(name, "+xml")
}

// toUTF8 converts a body to UTF-8 and removes its byte order mark. It also returns how to read the result: a body that
// is labelled a form may be JSON or text. The fields of a form are converted later, each on its own.
func (k bodyKind) toUTF8(body []byte) ([]byte, bodyKind, error) {
	if k.format != urlencodedFormat && k.format != multipartFormat {
		var err error
		if body, err = k.charset.decode(body); err != nil {
			return nil, k, err
		}
		k.charset = nil
	}
	body = trimBOM(body)
	if k.format == urlencodedFormat {
		k.format = sniffFormat(body)
	}
	return body, k, nil
}

// sniffFormat returns the format of a body that was sent as application/x-www-form-urlencoded. The content decides,
// since curl, wget and urllib send bodies of any kind with that type.
func sniffFormat(body []byte) bodyFormat {
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && checkJSON(trimmed) == nil {
		return jsonFormat
	}
	hasNames := false
	for pair := range bytes.SplitSeq(trimmed, []byte("&")) {
		name, _, isPair := bytes.Cut(pair, []byte("="))
		if isPair && !isFormName(name) {
			return textFormat
		}
		hasNames = hasNames || isPair
	}
	if !hasNames {
		return textFormat
	}
	return urlencodedFormat
}

// isFormName reports whether name can be the output of a form encoder, which writes a space as a plus sign, and
// percent-encodes non-ASCII letters, colons, quotes and most brackets.
func isFormName(name []byte) bool {
	for i, c := range name {
		switch {
		case c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(":\"'`(){}<>"), c) >= 0:
			return false
		case c == '%' && (i+2 >= len(name) || !isHex(name[i+1]) || !isHex(name[i+2])):
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func unsupportedType(why string) error {
	return problem.New(problem.Unsupported, problem.CodeUnsupportedMediaType, "%s %s", why, supportedTypes)
}

// isForm reports whether the body is a form, of either type.
func (k bodyKind) isForm() bool { return k.format == multipartFormat || k.format == urlencodedFormat }

func trimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")) }

// textOf returns part, which is a slice of whole, as a string. It copies a part that is less than half of whole, so
// that the garbage collector can free the rest; a larger part shares its memory with whole.
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

// lineAndColumn returns a position in body for error messages, such as "line 2, column 5". Both count from 1, columns
// in bytes.
func lineAndColumn(body []byte, offset int64) string {
	before := body[:min(max(offset, 0), int64(len(body)))]
	return fmt.Sprintf("line %d, column %d", 1+bytes.Count(before, []byte("\n")),
		len(before)-bytes.LastIndexByte(before, '\n'))
}
