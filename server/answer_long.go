package server

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"beckon/internal/memory"
)

const (
	// longText is from where on a text is written to its caller piece by piece, and not put into a document first: its
	// caller may take a minute to read it.
	longText = 64 << 10
	// quotedAtOnce is how much of it is quoted at once.
	quotedAtOnce = 32 << 10
)

// emptyResponse is where the text belongs in an answer without it.
var emptyResponse = []byte(`"response":""`)

// answerLong answers with a, whose response is a long text.
func answerLong(c echo.Context, status int, a callAnswer) error {
	text := a.Response
	a.Response = ""
	document, err := encodeJSON(a)
	if err != nil {
		return err
	}
	before, after, _ := bytes.Cut(document, emptyResponse)
	before, after = append(before, emptyResponse[:len(emptyResponse)-1]...), append([]byte(`"`), after...)
	size := len(before) + len(after)
	_ = eachQuoted(text, func(piece []byte) error { size += len(piece); return nil })

	response := c.Response()
	response.Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	response.Header().Set(echo.HeaderContentLength, strconv.Itoa(size))
	response.WriteHeader(status)
	if _, err = response.Write(before); err != nil {
		return err
	}
	if err := eachQuoted(text, func(piece []byte) error { _, err := response.Write(piece); return err }); err != nil {
		return err
	}
	_, err = response.Write(after)
	return err
}

// eachQuoted calls use with the parts of text as a JSON string, without its quotes. They are good until use returns.
func eachQuoted(text string, use func(piece []byte) error) error {
	quoted := make([]byte, 0, quotedAtOnce+quotedAtOnce/4)
	for len(text) > 0 {
		n := min(len(text), quotedAtOnce)
		for back := 1; n < len(text) && back < utf8.UTFMax && !utf8.RuneStart(text[n]); back++ {
			n-- // a character is not cut in two
		}
		quoted, _ = jsontext.AppendQuote(quoted[:0], memory.Bytes(text[:n])) // what is not UTF-8 is replaced
		if err := use(quoted[1 : len(quoted)-1]); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}
