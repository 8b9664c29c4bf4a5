package calls

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"beckon/agents"
	"beckon/calls/senders"
	"beckon/internal/problem"
)

// The limits of the files that a visitor sends with a form.
const (
	maxFormFiles = 10
	maxFileText  = 32 << 10 // how many bytes of the text files, all together, become part of the prompt
)

// formFile is a file of a client's form.
type formFile struct {
	agents.Artifact
	field string // the name of the form's field
	text  string // the content, or its beginning; "" if it is not text
	isCut bool   // text is not all of the content
}

// storeFormFile stores a file of a client's form. It does not store a file in a field that the form does not have, or
// that is not for files.
func (c *Call) storeFormFile(ctx context.Context, f sentFile) (field, error) {
	u := c.request.upload
	if !c.Client.Form.TakesFile(f.field) {
		return field{isBinary: true, value: senders.Clean(f.name)}, nil
	}
	if len(u.files) == maxFormFiles {
		return field{}, problem.New(problem.TooLarge, problem.CodeInvalidForm,
			"The form has more than %d files.", maxFormFiles)
	}
	head := &limitedBuffer{limit: maxFileText - u.textBytes()}
	content := io.TeeReader(fileReader{f.content}, head)
	a, err := c.service.Runs.Upload(ctx, u.runID, c.Client.ID, c.Client.Content, f.name, f.mediaType, content)
	if err != nil {
		return field{}, err
	}
	fieldName := strings.Join(strings.Fields(senders.Clean(f.field)), " ")
	sent := formFile{Artifact: a, field: fieldName, text: textOfFile(a, head.Bytes())}
	sent.isCut = sent.text != "" && int64(head.Len()) < a.Bytes
	u.files, u.formFiles = append(u.files, a), append(u.formFiles, sent)
	if err := c.request.held.Body(int64(len(sent.text))); err != nil {
		return field{}, err
	}
	return field{
		isBinary: true,
		value:    description(a.Name, a.MediaType, a.Bytes),
		sha256:   a.SHA256,
		bytes:    a.Bytes,
	}, nil
}

// limitedBuffer keeps the first limit bytes that are written to it, and drops the rest without an error.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.limit-b.Len()))])
	return len(p), nil
}

// textOfFile returns head, the beginning of a file, as text, or "" if the content is not text, whatever type was
// declared. A file that is not UTF-8 is read as UTF-16 if it has a byte order mark, otherwise as windows-1252, as
// browsers do.
func textOfFile(a agents.Artifact, head []byte) string {
	if !strings.HasPrefix(a.MediaType, "text/") && a.MediaType != "image/svg+xml" {
		return ""
	}
	whole, name := wholeRunes(head), ""
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		name = "utf-16"
	case !isText(whole):
		name = "windows-1252"
	}
	cs, err := charsetOf(name)
	if err == nil && cs != nil {
		whole, err = cs.decode(head)
	}
	if whole = trimBOM(whole); err != nil || !isText(whole) {
		return ""
	}
	return string(whole)
}

func (u *upload) textBytes() (sum int) {
	for _, f := range u.formFiles {
		sum += len(f.text)
	}
	return sum
}

// lineBreaks indents every line but the first. It replaces all characters that a model may take for the end of a line.
var lineBreaks = strings.NewReplacer("\r\n", "\n  ", "\n", "\n  ", "\r", "\n  ", "\v", "\n  ", "\f", "\n  ",
	"\u0085", "\n  ", "\u2028", "\n  ", "\u2029", "\n  ")

// textOfFiles returns the part of a prompt that has the texts of the files, below the fields. Their lines are
// indented, so that none looks like a field.
func (u *upload) textOfFiles() string {
	var b strings.Builder
	for _, f := range u.formFiles {
		if f.text == "" {
			continue
		}
		fmt.Fprintf(&b,
			"\n\nThe text of the file %s (%s):\n  %s", f.Name, f.field, lineBreaks.Replace(strings.TrimSpace(f.text)))
		if f.isCut {
			fmt.Fprintf(&b, "\n  … (cut; the file has %d bytes)", f.Bytes)
		}
	}
	return b.String()
}

// filesData returns the files of a form as data of the client's template.
func (r *Request) filesData() []any {
	list := []any{}
	if r.upload == nil {
		return list
	}
	for _, f := range r.upload.formFiles {
		file := map[string]any{
			"field":     f.field,
			"name":      f.Name,
			"mediaType": f.MediaType,
			"bytes":     f.Bytes,
			"text":      f.text,
		}
		list = append(list, file)
	}
	return list
}
