package calls

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/render"
)

// readJSON reads the prompt from a JSON body: from the members of an object whose prompt is a string; any other JSON is
// the prompt itself. It reads the body once, and the result shares memory with it.
func readJSON(body []byte) (Prompt, error) {
	d := newDecoder(body)
	if d.PeekKind() != jsontext.KindBeginObject {
		return jsonAsPrompt(body, d)
	}
	found, err := readMembers(body, d, promptMembers)
	if err != nil {
		return Prompt{}, err
	}
	if found["prompt"].Kind() != jsontext.KindString { // the payload of a sender may have a prompt that is an object
		return Prompt{Text: textOf(bytes.TrimSpace(body), body)}, nil
	}
	return found.readPrompt()
}

// newDecoder returns a decoder that accepts members with the same name. Its users keep the last one.
func newDecoder(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
}

// members holds members of a JSON object by name; the values are the JSON text as it was sent.
type members map[string]jsontext.Value

// promptMembers are the members that a webhook call may have in its JSON body.
var promptMembers = []string{"prompt", "agent", "sessionId", "metadata", "webhook"}

// readMembers reads a body that is one JSON object, and returns those of its members that names lists.
func readMembers(body []byte, d *jsontext.Decoder, names []string) (members, error) {
	found, err := readObject(body, d, names)
	if err == nil {
		err = render.JSONEnd(d)
	}
	if err != nil {
		return nil, invalidJSON(body, err)
	}
	return found, nil
}

// readObject reads the object that comes next in d. See readMembers.
func readObject(body []byte, d *jsontext.Decoder, names []string) (members, error) {
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	found := members{}
	for d.PeekKind() != jsontext.KindEndObject {
		token, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		i := slices.Index(names, token.String()) // before the next read, which invalidates token
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		if i >= 0 {
			end := d.InputOffset()
			found[names[i]] = body[end-int64(len(value)) : end]
		}
	}
	_, err := d.ReadToken()
	return found, err
}

// jsonAsPrompt checks that the body is one JSON document, and returns it as the prompt.
func jsonAsPrompt(body []byte, d *jsontext.Decoder) (Prompt, error) {
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		return Prompt{}, nil
	}
	if _, err := d.ReadValue(); err != nil {
		return Prompt{}, invalidJSON(body, err)
	}
	if err := render.JSONEnd(d); err != nil {
		return Prompt{}, invalidJSON(body, err)
	}
	return Prompt{Text: textOf(text, body)}, nil
}

// readPrompt reads promptMembers.
func (m members) readPrompt() (p Prompt, err error) {
	if err := m.readOptions(&p); err != nil {
		return Prompt{}, err
	}
	p.Text = unquote(m["prompt"])
	return p, nil
}

// readCommandBody reads webhook and metadata from the body of a call whose client has a prompt of its own or a command.
// All other members are ignored, and so is a body that is not a JSON object.
func readCommandBody(body []byte, p *Prompt) error {
	d := newDecoder(body)
	if d.PeekKind() != jsontext.KindBeginObject {
		return nil
	}
	found, err := readMembers(body, d, []string{"metadata", "webhook"})
	if err != nil {
		return nil
	}
	agent := p.Agent
	err = found.readOptions(p)
	p.Agent = agent // which the query names
	return err
}

// mergeMetadata returns an object with the members of both; a member of over replaces one of base with the same name.
// Either may be nil.
func mergeMetadata(base, over json.RawMessage) json.RawMessage {
	if base == nil || over == nil {
		return slices.Concat(base, over)
	}
	var merged, more map[string]jsontext.Value
	asSent := jsontext.AllowDuplicateNames(true)
	if jsonv2.Unmarshal(base, &merged, asSent) != nil || jsonv2.Unmarshal(over, &more, asSent) != nil {
		return over // cannot happen: both were checked when they were read
	}
	maps.Copy(merged, more)
	document, err := jsonv2.Marshal(merged, asSent, jsonv2.Deterministic(true))
	if err != nil {
		return over
	}
	return document
}

// readOptions sets agent, sessionId, metadata and webhook of p; those that m does not have become empty.
func (m members) readOptions(p *Prompt) (err error) {
	if p.Agent, err = m.text("agent"); err != nil {
		return err
	}
	if p.SessionID, err = m.text("sessionId"); err != nil {
		return err
	}
	if err = checkSessionID(p.SessionID); err != nil {
		return err
	}
	if p.Metadata, err = m.object("metadata"); err != nil {
		return err
	}
	if len(p.Metadata) > clients.MaxMetadataBytes {
		return invalidParameter("metadata", "is larger than %d bytes", clients.MaxMetadataBytes)
	}
	p.Webhook, err = m.object("webhook")
	return err
}

// text returns a string member. It is "" if the member is missing or null.
func (m members) text(name string) (string, error) {
	switch value := m[name]; {
	case isAbsent(value):
		return "", nil
	case value.Kind() != jsontext.KindString:
		return "", invalidParameter(name, "must be a string")
	default:
		return unquote(value), nil
	}
}

// object returns a copy of an object member. It is nil if the member is missing or null.
func (m members) object(name string) (json.RawMessage, error) {
	switch value := m[name]; {
	case isAbsent(value):
		return nil, nil
	case value.Kind() != jsontext.KindBeginObject:
		return nil, invalidParameter(name, "must be an object")
	default:
		return bytes.Clone(value), nil
	}
}

// isAbsent reports whether a member is missing or null.
func isAbsent(value jsontext.Value) bool {
	return value == nil || value.Kind() == jsontext.KindNull
}

func unquote(value jsontext.Value) string {
	text, _ := jsontext.AppendUnquote(nil, value) // the decoder has checked it
	return textOf(text, text[:cap(text)])
}

// checkJSON checks that the body is one JSON document, without decoding it.
func checkJSON(body []byte) error {
	_, err := jsonAsPrompt(body, newDecoder(body))
	return err
}

// invalidJSON returns the problem of a body that is not valid JSON. It says what is wrong and where, and does not quote
// the body.
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
			reason = "there is a syntax error, or text after the end"
		}
	}
	return problem.New(problem.Invalid, problem.CodeInvalidJSON,
		"The body is not valid JSON: %s (%s).", reason, lineAndColumn(body, offset))
}
