// Package slack is what Slack sends to apps: events, slash commands, and what people do with buttons and dialogs.
package slack

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"beckon/calls/senders"
)

const signatureHeader = "X-Slack-Signature"

// Sender is documented at https://docs.slack.dev/authentication/verifying-requests-from-slack. It waits 3 s, and
// shows people whatever an answer to a command says: so the answer is empty.
var Sender = &senders.Sender{
	Name: "slack", Title: "Slack", Group: senders.Chats, Async: true, Verify: verify, Event: event,
	Setup: senders.Setup{
		About: "Events, slash commands, buttons",
		Place: "api.slack.com/apps, your app",
		Steps: []string{
			"Under Basic Information, copy the Signing Secret, and give it to Beckon first.",
			"Under Event Subscriptions, switch events on and paste the URL as Request URL: Slack calls it at once.",
			"Subscribe to the bot events that you want, and install the app anew. " +
				"Slash Commands and Interactivity take the same URL.",
		},
		Secret:      "Signing Secret",
		MakesSecret: true,
		SecretFrom:  "Slack shows it under Basic Information of the app.",
	},
	Shows:      senders.Header(signatureHeader),
	Prompt:     func(e senders.Event) string { return senders.Describe("Slack", e) },
	DeliveryID: deliveryID,
	Handshake: func(d senders.Delivery) (*senders.Answer, error) {
		o := senders.Parse(d.Body)
		if o.String("type") != "url_verification" {
			return nil, nil
		}
		return senders.Text("text/plain; charset=utf-8", o.String("challenge")), nil
	},
	Accepted: &senders.Answer{Status: http.StatusOK, Body: []byte{}},
}

func deliveryID(d senders.Delivery) string {
	if d.Form() != nil {
		return ""
	}
	return senders.Member(d.Body, "event_id")
}

func verify(_ context.Context, p senders.Proof, d senders.Delivery, now time.Time) (senders.Proved, error) {
	proved, err := senders.SignedTimeAndBody(p, d, signatureHeader, "v0=", "X-Slack-Request-Timestamp", "v0:", now)
	if err == nil {
		proved.DeliveryID, proved.Signed = deliveryID(d), true
	}
	return proved, err
}

func event(d senders.Delivery) senders.Event {
	fields := d.Form()
	switch {
	case fields.Has("payload"):
		return interaction(senders.ParseText(fields.Get("payload")))
	case fields.Has("command"):
		return command(fields)
	}
	o := senders.Parse(d.Body)
	inner := o.Object("event")
	if inner == nil {
		return senders.Plain("slack", d)
	}
	e := senders.NewEvent("slack")
	e.Type, e.Action = inner.String("type"), inner.String("subtype")
	e.ID, e.OccurredAt = o.String("event_id"), o.Time("event_time")
	channel := inner.String("channel", "item.channel", "channel.id")
	e.Key = strings.Trim(channel+"/"+inner.String("thread_ts", "item.ts", "ts"), "/")
	e.Text = senders.Body(inner.String("text", "message.text", "reaction"))
	e.Actor = inner.String("user", "message.user", "user.name", "bot_id")
	e.Subject = channel
	e.Label("team", o.String("team_id"))
	e.Label("channel type", inner.String("channel_type"))
	e.Label("thread", inner.String("thread_ts"))
	e.Label("message", inner.String("ts", "item.ts"))
	e.Label("reaction", inner.String("reaction"))
	e.Label("files", senders.Joined(inner.Texts("files", "name"), 10))
	if inner.Has("bot_id") || inner.String("subtype") == "bot_message" {
		e.Label("bot", "true") // a filter on it keeps two bots from answering each other
	}
	return e
}

// command leaves out response_url and trigger_id: who has them can speak in the channel.
func command(fields url.Values) senders.Event {
	get := func(name string) string { return senders.Clean(fields.Get(name)) }
	e := senders.NewEvent("slack")
	e.Type, e.Action = "slash_command", get("command")
	e.Title = strings.TrimSpace(get("command") + " " + senders.First(get("text")))
	e.Text, e.Actor = senders.Body(get("text")), cmp.Or(get("user_name"), get("user_id"))
	e.Subject = cmp.Or(get("channel_name"), get("channel_id"))
	e.Key = get("channel_id")
	e.Label("team", get("team_domain"))
	e.Label("user", get("user_id"))
	return e
}

func interaction(o senders.Object) senders.Event {
	e := senders.NewEvent("slack")
	e.Type, e.Action = o.String("type"), o.String("callback_id", "view.callback_id")
	e.Actor = o.String("user.username", "user.name", "user.id")
	e.Subject = o.String("channel.name", "channel.id")
	e.Key = strings.Trim(o.String("channel.id")+"/"+o.String("message.ts", "view.id"), "/")
	e.Text = senders.Body(o.String("message.text", "view.title.text"))
	for _, action := range o.Objects("actions") {
		e.Action = cmp.Or(e.Action, action.String("action_id"))
		e.Title = action.String("text.text", "action_id")
		e.OccurredAt = action.Time("action_ts")
		e.Label(action.String("action_id"),
			action.String("value", "selected_option.value", "selected_user", "selected_date"))
	}
	// of a dialog: by block, then by field
	for _, block := range o.Object("view").Object("state").Object("values").Nested() {
		for name, field := range block.Nested() {
			e.Label(name, field.String("value", "selected_option.value", "selected_user", "selected_date"))
		}
	}
	e.Label("team", o.String("team.domain", "team.id"))
	return e
}
