// Package discord sends messages to a channel of Discord by its webhook.
package discord

import (
	"net/http"
	"regexp"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
	"beckon/internal/problem"
)

// The bounds of a message (docs.discord.com/developers/resources/message, Embed Limits).
const (
	maxDescription = 4096
	maxTitle       = 256
)

// Destination is Discord.
var Destination = &destinations.Destination{
	Name:  "discord",
	Title: "Discord",
	Open:  open,
	Help:  "The URL of the channel's webhook.",
}

type message struct {
	Embeds          []embed  `json:"embeds"`
	AllowedMentions mentions `json:"allowed_mentions"`
}

type embed struct {
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	Color       int    `json:"color,omitempty"`
}

// mentions allows none.
type mentions struct {
	Parse []string `json:"parse"`
}

var colors = map[destinations.State]int{destinations.Good: 0x2E7D32, destinations.Bad: 0xC62828}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	r.Request = func(m destinations.Message) (destinations.Request, error) {
		d := markdown.Discord
		return destinations.JSON(s.URL, nil, message{AllowedMentions: mentions{Parse: []string{}},
			Embeds: []embed{{titleOf(m.Headline()), m.Fit(d, maxDescription), colors[m.State()]}}})
	}
	r.Judge = judge
	return r, nil
}

var words = regexp.MustCompile(`^[A-Za-z0-9_-]+( [A-Za-z0-9_-]+)*$`)

// titleOf escapes a title. Only what has more than words in it may have a link.
func titleOf(headline string) string {
	d := markdown.Discord
	headline = destinations.Cut(headline, maxTitle/2)
	if words.MatchString(headline) {
		return d.Text(headline)
	}
	title, _ := d.Fit(markdown.Escape(headline), maxTitle, "")
	return title
}

// Codes of Discord's errors (docs.discord.com/developers/topics/opcodes-and-status-codes).
const (
	unknownWebhook = 10015
	invalidToken   = 50027
	invalidForm    = 50035
)

func judge(a destinations.Answer) destinations.Verdict {
	if a.OK() {
		return destinations.Verdict{}
	}
	var said struct {
		Code       int     `json:"code"`
		Message    string  `json:"message"`
		RetryAfter float64 `json:"retry_after"` // seconds
	}
	a.Decode(&said)
	switch {
	case a.Status == http.StatusTooManyRequests:
		return destinations.RateLimited("Discord", max(a.Wait(), destinations.Seconds(said.RetryAfter)))
	case said.Code == unknownWebhook || said.Code == invalidToken:
		return destinations.Verdict{Reason: destinations.Refused("Discord", said.Message,
			"The webhook was removed: make a new one, and give its URL.")}
	case said.Message != "" && a.Status < 500:
		return destinations.Verdict{
			Reason: destinations.Refused("Discord", said.Message, ""),
			Final:  said.Code == invalidForm,
		}
	}
	return destinations.JudgeByStatus(a)
}
