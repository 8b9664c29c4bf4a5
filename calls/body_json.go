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

// readJSON goes over the body once. What it keeps of it are slices of the body.
func readJSON(body []byte) (Prompt, error) {
	d := newDecoder(body)
	if d.PeekKind() != jsontext.KindBeginObject {
		return wholeJSON(body, d)
	}
	found, err := readMembers(body, d, promptMembers)
	if err != nil {
		return Prompt{}, err
	}
	if found["prompt"].Kind() != jsontext.KindString { // some senders have something else of that name
		return Prompt{Text: textOf(bytes.TrimSpace(body), body)}, nil
	}
	return found.read()
}

// newDecoder reads JSON in which the last of members with the same name counts.
func newDecoder(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
}

// members are members of a JSON body by their names, as they were sent.
type members map[string]jsontext.Value

// promptMembers are those that are read of a webhook's body.
var promptMembers = []string{"prompt", "agent", "sessionId", "metadata", "webhook"}

// readMembers keeps the named members of an object, which is the whole body.
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
		i := slices.Index(names, token.String()) // the token is void when the next is read
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

// wholeJSON is for JSON that is the prompt itself.
func wholeJSON(body []byte, d *jsontext.Decoder) (Prompt, error) {
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

func (m members) read() (p Prompt, err error) {
	if err := m.readOptions(&p); err != nil {
		return Prompt{}, err
	}
	p.Text = unquote(m["prompt"])
	return p, nil
}

// readBesideCommand reads webhook and metadata from the body of a call that runs a command. Whatever else the body says, or is,
// does not matter.
func readBesideCommand(body []byte, p *Prompt) error {
	d := newDecoder(body)
	if d.PeekKind() != jsontext.KindBeginObject {
		return nil
	}
	found, err := readMembers(body, d, []string{"metadata", "webhook"})
	if err != nil {
		return nil
	}
	return found.readOptions(p)
}

// joinMetadata returns the members of two objects; where both have one of a name, it is that of over. Either may be nil.
func joinMetadata(under, over json.RawMessage) json.RawMessage {
	if under == nil || over == nil {
		return slices.Concat(under, over)
	}
	var all, more map[string]jsontext.Value
	asSent := jsontext.AllowDuplicateNames(true)
	if jsonv2.Unmarshal(under, &all, asSent) != nil || jsonv2.Unmarshal(over, &more, asSent) != nil {
		return over // both were checked when they came in
	}
	maps.Copy(all, more)
	joined, err := jsonv2.Marshal(all, asSent, jsonv2.Deterministic(true))
	if err != nil {
		return over
	}
	return joined
}

// readOptions reads all but the prompt.
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

// text reads a string that may be left out or null.
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

// object copies an object that may be left out or null.
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
