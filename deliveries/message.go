package deliveries

import (
	"encoding/json"
	"maps"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/problem"
)

// message is an event on its way to one receiver.
type message struct {
	ID       string          // the event's
	Type     string          // the name that goes out
	RunID    string          // empty for what is not about a run
	ClientID string          // of the run
	Payload  json.RawMessage // in the default format, with the type that the event has inside
	Metadata json.RawMessage // a JSON object whose members come before the payload's; nil adds nothing
	Source   string          // the gateway's public URL
	// IsSample says that the event is made up: a template finds there whatever it names of what callers choose.
	IsSample bool
	// Series is the same for all attempts to send it, until somebody asks for it again.
	Series string
	// Since is when the first attempt may have been made, where an earlier one may have succeeded without being on
	// record; else zero.
	Since time.Time

	run map[string]any // what templates know as .run; nil where none uses it, or there is no run
}

// payload is the default format, in the order that it is written in. A member that isn't there is null.
type payload struct {
	Success    jsontext.Value `json:"success"`
	Type       string         `json:"type"`
	RunID      jsontext.Value `json:"runId"`
	WorkflowID jsontext.Value `json:"workflowId"`
	Data       jsontext.Value `json:"data"`
	Metadata   jsontext.Value `json:"metadata"`
	Error      jsontext.Value `json:"error"`
	CreatedAt  time.Time      `json:"createdAt"`

	kind string // the type that the event has inside
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// asItIs takes what the log holds, which was checked when it came in, and writes times with milliseconds.
var asItIs = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true),
	jsonv2.WithMarshalers(jsonv2.MarshalToFunc(func(enc *jsontext.Encoder, t time.Time) error {
		return enc.WriteToken(jsontext.String(t.UTC().Format(timeFormat)))
	})))

// payload returns the message's payload as its receiver is to see it.
func (m message) payload() (p payload, err error) {
	if err := jsonv2.Unmarshal(m.Payload, &p, asItIs); err != nil {
		return p, problem.New(problem.Internal, "invalid_payload",
			"The record of this event cannot be read, so there is nothing to send.").Because(err)
	}
	p.kind = p.Type
	if p.Type = m.Type; m.Metadata != nil {
		p.Metadata = join(p.Metadata, jsontext.Value(m.Metadata))
	}
	return p, nil
}

// occurredAt returns when the event occurred. It is the same in every attempt.
func (m message) occurredAt() (time.Time, error) {
	p, err := m.payload()
	return p.CreatedAt, err
}

// join returns the members of two objects; where both have one of a name, it is that of over.
func join(under, over jsontext.Value) jsontext.Value {
	var all, more map[string]jsontext.Value
	if jsonv2.Unmarshal(under, &all, asItIs) != nil || len(all) == 0 || jsonv2.Unmarshal(over, &more, asItIs) != nil {
		return over
	}
	maps.Copy(all, more)
	joined, err := jsonv2.Marshal(all, asItIs, jsonv2.Deterministic(true))
	if err != nil {
		return over
	}
	return joined
}

// encode writes JSON as it goes out.
func encode(v any) ([]byte, error) {
	body, err := jsonv2.Marshal(v, asItIs)
	if err != nil {
		return nil, problem.New(problem.Internal, "invalid_payload",
			"The event cannot be written as JSON.").Because(err)
	}
	return body, nil
}
