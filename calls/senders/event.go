package senders

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"beckon/internal/repository"
)

// Event is what a delivery says, in one shape for all senders. Texts that a sender does not give are empty; Labels and Items
// are never nil.
type Event struct {
	Fact
	Items []Item `json:"items"`
	// Place is where in a repository it happened. No template or filter sees it; it is kept with the run, for answers.
	Place repository.Place `json:"-"`
}

// Fact is what is said of an event, and of each item of one that tells of several.
type Fact struct {
	Source     string            `json:"source"`
	Type       string            `json:"type"`     // in the sender's own words: pull_request, invoice.paid
	Action     string            `json:"action"`   // opened, created, …
	ID         string            `json:"id"`       // of the event
	Key        string            `json:"key"`      // the same for all events about the same thing
	State      string            `json:"state"`    // firing, resolved, opened, closed, …
	Severity   string            `json:"severity"` // critical, warning, … in lower case
	Title      string            `json:"title"`
	Text       string            `json:"text"`
	URL        string            `json:"url"`     // for people
	Actor      string            `json:"actor"`   // who did it
	Subject    string            `json:"subject"` // a repository, a customer, a host
	Labels     map[string]string `json:"labels"`
	OccurredAt string            `json:"occurredAt"` // RFC 3339, UTC
}

// Item is one of several things that a delivery tells of. An alert is known by its fingerprint and when it started.
type Item struct {
	Fact
	Fingerprint string `json:"fingerprint"`
	StartsAt    string `json:"startsAt"`
}

// States of alerts.
const (
	Firing   = "firing"
	Resolved = "resolved"
)

// The most characters that are kept of a text and of a title.
const (
	maxText  = 8000
	maxTitle = 300
)

// NewEvent returns an event whose members are all there.
func NewEvent(source string) Event {
	return Event{Fact: Fact{Source: source, Labels: map[string]string{}}, Items: []Item{}}
}

// NewItem returns an item whose members are all there.
func (e Event) NewItem() Item {
	return Item{Fact: Fact{Source: e.Source, Type: e.Type, Key: e.Key, Labels: map[string]string{}}}
}

// Alert makes a single alert of the event itself.
func (e *Event) Alert(fingerprint, startsAt string) {
	item := Item{Fact: e.Fact, Fingerprint: fingerprint, StartsAt: startsAt}
	item.Labels = maps.Clone(e.Labels)
	e.Items = []Item{item}
}

// Label sets a label, unless its name or value is empty.
func (f *Fact) Label(name, value string) {
	if name != "" && value != "" {
		f.Labels[name] = value
	}
}

// Plain is the event of a body that says nothing else than its text.
func Plain(source string, d Delivery) Event {
	e := NewEvent(source)
	e.Text = Clip(Clean(strings.TrimSpace(string(d.Body))), maxText)
	return e
}

// At sets the place of an event: its repository, and the first hash that is one.
func (e *Event) At(repo string, hashes ...string) {
	e.Place.Repository = repo
	for _, hash := range hashes {
		if strings.Trim(hash, "0") != "" {
			e.Place.Commit = hash
			return
		}
	}
}

// Numbered says what thing the event is about, and its number. Empty, its number is none that people know.
func (e *Event) Numbered(thing, number string) {
	if thing != "" && number != "" {
		e.Place.Thing, e.Place.Number = thing, number
	}
}

// Map returns the event as templates and filters read it.
func (e Event) Map() map[string]any {
	m := e.Fact.toMap()
	items := make([]any, len(e.Items))
	for i, item := range e.Items {
		one := item.Fact.toMap()
		one["fingerprint"], one["startsAt"] = item.Fingerprint, item.StartsAt
		items[i] = one
	}
	m["items"] = items
	return m
}

func (f Fact) toMap() map[string]any {
	labels := make(map[string]any, len(f.Labels))
	for name, value := range f.Labels {
		labels[name] = value
	}
	return map[string]any{
		"source": f.Source, "type": f.Type, "action": f.Action, "id": f.ID, "key": f.Key, "state": f.State, "severity": f.Severity,
		"title": f.Title, "text": f.Text, "url": f.URL, "actor": f.Actor, "subject": f.Subject, "labels": labels,
		"occurredAt": f.OccurredAt,
	}
}

// Clean returns valid UTF-8 without the NUL characters that no database can keep.
func Clean(text string) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "")
	}
	return text
}

// Clip shortens a text to about so many bytes, and says so.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	cut := max(limit, 0)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// labelNames returns the names of labels in order.
func labelNames(labels map[string]string) []string {
	names := make([]string, 0, len(labels))
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// rfc3339 is the form of the times in events.
func rfc3339(t time.Time) string {
	if t.IsZero() || t.Year() <= 1 || t.Year() > 9999 {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// FromHeader makes a DeliveryID of the first of these headers that is there.
func FromHeader(names ...string) func(Delivery) string {
	return func(d Delivery) string {
		for _, name := range names {
			if values := d.Header[http.CanonicalHeaderKey(name)]; len(values) == 1 && values[0] != "" {
				return Clean(values[0])
			}
		}
		return ""
	}
}

// Value returns a header as an event has it.
func (d Delivery) Value(name string) string { return Clean(d.Header.Get(name)) }
