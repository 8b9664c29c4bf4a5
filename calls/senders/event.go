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

// Event is the content of a delivery, in the same form for all senders. Texts that a sender does not provide are
// empty. Labels and Items are never nil.
type Event struct {
	Fact
	Items []Item `json:"items"`
	// Place is the place in a repository that the event is about. It is kept with the run, so that destinations know
	// where to answer. Templates and filters do not see it.
	Place repository.Place `json:"-"`
}

// Fact has the members that an event has in common with each of its items.
type Fact struct {
	Source     string            `json:"source"`
	Type       string            `json:"type"`     // as the sender calls it: pull_request, invoice.paid
	Action     string            `json:"action"`   // opened, created, …
	ID         string            `json:"id"`       // the sender's ID of the event
	Key        string            `json:"key"`      // equal for all events about the same thing
	State      string            `json:"state"`    // firing, resolved, opened, closed, …
	Severity   string            `json:"severity"` // critical, warning, … in lower case
	Title      string            `json:"title"`
	Text       string            `json:"text"`
	URL        string            `json:"url"`     // a page for people
	Actor      string            `json:"actor"`   // the person who caused the event
	Subject    string            `json:"subject"` // a repository, a customer, a host
	Labels     map[string]string `json:"labels"`
	OccurredAt string            `json:"occurredAt"` // RFC 3339, UTC
}

// Item is one of several things that a delivery reports, such as alerts. An alert is identified by its fingerprint and
// its start.
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

// The maximum number of characters of a text and of a title. Longer ones are cut.
const (
	maxText  = 8000
	maxTitle = 300
)

// NewEvent returns an empty event, with Labels and Items.
func NewEvent(source string) Event {
	return Event{Fact: Fact{Source: source, Labels: map[string]string{}}, Items: []Item{}}
}

// NewItem returns an item with the source, type and key of the event, and with Labels.
func (e Event) NewItem() Item {
	return Item{Fact: Fact{Source: e.Source, Type: e.Type, Key: e.Key, Labels: map[string]string{}}}
}

// Alert makes the event itself its only item, as an alert.
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

// Plain returns an event that has the body as its text.
func Plain(source string, d Delivery) Event {
	e := NewEvent(source)
	e.Text = Clip(Clean(strings.TrimSpace(string(d.Body))), maxText)
	return e
}

// SetCommit sets the repository of an event, and its commit: the first of the hashes that is neither empty nor zero.
func (e *Event) SetCommit(repo string, hashes ...string) {
	e.Place.Repository = repo
	for _, hash := range hashes {
		if strings.Trim(hash, "0") != "" {
			e.Place.Commit = hash
			return
		}
	}
}

// SetNumber sets the kind of thing that the event is about, such as an issue, and its number. It does nothing if one
// of them is empty.
func (e *Event) SetNumber(thing, number string) {
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
		"source":     f.Source,
		"type":       f.Type,
		"action":     f.Action,
		"id":         f.ID,
		"key":        f.Key,
		"state":      f.State,
		"severity":   f.Severity,
		"title":      f.Title,
		"text":       f.Text,
		"url":        f.URL,
		"actor":      f.Actor,
		"subject":    f.Subject,
		"labels":     labels,
		"occurredAt": f.OccurredAt,
	}
}

// Clean makes a text valid UTF-8 and removes NUL characters, which databases cannot store.
func Clean(text string) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if strings.IndexByte(text, 0) >= 0 {
		text = strings.ReplaceAll(text, "\x00", "")
	}
	return text
}

// Clip shortens a text to about limit bytes, and appends "…" if it does.
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

// labelNames returns the sorted names of labels.
func labelNames(labels map[string]string) []string {
	names := make([]string, 0, len(labels))
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// rfc3339 formats a time for an event. It returns "" for times that RFC 3339 cannot express.
func rfc3339(t time.Time) string {
	if t.IsZero() || t.Year() <= 1 || t.Year() > 9999 {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// FromHeader returns a Source.DeliveryID that reads the first of these headers that is present.
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

// Value returns the value of a header, cleaned for an event.
func (d Delivery) Value(name string) string { return Clean(d.Header.Get(name)) }
