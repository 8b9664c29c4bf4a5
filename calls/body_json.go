package calls

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/problem"
	"beckon/internal/render"
)

// readJSON goes over the body once. What it keeps of it are slices of the body.
func readJSON(body []byte) (Prompt, error) {
	d := newDecoder(body)
	if d.PeekKind() != jsontext.KindBeginObject {
		return wholeJSON(body, d)
	}
	var found promptMembers
	if err := readMembers(body, d, found.memberFor); err != nil {
		return Prompt{}, err
	}
	if found.prompt.Kind() != jsontext.KindString { // some senders have something else of that name
		return Prompt{Text: textOf(bytes.TrimSpace(body), body)}, nil
	}
	return found.read()
}

// newDecoder reads JSON in which the last of members with the same name counts.
func newDecoder(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
}

// readMembers keeps the members of an object, which is the whole body, where named says; nil keeps a member nowhere.
func readMembers(body []byte, d *jsontext.Decoder, named func(name string) *jsontext.Value) error {
	if _, err := d.ReadToken(); err != nil {
		return invalidJSON(body, err)
	}
	for d.PeekKind() != jsontext.KindEndObject {
		name, err := d.ReadToken()
		if err != nil {
			return invalidJSON(body, err)
		}
		into := named(name.String())
		value, err := d.ReadValue()
		if err != nil {
			return invalidJSON(body, err)
		}
		if into != nil {
			end := d.InputOffset()
			*into = body[end-int64(len(value)) : end]
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return invalidJSON(body, err)
	}
	if err := render.JSONEnd(d); err != nil {
		return invalidJSON(body, err)
	}
	return nil
}

// wholeJSON is for JSON that is the prompt itself.
func wholeJSON(body []byte, d *jsontext.Decoder) (Prompt, error) {
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		return Prompt{}, errEmptyPrompt()
	}
	if _, err := d.ReadValue(); err != nil {
		return Prompt{}, invalidJSON(body, err)
	}
	if err := render.JSONEnd(d); err != nil {
		return Prompt{}, invalidJSON(body, err)
	}
	return Prompt{Text: textOf(text, body)}, nil
}

// promptMembers are the members of a JSON body that are supportedTypes, as they were sent.
type promptMembers struct {
	prompt, agent, sessionID, metadata, webhook jsontext.Value
}

// named returns where the member of that name is kept, or nil.
func (s *promptMembers) memberFor(name string) *jsontext.Value {
	switch name {
	case "prompt":
		return &s.prompt
	case "agent":
		return &s.agent
	case "sessionId":
		return &s.sessionID
	case "metadata":
		return &s.metadata
	case "webhook":
		return &s.webhook
	}
	return nil
}

func (s *promptMembers) read() (p Prompt, err error) {
	if err := s.readOptions(&p); err != nil {
		return Prompt{}, err
	}
	p.Text = unquote(s.prompt)
	return p, nil
}

// readOptions reads all but the prompt.
func (s *promptMembers) readOptions(p *Prompt) (err error) {
	if p.Agent, err = optionalString("agent", s.agent); err != nil {
		return err
	}
	if p.SessionID, err = optionalString("sessionId", s.sessionID); err != nil {
		return err
	}
	if err = checkSessionID(p.SessionID); err != nil {
		return err
	}
	if p.Metadata, err = optionalObject("metadata", s.metadata); err != nil {
		return err
	}
	if len(p.Metadata) > maxMetadataBytes {
		return invalidParameter("metadata", "is larger than %d bytes", maxMetadataBytes)
	}
	p.Webhook, err = optionalObject("webhook", s.webhook)
	return err
}

// optionalString reads a string that may be left out or null.
func optionalString(name string, value jsontext.Value) (string, error) {
	switch {
	case isAbsent(value):
		return "", nil
	case value.Kind() != jsontext.KindString:
		return "", invalidParameter(name, "must be a string")
	}
	return unquote(value), nil
}

// optionalObject copies an object that may be left out or null.
func optionalObject(name string, value jsontext.Value) (json.RawMessage, error) {
	switch {
	case isAbsent(value):
		return nil, nil
	case value.Kind() != jsontext.KindBeginObject:
		return nil, invalidParameter(name, "must be an object")
	}
	return bytes.Clone(value), nil
}

func isAbsent(value jsontext.Value) bool {
	return value == nil || value.Kind() == jsontext.KindNull
}

func unquote(value jsontext.Value) string {
	text, _ := jsontext.AppendUnquote(nil, value) // the decoder has checked it
	return textOf(text, text[:cap(text)])
}

// checkJSON reports what is wrong with JSON that nobody needs decoded.
func checkJSON(body []byte) error {
	_, err := wholeJSON(body, newDecoder(body))
	return err
}

// invalidJSON says what is wrong, and where, without quoting the body.
func invalidJSON(body []byte, err error) error {
	offset, reason := int64(len(body)), "it is cut off"
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		offset = syntax.ByteOffset
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			offset = int64(len(body))
		case syntax.Err != nil && syntax.Err.Error() == "exceeded max depth":
			reason = "it is nested more than 10,000 levels deep"
		case !utf8.Valid(body):
			reason = "it is not valid UTF-8"
		default:
			reason = "there is a mistake, or something behind the end"
		}
	}
	return problem.New(problem.Invalid, problem.CodeInvalidJSON, "The body is not valid JSON: %s (%s).", reason, lineAndColumn(body, offset))
}
