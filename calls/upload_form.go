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
	maxFileText  = 32 << 10 // bytes of all text files together that a prompt has
)

// formFile is a file of a form, with its text where it is text by its content.
type formFile struct {
	agents.Artifact
	field string // its name in the form
	text  string // its beginning, or all of it
	isCut bool
}

// storeFormFile stores a file of a client's form. What a visitor sends where the form has no place for a file is not stored.
func (c *Call) storeFormFile(ctx context.Context, f sentFile) (field, error) {
	u := c.request.upload
	if !c.Client.Form.TakesFile(f.field) {
		return field{isBinary: true, value: senders.Clean(f.name)}, nil
	}
	if len(u.files) == maxFormFiles {
		return field{}, problem.New(problem.TooLarge, problem.CodeInvalidForm, "The form has more than %d files.", maxFormFiles)
	}
	head := &limitedBuffer{limit: maxFileText - u.textBytes()}
	a, err := c.service.Runs.Upload(ctx, u.runID, c.Client.ID, c.Client.Content, f.name, f.mediaType, io.TeeReader(fileReader{f.content}, head))
	if err != nil {
		return field{}, err
	}
	sent := formFile{Artifact: a, field: strings.Join(strings.Fields(senders.Clean(f.field)), " "), text: textOfFile(a, head.Bytes())}
	sent.isCut = sent.text != "" && int64(head.Len()) < a.Bytes
	u.files, u.sent = append(u.files, a), append(u.sent, sent)
	if err := c.request.held.Body(int64(len(sent.text))); err != nil {
		return field{}, err
	}
	return field{isBinary: true, value: description(a.Name, a.MediaType, a.Bytes), sha256: a.SHA256, bytes: a.Bytes}, nil
}

// limitedBuffer keeps the beginning of what is written to it.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.limit-b.Len()))])
	return len(p), nil
}

// textOfFile returns the text that a file begins with; "" of one that is no text, whatever its sender says. What is no UTF-8 is
// read as browsers read it.
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
	for _, f := range u.sent {
		sum += len(f.text)
	}
	return sum
}

// lineBreaks has all that a model may take for the end of a line.
var lineBreaks = strings.NewReplacer("\r\n", "\n  ", "\n", "\n  ", "\r", "\n  ", "\v", "\n  ", "\f", "\n  ", "\u0085", "\n  ", "\u2028", "\n  ", "\u2029", "\n  ")

// textOfFiles is what a prompt has of the text files, below its fields. Lines are indented, so that none of them looks like a
// field.
func (u *upload) textOfFiles() string {
	var b strings.Builder
	for _, f := range u.sent {
		if f.text == "" {
			continue
		}
		fmt.Fprintf(&b, "\n\nThe text of the file %s (%s):\n  %s", f.Name, f.field, lineBreaks.Replace(strings.TrimSpace(f.text)))
		if f.isCut {
			fmt.Fprintf(&b, "\n  … (cut; the file has %d bytes)", f.Bytes)
		}
	}
	return b.String()
}

// filesData is what a client's template has of the files of a form.
func (r *Request) filesData() []any {
	list := []any{}
	if r.upload == nil {
		return list
	}
	for _, f := range r.upload.sent {
		list = append(list, map[string]any{"field": f.field, "name": f.Name, "mediaType": f.MediaType, "bytes": f.Bytes, "text": f.text})
	}
	return list
}
