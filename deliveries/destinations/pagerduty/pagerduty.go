// Package pagerduty raises and resolves alerts by PagerDuty's Events API v2, or writes notes on incidents by its
// REST API.
package pagerduty

import (
	"cmp"
	"net/http"
	"regexp"
	"strings"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
	"beckon/internal/problem"
)

// The bounds of an event (developer.pagerduty.com, Send an Alert Event).
const (
	maxSummary = 1024
	maxKey     = 255
	maxDetails = 16_000
)

const eventsURL = "https://events.pagerduty.com/v2/enqueue"

// Destination is PagerDuty.
var Destination = &destinations.Destination{
	Name:   "pagerduty",
	Title:  "PagerDuty",
	Fields: []string{"secret", "from"},
	URL:    eventsURL,
	Open:   open,
	Help: "Enter the integration key of a service (Events API v2) as the secret. " +
		"A failed run opens an alert, an answer opens one of severity info, and a resolved event resolves it. " +
		"Or enter a key of the REST API as the secret, " +
		"and the email address of a user in the field From: " +
		"the answer becomes a note on the incident that started the call.",
}

var routingKey = regexp.MustCompile(`^[A-Za-z0-9]{32}$`)

type event struct {
	RoutingKey string   `json:"routing_key"`
	Action     string   `json:"event_action"`
	Key        string   `json:"dedup_key"`
	Client     string   `json:"client"`
	Payload    *payload `json:"payload,omitempty"`
	Links      []link   `json:"links,omitempty"`
}

type payload struct {
	Summary  string  `json:"summary"`
	Source   string  `json:"source"`
	Severity string  `json:"severity"`
	Details  details `json:"custom_details"`
}

type details struct {
	Event string `json:"event"`
	Text  string `json:"text"`
}

type link struct {
	URL  string `json:"href"`
	Text string `json:"text"`
}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	if s.From != "" {
		return openNotes(s)
	}
	if !routingKey.MatchString(s.Secret.Reveal()) {
		found.Add("secret",
			"must be the integration key of a service, 32 letters and digits, best written as a ${VARIABLE}; "+
				"a key of the REST API needs from beside it")
	}
	r.Request = func(m destinations.Message) (destinations.Request, error) {
		return destinations.JSON(s.URL, nil, eventOf(m, s.Secret.Reveal()))
	}
	r.Judge, r.ReadsKey = judge, true
	return r, found
}

var severities = map[destinations.State]string{
	destinations.Bad:     "error",
	destinations.Good:    "info",
	destinations.Neutral: "info",
}

func eventOf(m destinations.Message, key string) event {
	e := event{
		RoutingKey: key,
		Action:     "trigger",
		Key:        destinations.Cut(cmp.Or(m.Key, m.RunID, m.ID), maxKey),
		Client:     "Beckon",
	}
	if m.Kind == "event.resolved" {
		e.Action = "resolve"
		return e
	}
	plain := m
	plain.Link = ""
	blocks := m.Blocks(markdown.Plain, maxDetails)
	e.Payload = &payload{
		Summary:  m.Brief(blocks, maxSummary),
		Source:   cmp.Or(m.Agent, "beckon"),
		Severity: severities[m.State()],
		Details:  details{m.Type, plain.FitBlocks(markdown.Plain, maxDetails, blocks)},
	}
	if m.Link != "" {
		e.Links = []link{{m.Link, "Open the run"}}
	}
	return e
}

func judge(a destinations.Answer) destinations.Verdict {
	if a.OK() {
		return destinations.Verdict{}
	}
	var said struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	a.Decode(&said)
	switch {
	case a.Status == http.StatusTooManyRequests:
		return destinations.RateLimited("PagerDuty", a.Wait())
	case a.Status == http.StatusBadRequest && said.Message != "":
		words := strings.Join(append([]string{said.Message}, said.Errors...), "; ")
		return destinations.Verdict{
			Reason: destinations.Refused("PagerDuty", words, "Look at the integration key in secret."),
			Final:  !strings.Contains(words, "routing_key"),
		}
	}
	return destinations.JudgeByStatus(a)
}
