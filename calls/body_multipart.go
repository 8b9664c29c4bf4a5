package calls

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"unicode/utf8"

	"beckon/internal/memory"
	"beckon/internal/problem"
)

// The limits of a multipart form.
const (
	maxPartHeaders     = 16
	maxPartHeaderBytes = 8 << 10
	maxBoundary        = 70 // RFC 2046, section 5.1.1

	textHead = 3 << 10 // how many bytes of a file are examined to find out whether it may be text
)

// formReader reads a multipart form part by part. It holds fields and text files in memory, and passes other files to
// onFile while it reads them.
type formReader struct {
	charset  *charset                // of the parts that declare none
	limit    int64                   // how many bytes of text the form may have
	reserve  func(bytes int64) error // reserves memory for text; nil reserves none
	onFile   func(f sentFile) (field, error)
	allFiles bool // text files are passed to onFile too
}

// sentFile is a file of a form that is being read.
type sentFile struct {
	field     string // the name of the form's field
	name      string // of the file
	mediaType string // as declared by the caller; the content may be something else
	content   io.Reader
}

// describeFile returns a field whose value describes a file that is not text.
func describeFile(f sentFile) (field, error) {
	size, err := io.Copy(io.Discard, f.content)
	if err != nil {
		return field{}, invalidForm("The form is cut off within a file.")
	}
	return field{isBinary: true, value: description(f.name, f.mediaType, size)}, nil
}

// description describes a file in a prompt that does not have its content.
func description(name, mediaType string, bytes int64) string {
	return fmt.Sprintf("%s (%s, %d bytes)", name, mediaType, bytes)
}

// read returns the fields of the form, in the order in which they were sent.
func (f *formReader) read(body io.Reader, boundary string) (fields []field, err error) {
	left := f.limit
	reader := multipart.NewReader(body, boundary)
	for {
		part, err := reader.NextPart()
		if err == io.EOF { // not errors.Is: a wrapped io.EOF means that the closing boundary is missing
			return fields, checkFields(fields)
		}
		if err != nil {
			return nil, formError(err, "The form is not valid multipart/form-data, or it is cut off.")
		}
		if len(fields) == maxFields {
			return nil, tooManyFields()
		}
		one, err := f.readPart(part, &left)
		if err != nil {
			return nil, err
		}
		fields = append(fields, one)
	}
}

// formError says why a form cannot be read, unless the error says so itself.
func formError(err error, detail string) error {
	if isProblem(err) {
		return err
	}
	return invalidForm(detail)
}

func isProblem(err error) bool {
	_, ok := errors.AsType[*problem.Error](err)
	return ok
}

func (f *formReader) readPart(part *multipart.Part, left *int64) (field, error) {
	count, size := 0, 0
	for name, values := range part.Header {
		for _, value := range values {
			count++
			size += len(name) + len(value)
		}
	}
	if count > maxPartHeaders || size > maxPartHeaderBytes {
		return field{}, invalidForm("A part of the form has too many headers, or headers that are too large.")
	}
	name, cs := part.FormName(), f.charset
	if name == "" {
		return field{}, invalidForm("A part of the form has no name.")
	}
	mediaType, parameters, _ := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if declared := parameters["charset"]; declared != "" {
		var err error
		if cs, err = charsetOf(declared); err != nil {
			return field{}, err
		}
	}
	if fileName := part.FileName(); fileName != "" {
		one, err := f.readFile(sentFile{name, fileName, cmp.Or(mediaType, "application/octet-stream"), part}, cs, left)
		one.name = name
		return one, err
	}
	value, err := f.readText(part, left)
	if err != nil {
		return field{}, formError(err, "The form is cut off within a field.")
	}
	one := field{name: name, value: memory.Text(value)}
	return one, one.toUTF8(cs)
}

// readText reads text up to the limit of the form.
func (f *formReader) readText(in io.Reader, left *int64) ([]byte, error) {
	reserve := f.reserve
	if reserve == nil {
		reserve = func(int64) error { return nil }
	}
	text, err := memory.ReadAll(io.LimitReader(in, *left+1), -1, reserve)
	if err != nil {
		return nil, err
	}
	if *left -= int64(len(text)); *left < 0 {
		return nil, TooLarge(f.limit)
	}
	return text, nil
}

// readFile reads a file of a form. The content decides whether a file is text: many programs send text files as
// application/octet-stream.
func (f *formReader) readFile(sent sentFile, cs *charset, left *int64) (field, error) {
	if f.allFiles {
		return f.onFile(sent)
	}
	content := bufio.NewReaderSize(sent.content, textHead)
	if isTextType(sent.mediaType) || strings.HasSuffix(sent.mediaType, "json") ||
		sent.mediaType == "application/octet-stream" {
		head, _ := content.Peek(textHead) // reading the rest returns the same error
		if cs != nil || isText(wholeRunes(head)) {
			all, err := f.readText(content, left)
			if err != nil {
				return field{}, formError(err, "The form is cut off within a file.")
			}
			text, err := cs.decode(all)
			if err == nil && isText(text) {
				return field{value: string(trimBOM(text)), fileName: sent.name}, nil
			}
			content = bufio.NewReader(bytes.NewReader(all))
		}
	}
	sent.content = content
	return f.onFile(sent)
}

// wholeRunes returns text without an incomplete UTF-8 character at its end.
func wholeRunes(text []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if last := text[len(text)-n:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return text[:len(text)-n]
			}
			break
		}
	}
	return text
}
