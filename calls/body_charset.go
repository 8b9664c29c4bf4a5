package calls

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"beckon/internal/problem"
)

// charset is the character encoding of a body or of a part of it. Nil is UTF-8.
type charset struct{ encoding.Encoding }

// charsetOf finds a charset by the names that browsers use (https://encoding.spec.whatwg.org), where ISO-8859-1 means
// windows-1252.
func charsetOf(name string) (*charset, error) {
	switch name = strings.ToLower(strings.TrimSpace(name)); name {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return nil, nil
	case "utf-16": // little-endian, as browsers read it, unless a byte order mark says otherwise
		return &charset{unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)}, nil
	}
	found, err := htmlindex.Get(name)
	if err != nil || found == encoding.Replacement {
		return nil, unsupportedType("Beckon does not know the body's charset. Send it in UTF-8.")
	}
	return &charset{found}, nil
}

// decode converts text to UTF-8. Bytes that are not valid in the charset become U+FFFD, as in browsers; the decoders of
// x/text return no error for them.
func (c *charset) decode(text []byte) ([]byte, error) {
	if c == nil {
		return text, nil
	}
	decoded, err := c.NewDecoder().Bytes(text)
	if err != nil {
		return nil, problem.New(problem.Invalid, problem.CodeInvalidText,
			"The text is not valid in the charset that it declares. Send it in UTF-8.").Because(err)
	}
	return decoded, nil
}
