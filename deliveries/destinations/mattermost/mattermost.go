// Package mattermost sends messages to Mattermost by an incoming webhook.
package mattermost

import (
	"net/http"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
	"beckon/internal/problem"
)

// maxText is what a post may have (docs.mattermost.com): 16,383 characters.
const maxText = 16_000

// Destination is Mattermost.
var Destination = &destinations.Destination{Name: "mattermost", Title: "Mattermost", Fields: []string{"to"}, Open: open,
	Help: "Enter the URL of an incoming webhook. To post to another channel than its own, enter that in the field To."}

type message struct {
	Channel string `json:"channel,omitempty"`
	Text    string `json:"text"`
}

var marks = map[destinations.State]string{destinations.Good: ":white_check_mark: ", destinations.Bad: ":x: "}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	r.Request = func(m destinations.Message) (destinations.Request, error) {
		d := markdown.Mattermost
		head := marks[m.State()] + d.Strong(destinations.Cut(m.Headline(), 200))
		return destinations.JSON(s.URL, nil, message{s.To, m.FitBelow(head, d, maxText-1000)})
	}
	r.Judge = judge
	return r, nil
}

func judge(a destinations.Answer) destinations.Verdict {
	if a.OK() {
		return destinations.Verdict{}
	}
	var said struct {
		Message string `json:"message"`
	}
	if a.Decode(&said); a.Status == http.StatusTooManyRequests {
		return destinations.RateLimited("Mattermost", a.Wait())
	} else if said.Message != "" && a.Status < 500 {
		return destinations.Verdict{
			Reason: destinations.Refused("Mattermost", said.Message,
				"Look at the webhook in Mattermost's integrations."),
			Wait: a.Wait(),
		}
	}
	return destinations.JudgeByStatus(a)
}
