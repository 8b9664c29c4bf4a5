package deliveries

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

const maxCallbackMetadata = 16 << 10

// Callback is the webhook of one call: the URL that its caller wants the events of the run to be sent to.
type Callback struct {
	URL    string   `json:"url"`
	Events []string `json:"events,omitempty"` // empty: those that are sent unasked
	// a JSON object that is echoed beside the run's, or nil
	Metadata json.RawMessage          `json:"metadata,omitzero"`
	Headers  map[string]secret.String `json:"headers,omitempty"`
	Retry    Retry                    `json:"retry,omitzero"`
}

// ReadCallback reads what a call says. check tells whether requests may go to a URL. The error is an Invalid
// problem that says all that is wrong, and shows neither values of headers nor the URL.
func ReadCallback(object json.RawMessage, check func(url string) error) (*Callback, error) {
	var members map[string]jsontext.Value
	if jsontext.Value(object).Kind() != jsontext.KindBeginObject || jsonv2.Unmarshal(object, &members) != nil {
		var found problem.Fields
		found.Add("webhook", "must be a JSON object such as {\"url\":\"https://example.com/hook\"}")
		return nil, invalidCallback(found)
	}
	r := &callbackReader{members: members}
	c := &Callback{Headers: r.headers(), Metadata: r.metadata()}
	c.Retry, _ = read[Retry](r, "retry", "the name of a policy or a list of durations")
	c.Events, _ = read[[]string](r, "events", "a list of strings")
	url, ok := read[string](r, "url", "a string")
	for _, name := range slices.Sorted(maps.Keys(members)) {
		r.found.Add(problem.Shorten(name), "is not known here; there are url, events, metadata, headers and retry")
	}
	r.found.Under("events", checkNames(c.Events))
	r.found.Under("retry", c.Retry.Check())
	r.found.Under("headers", checkHeaders(c.Headers))
	r.found.Under("headers", checkReserved(c.Headers, "", "cannot be set"))
	switch {
	case !ok:
	case url == "":
		r.found.Add("url", "is required")
	default:
		if err := check(url); err != nil {
			r.found.Add("url", "%s", reason(err))
		}
		c.URL = url
	}
	if len(r.found) > 0 {
		var found problem.Fields
		found.Under("webhook", r.found)
		return nil, invalidCallback(found)
	}
	return c, nil
}

func invalidCallback(found problem.Fields) error {
	lines := make([]string, len(found))
	for i, f := range found {
		lines[i] = f.Path + ": " + f.Message
	}
	p := problem.New(problem.Invalid, problem.CodeInvalidWebhook, "%s.",
		strings.TrimSuffix(strings.Join(lines, "; "), "."))
	p.Fields = found
	return p
}

// callbackReader takes members out of an object and collects what is wrong with them. null is as good as nothing.
type callbackReader struct {
	members map[string]jsontext.Value
	found   problem.Fields
}

func (r *callbackReader) take(name string) jsontext.Value {
	value := r.members[name]
	delete(r.members, name)
	if value.Kind() == jsontext.KindNull {
		return nil
	}
	return value
}

// read returns the member of that name; ok says that it is what it should be, or not there.
func read[T any](r *callbackReader, name, form string) (value T, ok bool) {
	member := r.take(name)
	if member == nil {
		return value, true
	}
	if err := jsonv2.Unmarshal(member, &value); err != nil { // its text may quote the member
		r.found.Add(name, "must be %s", form)
		return *new(T), false
	}
	return value, true
}

func (r *callbackReader) headers() map[string]secret.String {
	values, _ := read[map[string]*secret.String](r, "headers", "an object of strings")
	if len(values) == 0 {
		return nil
	}
	headers := make(map[string]secret.String, len(values))
	for name, value := range values {
		if value == nil {
			r.found.Add("headers."+problem.Shorten(name), "must be a string")
			continue
		}
		headers[name] = *value
	}
	return headers
}

func (r *callbackReader) metadata() json.RawMessage {
	value := r.take("metadata")
	if value == nil {
		return nil
	}
	value = value.Clone()
	switch {
	case value.Kind() != jsontext.KindBeginObject || value.Compact() != nil:
		r.found.Add("metadata", "must be an object")
		return nil
	case len(value) > maxCallbackMetadata:
		r.found.Add("metadata", "has %d bytes; %d are allowed", len(value), maxCallbackMetadata)
		return nil
	}
	return json.RawMessage(value)
}

// Seal returns the form that may be stored, with the values of the headers sealed for a place. Without headers it needs
// no key.
func (c *Callback) Seal(x *secret.Sealer, place string) (json.RawMessage, error) {
	stored, err := jsonv2.Marshal(c, jsonv2.Deterministic(true),
		jsonv2.WithMarshalers(jsonv2.MarshalToFunc(func(enc *jsontext.Encoder, s secret.String) error {
			sealed, err := x.Seal(s, place)
			if err != nil {
				return err
			}
			return enc.WriteToken(jsontext.String(sealed))
		})))
	if err != nil {
		return nil, fmt.Errorf("seal a webhook: %w", err)
	}
	return stored, nil
}

// OpenCallback is the inverse of Seal.
func OpenCallback(stored json.RawMessage, x *secret.Sealer, place string) (*Callback, error) {
	c := &Callback{}
	err := jsonv2.Unmarshal(stored, c,
		jsonv2.WithUnmarshalers(jsonv2.UnmarshalFromFunc(func(dec *jsontext.Decoder, s *secret.String) error {
			token, err := dec.ReadToken()
			if err != nil {
				return err
			}
			*s, err = x.Open(token.String(), place)
			return err
		})))
	if err != nil {
		return nil, fmt.Errorf("open a webhook: %w", err)
	}
	return c, nil
}
