package artifacts

import (
	"bytes"
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"beckon/agents"
)

// Linked is an artifact with a link to it, as callers and receivers are told of it.
type Linked struct {
	agents.Artifact
	URL       string `json:"url,omitempty" doc:"Opens it until expiresAt, for whoever has it."`
	ExpiresAt string `json:"expiresAt,omitempty" format:"date-time"` // with milliseconds
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// WithLinks signs links to artifacts.
func (s *Service) WithLinks(list []agents.Artifact) []Linked {
	linked := make([]Linked, len(list))
	for i, a := range list {
		linked[i] = s.withLink(a)
	}
	return linked
}

func (s *Service) withLink(a agents.Artifact) Linked {
	link := s.Link(a.ID)
	if link.URL == "" {
		return Linked{Artifact: a}
	}
	return Linked{a, link.URL, link.ExpiresAt.Format(timeFormat)}
}

// listBegins is in every event that names artifacts; within a text its quotes would be escaped.
var listBegins = []byte(`"artifacts":[{"id":"` + idPrefix)

// Fill returns the payload of an event with links to the artifacts of its data, with new signatures. A payload
// without artifacts is returned as it is.
func (s *Service) Fill(payload []byte) []byte {
	if !bytes.Contains(payload, listBegins) {
		return payload
	}
	begin, end := find(payload, "data", "artifacts")
	var list []agents.Artifact
	if end == 0 || json.Unmarshal(payload[begin:end], &list) != nil {
		return payload // metadata may look like that
	}
	text, err := json.Marshal(s.WithLinks(list))
	if err != nil {
		return payload
	}
	filled := make([]byte, 0, len(payload)-(end-begin)+len(text))
	return append(append(append(filled, payload[:begin]...), text...), payload[end:]...)
}

// find returns where the value of a member is, which is in objects that are members of one another; end is 0 where
// there is none.
func find(text []byte, names ...string) (begin, end int) {
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for _, name := range names {
		if !enter(d, name) {
			return 0, 0
		}
	}
	value, err := d.ReadValue()
	if err != nil {
		return 0, 0
	}
	end = int(d.InputOffset())
	return end - len(value), end
}

// enter reads to the value of a member of the object that comes next.
func enter(d *jsontext.Decoder, name string) bool {
	if token, err := d.ReadToken(); err != nil || token.Kind() != '{' {
		return false
	}
	for d.PeekKind() == '"' {
		token, err := d.ReadToken()
		if err != nil {
			return false
		}
		if token.String() == name {
			return true
		}
		if d.SkipValue() != nil {
			return false
		}
	}
	return false
}
