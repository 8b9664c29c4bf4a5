// Package generic is every system that has no package of its own.
package generic

import (
	"strings"

	"beckon/calls/senders"
)

// Sender has no prompt of its own: a call of a generic client says it by the rules of bodies.
var Sender = &senders.Sender{
	Name: "generic", Title: "Any system", Group: senders.Events, Event: event, DeliveryID: deliveryID,
	Setup: senders.Setup{
		About: "Whatever can make an HTTP call",
		Place: "the system that calls",
		Steps: []string{
			"Have it send a POST to the URL, with the text as the body, or JSON with a prompt.",
			"Have it send the header Authorization: Bearer … with the token.",
		},
	},
}

var deliveryID = senders.FromHeader("Webhook-Id", "Svix-Id")

// event takes what the members with the usual names say.
func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	if o == nil {
		return senders.Plain("generic", d)
	}
	e := senders.NewEvent("generic")
	e.Type = o.String("type", "event", "event_type", "eventType", "kind")
	e.Action = o.String("action")
	e.ID = o.String("id", "event_id", "eventId", "uuid")
	e.Key = o.String("key", "id")
	e.State = o.String("state", "status")
	e.Severity = strings.ToLower(o.String("severity", "level", "priority"))
	e.Title = senders.First(o.String("title", "subject", "summary", "name"))
	e.Text = senders.Body(o.String("prompt", "text", "message", "body", "description", "content"))
	e.URL = o.String("url", "link", "html_url")
	e.Actor = o.String("actor", "user.name", "user", "author")
	e.Subject = o.String("subject", "resource", "source")
	e.OccurredAt = o.Time("occurredAt", "occurred_at", "timestamp", "time", "created_at", "createdAt")
	if labels := o.Strings("labels"); labels != nil {
		e.Labels = labels
	}
	return e
}
