package calls

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/runs"
)

// maxFiles limits the files of a call that are not text.
const maxFiles = 4

// upload is a body that was read piece by piece, because it may have files.
type upload struct {
	runID     string            // the ID of the run that the files are stored for
	fields    []field           // of the form; nil if the body is one file
	files     []agents.Artifact // the files that were stored
	formFiles []formFile        // the same, with their texts, if the call sends a client's form
}

// takesFiles reports whether the call may have files: its client's form takes them, or an agent or flow of its client
// reads them and the prompt is not made from the whole body.
func (c *Call) takesFiles() bool {
	client := c.Client
	if c.channel == Form {
		return c.service.Runs.Artifacts != nil && client.Form.TakesFiles()
	}
	if c.service.Runs.Artifacts == nil || client.PromptTemplate != nil || c.channel != API && client.HasSource() {
		return false
	}
	return slices.ContainsFunc(client.AllowedAgents, func(id string) bool {
		entry := c.catalog.Agents.Get(id)
		return entry != nil && entry.TakesFiles
	})
}

// isRecording reports whether a body of this type is a file that can be transcribed: audio, or video, which has sound
// too.
func isRecording(mediaType string) bool {
	return strings.HasPrefix(mediaType, "audio/") || strings.HasPrefix(mediaType, "video/") ||
		mediaType == "application/ogg"
}

// readBody reads the body. If the call may have files, a body that is a recording or a multipart form is read piece
// by piece, and its files are stored. Any other body is read at once.
func (c *Call) readBody(ctx context.Context) error {
	r, s := c.request, c.service
	mediaType, _, _ := parseMediaType(r.Header.Get("Content-Type"))
	isForm := mediaType == "multipart/form-data"
	if !isForm && (!isRecording(mediaType) || c.channel == Form) || !c.takesFiles() {
		return s.readBody(c.Client, r)
	}
	if err := c.Client.StartBody(s.Runs.MaxConcurrent); err != nil {
		return err
	}
	defer c.Client.EndBody()
	r.noteDelivery(c.Client)
	r.upload = &upload{runID: runs.NewID()}
	if isRecording(mediaType) {
		return c.readRecording(ctx, mediaType)
	}
	return c.readForm(ctx)
}

// readRecording stores the body as a file.
func (c *Call) readRecording(ctx context.Context, mediaType string) error {
	body, err := c.request.open(c.service.Runs.Artifacts.MaxBytes, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = c.storeFile(ctx, "", mediaType, body)
	return err
}

// readForm reads a form, and stores its files that are not text; of a client's form, all its files. If the form of
// any other call has such files, its remaining fields become the body, as a JSON object.
func (c *Call) readForm(ctx context.Context) error {
	r := c.request
	kind, err := kindOf(r.Header)
	if err != nil {
		return err
	}
	limit := c.Client.BodyLimit(c.service.MaxBodyBytes)
	body, err := r.open(c.service.Runs.Artifacts.MaxBytes, limit)
	if err != nil {
		return err
	}
	defer body.Close()
	form := &formReader{
		charset: kind.charset,
		limit:   limit,
		reserve: r.held.Body,
		onFile: func(f sentFile) (field, error) {
			return c.storeFile(ctx, f.name, f.mediaType, f.content)
		},
	}
	if c.channel == Form {
		form.allFiles, form.onFile = true, func(f sentFile) (field, error) { return c.storeFormFile(ctx, f) }
	}
	if r.upload.fields, err = form.read(body, kind.boundary); err != nil {
		return err
	}
	if err := drain(body); err != io.EOF {
		return err
	}
	if len(r.upload.files) > 0 && c.channel != Form {
		r.Body, err = fieldsJSON(r.upload.fields)
	}
	return err
}

// storeFile stores a file for the run.
func (c *Call) storeFile(ctx context.Context, name, mediaType string, content io.Reader) (field, error) {
	u := c.request.upload
	if len(u.files) == maxFiles {
		return field{}, invalidForm(fmt.Sprintf("The form has more than %d files, besides those that are text.",
			maxFiles))
	}
	a, err := c.service.Runs.Upload(ctx, u.runID, c.Client.ID, c.Client.Content, name, mediaType, fileReader{content})
	if err != nil {
		return field{}, err
	}
	u.files = append(u.files, a)
	if a.Bytes == 0 {
		return field{}, problem.New(problem.Invalid, problem.CodeEmptyPrompt, "The file is empty.")
	}
	return field{isBinary: true, value: name, sha256: a.SHA256}, nil
}

// fileReader reads a file of a call. All its errors but io.EOF are problems.
type fileReader struct{ io.Reader }

func (r fileReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = formError(err, "The form is cut off within a file.")
	}
	return n, err
}

// discardFiles deletes the files of a call that starts no run.
func (c *Call) discardFiles(ctx context.Context) {
	if u := c.request.upload; u != nil && len(u.files) > 0 {
		c.service.Runs.Discard(ctx, u.files)
	}
}

// fieldsJSON returns a JSON object of the fields that are not files. The values are strings, but priority and
// objectMembers are copied as JSON. It returns nil if there are no such fields.
func fieldsJSON(fields []field) ([]byte, error) {
	var document bytes.Buffer
	w := jsontext.NewEncoder(&document, jsontext.AllowDuplicateNames(true))
	_ = w.WriteToken(jsontext.BeginObject)
	for _, f := range fields {
		if f.isBinary {
			continue
		}
		err := w.WriteToken(jsontext.String(f.name))
		switch text := strings.TrimSpace(f.value); {
		case err != nil:
		case f.name == "priority" ||
			strings.HasPrefix(text, "{") && slices.Contains(objectMembers, f.name) && json.Valid([]byte(text)):
			err = w.WriteValue(jsontext.Value(text))
		default:
			err = w.WriteToken(jsontext.String(f.value))
		}
		if err != nil {
			return nil, invalidForm("A field of the form cannot be read.")
		}
	}
	if err := w.WriteToken(jsontext.EndObject); err != nil {
		return nil, err
	}
	if document.Len() <= len("{}\n") {
		return nil, nil
	}
	return document.Bytes(), nil
}

// objectMembers are the fields of a form that may be JSON objects.
var objectMembers = []string{"input", "metadata", "webhook"}

// digest returns a hash of the fields and files. It does not depend on the boundary of the form, which differs when
// the same form is sent again.
func (u *upload) digest() string {
	hash := sha256.New()
	for _, f := range u.fields {
		fmt.Fprintf(hash, "%q %q %q %t %s\n", f.name, f.fileName, f.value, f.isBinary, f.sha256)
	}
	for _, a := range u.files {
		fmt.Fprintln(hash, a.SHA256)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// hasFiles reports whether the request brings files that were stored.
func (r *Request) hasFiles() bool { return r.upload != nil && len(r.upload.files) > 0 }

// readFilesPrompt reads the prompt of a webhook call with files from the other fields of its form: prompt, agent,
// sessionId, metadata and webhook. If there is no prompt, it is the object of all fields with other names.
func readFilesPrompt(body []byte) (p Prompt, err error) {
	if len(body) == 0 {
		return p, nil
	}
	found, err := readMembers(body, newDecoder(body), promptMembers)
	if err != nil {
		return p, err
	}
	if err := found.readOptions(&p); err != nil {
		return p, err
	}
	if prompt := found["prompt"]; prompt != nil {
		p.Text = unquote(prompt)
	} else {
		p.Text = otherMembers(body, promptMembers)
	}
	return p, nil
}

// errTakesNoFiles is the problem of a call that sends files to an agent that does not read any.
func errTakesNoFiles(agent string) error {
	return problem.New(problem.Unsupported, problem.CodeUnsupportedMediaType,
		"The agent %q takes no files. Send them to an agent of kind transcription, or to a flow that has one.", agent)
}
