// Package linear is Linear's webhooks.
package linear

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"beckon/calls/senders"
)

const signatureHeader = "Linear-Signature"

// Sender is documented at https://linear.app/developers/webhooks. It takes nothing but a 200 for a success.
var Sender = &senders.Sender{
	Name: "linear", Title: "Linear", Group: senders.Chats, Async: true, Verify: verify, Event: event,
	Setup: senders.Setup{
		About: "Issues, comments, projects",
		Place: "Settings, API, Webhooks",
		Steps: []string{
			"Press New webhook, and paste the URL.",
			"Choose the kinds of changes, and create it.",
			"Copy its signing secret.",
		},
		Secret:      "Signing secret",
		MakesSecret: true,
		SecretFrom:  "Linear shows it on the page of the webhook.",
	},
	Shows:      senders.Header(signatureHeader),
	Prompt:     func(e senders.Event) string { return senders.Describe("Linear", e) },
	DeliveryID: deliveryID,
	Accepted:   &senders.Answer{Status: http.StatusOK},
}

var deliveryID = senders.FromHeader("Linear-Delivery")

// verify reads the time, in milliseconds, from the signed body.
func verify(_ context.Context, p senders.Proof, d senders.Delivery, now time.Time) (senders.Proved, error) {
	proved, err := senders.SignedBody(p, d, signatureHeader, "")
	if err != nil {
		return proved, err
	}
	if milliseconds := senders.Parse(d.Body).Int("webhookTimestamp"); milliseconds != 0 {
		if err := senders.Fresh(milliseconds/1000, p.Tolerance, now); err != nil {
			return senders.Proved{}, err
		}
		proved.At = time.UnixMilli(milliseconds)
	}
	proved.DeliveryID = deliveryID(d)
	return proved, nil
}

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	data := o.Object("data")
	if data == nil {
		return senders.Plain("linear", d)
	}
	e := senders.NewEvent("linear")
	e.Type, e.Action, e.ID = o.String("type"), o.String("action"), deliveryID(d)
	e.Key = data.String("issue.identifier", "identifier", "issueId", "projectId", "id")
	e.Title = strings.TrimSpace(data.String("identifier", "issue.identifier") + " " + data.String("title",
		"name", "issue.title", "project.name"))
	e.Text = senders.Body(data.String("body", "description"))
	e.URL = o.String("url")
	e.Actor = cmp.Or(o.String("actor.name"), data.String("user.name"))
	e.Subject = data.String("team.name", "team.key", "issue.team.name")
	e.State = strings.ToLower(data.String("state.name", "state", "health"))
	e.Severity = strings.ToLower(data.String("priorityLabel"))
	e.OccurredAt = o.Time("createdAt")
	e.Label("assignee", data.String("assignee.name"))
	e.Label("project", data.String("project.name"))
	e.Label("cycle", data.String("cycle.name"))
	e.Label("due", data.String("dueDate"))
	e.Label("labels", senders.Joined(data.Texts("labels", "name"), 20))
	var changed []string
	for name, value := range o.Strings("updatedFrom") {
		if name != "updatedAt" && !strings.HasSuffix(name, "Id") && !strings.HasSuffix(name, "Ids") {
			changed = append(changed, name+" (was "+senders.Clip(value, 200)+")")
		}
	}
	e.Label("changed", senders.Joined(slices.Sorted(slices.Values(changed)), 20))
	return e
}
