package deliveries

import (
	"cmp"
	"net/url"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/problem"
)

// format is what an event looks like to its receiver.
type format interface {
	// render makes the body of a request. An error is a *problem.Error whose text may be kept and shown.
	render(m message) (body []byte, contentType string, err error)
}

const (
	jsonType       = "application/json"
	cloudEventType = "application/cloudevents+json"
)

type formatFunc func(m message, p payload) ([]byte, string, error)

func (f formatFunc) render(m message) ([]byte, string, error) {
	p, err := m.payload()
	if err != nil {
		return nil, "", err
	}
	return f(m, p)
}

var formats = map[string]formatFunc{"": runFormat, "run": runFormat, "payload": payloadFormat, "event": eventFormat, "cloudevents": cloudEvent}

// parseFormat returns the format of that name, or the one that a template makes.
func parseFormat(spec string) (format, error) {
	if strings.Contains(spec, "{{") {
		return parseTemplate(spec)
	}
	if f := formats[spec]; f != nil {
		return f, nil
	}
	return nil, problem.New(problem.Invalid, "invalid_format", "must be run, payload, event, cloudevents, or a template that makes JSON, such as {\"text\": {{json .data.output}}}")
}

func runFormat(_ message, p payload) ([]byte, string, error) {
	body, err := encode(p)
	return body, jsonType, err
}

func payloadFormat(m message, p payload) ([]byte, string, error) {
	var data struct {
		Status jsontext.Value `json:"status"`
	}
	_ = jsonv2.Unmarshal(p.Data, &data, asItIs) // what has no status says null
	type download struct {
		URL       string `json:"url"`
		ExpiresAt string `json:"expires_at"`
	}
	type inner struct {
		ID        *string        `json:"id"`
		Status    jsontext.Value `json:"status"`
		Downloads []download     `json:"downloads"`
	}
	body, err := encode(struct {
		Type    string `json:"type"`
		Payload inner  `json:"payload"`
	}{p.Type, inner{orNull(m.RunID), data.Status, nil}})
	return body, jsonType, err
}

func eventFormat(m message, p payload) ([]byte, string, error) {
	body, err := encode(struct {
		Event     string         `json:"event"`
		Timestamp int64          `json:"timestamp"` // Unix milliseconds
		RunID     *string        `json:"run_id"`
		Data      jsontext.Value `json:"data"`
	}{p.Type, p.CreatedAt.UnixMilli(), orNull(m.RunID), p.Data})
	return body, jsonType, err
}

// cloudEvent is CloudEvents 1.0 in structured mode (cloudevents.io, JSON event format, section 3).
func cloudEvent(m message, p payload) ([]byte, string, error) {
	source := m.Source
	if m.RunID != "" {
		source += "/api/v1/runs/" + url.PathEscape(m.RunID)
	}
	body, err := encode(struct {
		SpecVersion     string  `json:"specversion"`
		ID              string  `json:"id"`
		Source          string  `json:"source"` // never empty
		Type            string  `json:"type"`
		Subject         string  `json:"subject,omitzero"`
		Time            string  `json:"time"`
		DataContentType string  `json:"datacontenttype"`
		Data            payload `json:"data"`
	}{"1.0", m.ID, cmp.Or(source, "/"), p.Type, m.RunID, p.CreatedAt.UTC().Format(timeFormat), jsonType, p})
	return body, cloudEventType, err
}
