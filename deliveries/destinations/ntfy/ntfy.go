// Package ntfy sends notifications by ntfy.
package ntfy

import (
	"net/http"
	"regexp"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
	"beckon/internal/problem"
)

// maxText is what a message may have in bytes (docs.ntfy.sh/publish, Limitations): of longer ones ntfy makes a file.
const maxText = 4000

// Destination is ntfy.
var Destination = &destinations.Destination{
	Name:   "ntfy",
	Title:  "ntfy",
	Fields: []string{"secret", "to"},
	URL:    "https://ntfy.sh",
	Open:   open,
	Help: "Enter the topic in the field To. For a server of your own, also enter its URL, " +
		"and its access token (tk_…) as the secret if it requires one.",
}

var topic = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

type message struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Tags     []string `json:"tags,omitempty"`
	Priority int      `json:"priority,omitempty"`
	Click    string   `json:"click,omitempty"`
}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	if !topic.MatchString(s.To) {
		found.Add("to", "must be the topic: 1 to 64 letters, digits, hyphens and underscores")
	}
	r.Request = func(m destinations.Message) (destinations.Request, error) {
		header := http.Header{}
		if s.Secret != "" {
			header.Set("Authorization", "Bearer "+s.Secret.Reveal())
		}
		out := message{Topic: s.To, Title: destinations.Cut(m.Headline(), 200), Click: m.Link}
		plain := m
		plain.Link = ""
		if out.Message = plain.Fit(markdown.Plain, maxText); out.Message == "" {
			out.Message = out.Title
		}
		switch m.State() {
		case destinations.Good:
			out.Tags = []string{"white_check_mark"}
		case destinations.Bad:
			out.Tags, out.Priority = []string{"x"}, 4
		}
		return destinations.JSON(s.URL, header, out)
	}
	r.Judge = judge
	return r, found
}

func judge(a destinations.Answer) destinations.Verdict {
	if a.OK() {
		return destinations.Verdict{}
	}
	var said struct {
		Error string `json:"error"`
	}
	a.Decode(&said)
	switch {
	case a.Status == http.StatusTooManyRequests:
		return destinations.RateLimited("ntfy", a.Wait())
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return destinations.Verdict{Reason: destinations.Refused("ntfy", said.Error,
			"Look at the access token in secret, and at what it may write to.")}
	case said.Error != "" && a.Status < 500:
		return destinations.Verdict{
			Reason: destinations.Refused("ntfy", said.Error, ""),
			Final:  a.Status == http.StatusBadRequest,
		}
	}
	return destinations.JudgeByStatus(a)
}
