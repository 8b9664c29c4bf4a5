package deliveries

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/deliveries/destinations"
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

// Format is one form in which an endpoint may get its events. A new one is one value in formats: what an endpoint
// may name, what the page and the API say of it, and what it takes by default follow from that.
type Format struct {
	Name  string // as endpoints name it
	Title string // for people
	Help  string // what is sent, in one line
	// Events are what an endpoint with this format takes that names no events.
	Events []string
	// Destination is set where it is a receiver that people read; see package destinations.
	Destination *destinations.Destination
	// encode writes p, the payload of m, as it is sent; nil for a destination, which makes a request.
	encode func(m message, p payload) (body []byte, contentType string, err error)
}

// DefaultFormat is the name of the format of endpoints that name none, and of the webhooks of single calls.
const DefaultFormat = "run"

var formats = append([]Format{
	{
		Name:   DefaultFormat,
		Title:  "run",
		Events: unasked,
		encode: runFormat,
		Help:   `{"success", "type", "runId", "workflowId", "data", "metadata", "error", "createdAt"}: everything Beckon knows.`,
	},
	{Name: "payload", Title: "payload", Events: unasked, encode: payloadFormat,
		Help: `{"type", "payload": {"id", "status", "downloads"}}`},
	{Name: "event", Title: "event", Events: unasked, encode: eventFormat,
		Help: `{"event", "timestamp", "run_id", "data"}`},
	{Name: "cloudevents", Title: "CloudEvents 1.0", Events: unasked, encode: cloudEvent,
		Help: "A CloudEvent in structured mode. Its data is the body of the run format."},
}, ofDestinations()...)

// Formats returns all formats but templates, the default first.
func Formats() []Format { return slices.Clone(formats) }

// FormatNames returns what an endpoint may say of its format, as it stands in a sentence: "run, payload, … or a
// template".
func FormatNames() string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name
	}
	return strings.Join(names, ", ") + ", or a template that makes JSON"
}

func (f Format) render(m message) ([]byte, string, error) {
	p, err := m.payload()
	if err != nil {
		return nil, "", err
	}
	return f.encode(m, p)
}

// parseFormat returns the format of that name, or the one that a template makes.
func parseFormat(spec string) (format, error) {
	if strings.Contains(spec, "{{") {
		return parseTemplate(spec)
	}
	if f, ok := formatNamed(spec); ok {
		return f, nil
	}
	return nil, problem.New(problem.Invalid, "invalid_format",
		"must be %s, such as {\"text\": {{json .data.output}}}", FormatNames())
}

func formatNamed(name string) (Format, bool) {
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == cmp.Or(name, DefaultFormat) })
	if i < 0 {
		return Format{}, false
	}
	return formats[i], true
}

// eventsByDefault are what an endpoint takes that names no events.
func (e Endpoint) eventsByDefault() []string {
	if f, ok := formatNamed(e.Format); ok {
		return f.Events
	}
	return unasked
}

func runFormat(_ message, p payload) ([]byte, string, error) {
	body, err := encode(p)
	return body, jsonType, err
}

func payloadFormat(m message, p payload) ([]byte, string, error) {
	var data struct {
		Status    string `json:"status"`
		Artifacts []struct {
			URL       string  `json:"url"`
			ExpiresAt *string `json:"expiresAt"`
		} `json:"artifacts"`
	}
	_ = jsonv2.Unmarshal(p.Data, &data, asItIs) // what has another shape has no status, and no downloads
	type download struct {
		URL       string  `json:"url"`
		ExpiresAt *string `json:"expires_at"`
	}
	type inner struct {
		ID        *string    `json:"id"`
		Status    *string    `json:"status"`
		Downloads []download `json:"downloads"`
	}
	about := inner{
		ID:        orNull(m.RunID),
		Status:    orNull(payloadStatus(p.kind, data.Status)),
		Downloads: make([]download, len(data.Artifacts)),
	}
	for i, a := range data.Artifacts {
		about.Downloads[i] = download{a.URL, a.ExpiresAt}
	}
	body, err := encode(struct {
		Type    string `json:"type"`
		Payload inner  `json:"payload"`
	}{p.Type, about})
	return body, jsonType, err
}

// payloadStatus is what the format payload calls the status of a run or of one of its nodes at an event. Another
// one is as it is, in lower case.
func payloadStatus(kind, status string) string {
	if kind == "run.created" { // whatever has become of the run since
		return "queued"
	}
	switch status {
	case "QUEUED":
		return "queued"
	case "RUNNING", "WAITING":
		return "rendering"
	case "COMPLETED":
		return "complete"
	case "FAILED":
		return "error"
	case "CANCELED":
		return "canceled"
	}
	return strings.ToLower(status)
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
