// Package telegram sends messages by a bot of Telegram.
package telegram

import (
	"net/http"
	"regexp"
	"strings"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
	"beckon/internal/problem"
)

// maxText is what a message may have (core.telegram.org/bots/api#sendmessage), after its marks were read.
const maxText = 4096

// Destination is Telegram.
var Destination = &destinations.Destination{
	Name:   "telegram",
	Title:  "Telegram",
	Fields: []string{"secret", "to"},
	URL:    "https://api.telegram.org",
	Open:   open,
	Help:   "The bot's token as secret, and the chat in to: its number, or @name of a channel. No URL is needed.",
}

var token = regexp.MustCompile(`^\d{3,20}:[A-Za-z0-9_-]{10,100}$`)

type message struct {
	Chat    string  `json:"chat_id"`
	Text    string  `json:"text"`
	Mode    string  `json:"parse_mode"`
	Preview preview `json:"link_preview_options"`
}

// preview shows none: to show one is to open the link.
type preview struct {
	IsDisabled bool `json:"is_disabled"`
}

var marks = map[destinations.State]string{destinations.Good: "✅ ", destinations.Bad: "❌ "}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	if s.To == "" {
		found.Add("to", "is required: the number of the chat, or @name of a channel")
	}
	if !token.MatchString(s.Secret.Reveal()) {
		found.Add("secret", "must be the bot's token, such as 123456:ABC-DEF…, best written as a ${VARIABLE}")
	}
	r.Request = func(m destinations.Message) (destinations.Request, error) {
		d := markdown.Telegram
		head := marks[m.State()] + d.Strong(destinations.Cut(m.Headline(), 200))
		return destinations.JSON(strings.TrimSuffix(s.URL, "/")+"/bot"+s.Secret.Reveal()+"/sendMessage", nil,
			message{s.To, m.FitBelow(head, d, maxText-d.Measure(head)-2), "HTML", preview{true}})
	}
	r.Judge = judge
	return r, found
}

func judge(a destinations.Answer) destinations.Verdict {
	var said struct {
		OK          bool   `json:"ok"`
		Description string `json:"description"`
		Parameters  struct {
			RetryAfter float64 `json:"retry_after"` // seconds
		} `json:"parameters"`
	}
	read := a.Decode(&said)
	words := strings.ToLower(said.Description)
	switch {
	case a.OK() && read && said.OK:
		return destinations.Verdict{}
	case a.Status == http.StatusTooManyRequests || said.Parameters.RetryAfter > 0:
		return destinations.RateLimited("Telegram", max(a.Wait(), destinations.Seconds(said.Parameters.RetryAfter)))
	case a.OK() && !read:
		return destinations.Verdict{Reason: "The receiver did not answer as Telegram does. Look at the URL; " +
			"without one it is Telegram's own."}
	case strings.Contains(words, "chat not found") || strings.Contains(words, "bot was blocked") ||
		strings.Contains(words, "bot was kicked"):
		return destinations.Verdict{Reason: destinations.Refused("Telegram", said.Description,
			"Look at the chat in to, and add the bot to it.")}
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusNotFound:
		return destinations.Verdict{Reason: destinations.Refused("Telegram", said.Description,
			"Look at the bot's token in secret.")}
	case said.Description != "" && a.Status < 500:
		return destinations.Verdict{
			Reason: destinations.Refused("Telegram", said.Description, ""),
			Final:  strings.Contains(words, "can't parse") || strings.Contains(words, "too long"),
		}
	case a.OK():
		return destinations.Verdict{Reason: destinations.Refused("Telegram", "", "")}
	}
	return destinations.JudgeByStatus(a)
}
