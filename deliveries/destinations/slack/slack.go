// Package slack sends messages to Slack: by an incoming webhook, or by a bot with a token.
package slack

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"beckon/deliveries/destinations"
	"beckon/internal/markdown"
	"beckon/internal/problem"
)

// The bounds of a message (docs.slack.dev/reference/block-kit/blocks): characters in a section, and how many of
// those we send.
const (
	maxSection  = 3000
	maxSections = 4
	maxText     = 300                          // of the notification
	most        = 4 * maxSection * maxSections // bytes of Markdown that are read
	maxButtons  = 25                           // in a block of actions
	maxLabel    = 75                           // of a button
)

// api is where bots send.
const api = "https://slack.com/api/chat.postMessage"

// Destination is Slack.
var Destination = &destinations.Destination{
	Name: "slack", Title: "Slack", Fields: []string{"secret", "to"}, URL: api, Open: open,
	Help: "Enter the URL of an incoming webhook. Or use a bot: leave the URL empty, " +
		"and enter its token (xoxb-…) as the secret and the channel in the field To.",
}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	own := s.URL != api
	switch {
	case s.Secret == "" && !own:
		found.Add("url",
			"is required: the URL of an incoming webhook, or instead a bot token (secret) and a channel (to)")
	case s.Secret == "" && s.To != "":
		found.Add("to", "is for a bot token as secret: an incoming webhook has its channel already")
	case s.Secret != "" && s.To == "":
		found.Add("to", "is required with a bot token: the channel, such as C024BE91L or #ops")
	}
	r.Request = func(m destinations.Message) (destinations.Request, error) {
		header := http.Header{}
		if s.Secret != "" {
			header.Set("Authorization", "Bearer "+s.Secret.Reveal())
		}
		return destinations.JSON(s.URL, header, messageOf(m, s.To))
	}
	r.Judge, r.MaxButtons = judge, maxButtons
	if s.Secret != "" { // an incoming webhook does not say what its messages are called
		r.ReadsKey, r.Ref = true, timestamp
	}
	return r, found
}

// timestamp is what Slack calls a message of a bot. The answer repeats the message behind it, and may be cut there.
func timestamp(a destinations.Answer) string {
	d := json.NewDecoder(bytes.NewReader(a.Body))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return ""
	}
	for d.More() {
		name, err := d.Token()
		var value any
		if err != nil || d.Decode(&value) != nil {
			return ""
		}
		if name == "ts" {
			ts, _ := value.(string)
			return ts
		}
	}
	return ""
}

type message struct {
	Channel     string  `json:"channel,omitempty"`
	Thread      string  `json:"thread_ts,omitempty"`
	Text        string  `json:"text"`
	Blocks      []block `json:"blocks"`
	UnfurlLinks bool    `json:"unfurl_links"` // false: to show what a link leads to would be to open it
	UnfurlMedia bool    `json:"unfurl_media"`
}

type block struct {
	Type     string `json:"type"`
	Text     *text  `json:"text,omitempty"`
	Elements []any  `json:"elements,omitempty"` // texts of a context, buttons of actions
}

// button opens its URL, which needs no app that Slack tells of it: an incoming webhook may have buttons, too.
type button struct {
	Type string `json:"type"`
	Text struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"text"`
	URL string `json:"url"`
}

func newButton(b destinations.Button) (made button) {
	made.Type, made.URL = "button", b.URL
	made.Text.Type, made.Text.Text = "plain_text", destinations.Cut(b.Label, maxLabel)
	return made
}

// text is mrkdwn. Verbatim, names of people and channels in it are text.
type text struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"`
}

var marks = map[destinations.State]string{destinations.Good: ":white_check_mark: ", destinations.Bad: ":x: "}

func mrkdwn(written string) text { return text{"mrkdwn", written, true} }

func messageOf(m destinations.Message, channel string) message {
	d := markdown.Slack
	source := m.Markdown()
	blocks := d.Blocks(source, most)
	out := message{Channel: channel, Thread: m.First, Text: d.Text(m.Brief(blocks, maxText))}
	add := func(written string) {
		if written = strings.TrimSpace(written); written != "" {
			t := mrkdwn(written)
			out.Blocks = append(out.Blocks, block{Type: "section", Text: &t})
		}
	}
	add(marks[m.State()] + d.Strong(destinations.Cut(m.Headline(), 200)))
	sections, cut := sections(d, blocks)
	cut = cut || len(source) > most
	for _, section := range sections {
		add(section)
	}
	if len(m.Files) > 0 {
		files, _ := d.Fit(m.FileLinks(markdown.Mattermost), maxSection, "")
		add(files)
	}
	if len(m.Buttons) > 0 {
		actions := block{Type: "actions"}
		for _, b := range m.Buttons {
			actions.Elements = append(actions.Elements, newButton(b))
		}
		out.Blocks = append(out.Blocks, actions)
	}
	link := m.OpenRun(d)
	if cut {
		link = m.ReadMore(d)
	}
	if link != "" {
		out.Blocks = append(out.Blocks, block{Type: "context", Elements: []any{mrkdwn(link)}})
	}
	return out
}

// sections packs the paragraphs of a text into blocks.
func sections(d *markdown.Dialect, blocks []markdown.Block) (list []string, cut bool) {
	var current strings.Builder
	current.Grow(d.Size(blocks, maxSection))
	size := 0
	for _, b := range blocks {
		pieces := []string{b.Text}
		if d.Measure(b.Text) > maxSection {
			pieces = d.Pieces(b, maxSection, maxSections+1)
		}
		for _, piece := range pieces {
			between := b.Separator()
			if size == 0 {
				between = ""
			}
			length := d.Measure(piece)
			if size+len(between)+length <= maxSection {
				current.WriteString(between)
				current.WriteString(piece)
				size += len(between) + length
				continue
			}
			if list = append(list, current.String()); len(list) == maxSections {
				return list, true
			}
			current.Reset()
			current.WriteString(piece)
			size = length
		}
	}
	if size > 0 {
		list = append(list, current.String())
	}
	return list, false
}

// Words that Slack answers when it will never take a message as it is.
var never = []string{
	"invalid_payload", "invalid_blocks", "invalid_blocks_format", "invalid_arguments", "msg_too_long",
	"msg_blocks_too_long", "no_text", "too_many_attachments",
}

// Words that Slack answers when nothing can be put into a thread any more.
var noThread = []string{
	"thread_not_found", "cannot_reply_to_message", "message_not_found", "restricted_action_thread_locked",
}

// todo says what to do about a word of Slack's.
var todo = map[string]string{
	"no_service":                        "Its webhook was removed: make a new one, and give its URL.",
	"no_team":                           "Its webhook was removed: make a new one, and give its URL.",
	"no_active_hooks":                   "Its webhook was removed: make a new one, and give its URL.",
	"invalid_token":                     "The URL is not that of a webhook any more: make a new one.",
	"channel_not_found":                 "Look at the channel in to, and invite the bot to it.",
	"not_in_channel":                    "Invite the bot to the channel.",
	"channel_is_archived":               "The channel is archived: choose another one.",
	"is_archived":                       "The channel is archived: choose another one.",
	"action_prohibited":                 "An admin of the workspace does not allow it.",
	"posting_to_general_channel_denied": "An admin of the workspace does not allow it.",
	"invalid_auth":                      "Look at the bot token in secret.",
	"not_authed":                        "Look at the bot token in secret.",
	"account_inactive":                  "The bot was removed: install it again, and give its new token.",
	"token_revoked":                     "The token was revoked: install the app again, and give its new token.",
	"missing_scope":                     "Give the app the scope chat:write, and install it again.",
}

var word = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)

// judge reads what Slack answers: the word ok or an error for a webhook, {"ok": …} for a bot, both with 200 perhaps.
func judge(a destinations.Answer) destinations.Verdict {
	var said struct {
		OK    *bool  `json:"ok"`
		Error string `json:"error"`
	}
	words := strings.TrimSpace(string(a.Body))
	switch {
	case words == "ok" && a.OK():
		return destinations.Verdict{}
	case a.Decode(&said) && said.OK != nil:
		if *said.OK && a.OK() {
			return destinations.Verdict{}
		}
		words = said.Error
	case a.OK() && !word.MatchString(words):
		return destinations.Verdict{}
	case !word.MatchString(words):
		words = ""
	}
	if a.Status == http.StatusTooManyRequests || words == "ratelimited" || words == "rate_limited" {
		return destinations.RateLimited("Slack", a.Wait())
	}
	if words == "" {
		return destinations.JudgeByStatus(a)
	}
	if slices.Contains(noThread, words) {
		return destinations.Verdict{
			Reason: destinations.Refused("Slack", words, "The message is sent again, outside of the thread."),
			Lost:   true,
		}
	}
	return destinations.Verdict{
		Reason: destinations.Refused("Slack", words, todo[words]),
		Final:  slices.Contains(never, words),
		Wait:   a.Wait(),
	}
}
