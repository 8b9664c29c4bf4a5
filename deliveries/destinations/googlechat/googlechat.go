// Package googlechat sends messages to a space of Google Chat by its webhook.
package googlechat

import (
	"net/http"
	"net/url"
	"strings"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
	"beckon/internal/problem"
)

// maxText is what the text of a message may have in bytes (developers.google.com/workspace/chat/create-messages);
// apps show less of it well.
const maxText = 4096

// Destination is Google Chat.
var Destination = &destinations.Destination{Name: "google-chat", Title: "Google Chat", Open: open,
	Help: "The URL of the space's webhook, with its key and token. Messages with the same event key share a thread."}

type message struct {
	Text   string  `json:"text"`
	Thread *thread `json:"thread,omitempty"`
}

type thread struct {
	Key string `json:"threadKey"`
}

var marks = map[destinations.State]string{destinations.Good: "✅ ", destinations.Bad: "❌ "}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	r.Request = func(m destinations.Message) (destinations.Request, error) {
		d := markdown.GoogleChat
		head := marks[m.State()] + d.Strong(destinations.Cut(m.Headline(), 200))
		out, to := message{Text: m.FitBelow(head, d, maxText-len(head)-2)}, s.URL
		if m.Key != "" {
			out.Thread, to = &thread{destinations.Cut(m.Key, 1000)}, inThread(to)
		}
		q, err := destinations.JSON(to, nil, out)
		q.PublicQuery = once(to, m)
		return q, err
	}
	r.Judge, r.ReadsKey = judge, true
	return r, nil
}

// inThread has a message that names a thread be a reply in it, or begin it.
func inThread(to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return to
	}
	query := u.Query()
	query.Set("messageReplyOption", "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")
	u.RawQuery = query.Encode()
	return u.String()
}

// once has Google Chat make one message of several attempts to send it.
func once(to string, m destinations.Message) string {
	if m.Series == "" || m.IsSample || !strings.Contains(to, "?") {
		return ""
	}
	return "&requestId=" + url.QueryEscape(m.Series)
}

func judge(a destinations.Answer) destinations.Verdict {
	if a.OK() {
		return destinations.Verdict{}
	}
	var said struct {
		Error struct {
			Message string `json:"message"`
			Status  string `json:"status"`
		} `json:"error"`
	}
	a.Decode(&said)
	switch {
	case a.Status == http.StatusTooManyRequests:
		return destinations.RateLimited("Google Chat", a.Wait())
	case said.Error.Message != "" && a.Status < 500:
		return destinations.Verdict{
			Reason: destinations.Refused("Google Chat", said.Error.Message, ""),
			Final:  said.Error.Status == "INVALID_ARGUMENT" && a.Status == http.StatusBadRequest,
		}
	}
	return destinations.JudgeByStatus(a)
}
