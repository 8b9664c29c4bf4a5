package cloudevents

import (
	"cmp"
	"encoding/json"
	"strings"

	"beckon/calls/senders"
)

// EventGrid is Azure Event Grid, which sends lists in a schema of its own, or CloudEvents:
// https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema
var EventGrid = &senders.Sender{
	Name:      "eventgrid",
	Title:     "Azure Event Grid",
	Group:     senders.Cloud,
	Async:     true,
	Event:     gridEvent,
	Handshake: validate,
	Setup: senders.Setup{
		About: "Azure's events",
		Place: "Event Subscriptions, of a topic or resource",
		Steps: []string{
			"Add an event subscription with the endpoint type Web Hook, and paste the URL.",
			"It has the token in its query already: Event Grid can send no header while it validates an endpoint.",
			"Create it: Azure calls the URL at once to validate it.",
		},
		Proof: &senders.Proof{Scheme: "query", Name: "key"},
	},
	Preflight: Preflight,
	Prompt:    func(e senders.Event) string { return senders.DescribeEach("Azure Event Grid", e) },
	DeliveryID: func(d senders.Delivery) string {
		if e := gridEvent(d); len(e.Items) == 0 {
			return e.ID
		}
		return ""
	},
}

// validate answers with the code. The event also names a URL for those who can't: it is never fetched, so that no
// call can make the gateway fetch something.
func validate(d senders.Delivery) (*senders.Answer, error) {
	list := senders.ParseList(d.Body)
	if len(list) != 1 || list[0].String("eventType") != "Microsoft.EventGrid.SubscriptionValidationEvent" {
		return nil, nil
	}
	code := list[0].String("data.validationCode")
	if code == "" {
		return nil, senders.Refuse("The validation of Event Grid has no validationCode.")
	}
	body, err := json.Marshal(map[string]string{"validationResponse": code})
	return senders.Text("application/json", string(body)), err
}

func gridEvent(d senders.Delivery) senders.Event {
	list := senders.ParseList(d.Body)
	if len(list) == 0 {
		e := event(d)
		e.Source = "eventgrid"
		return e
	}
	return Batch("eventgrid", list, gridFact, d)
}

func gridFact(f *senders.Fact, o senders.Object) {
	if o.Has("specversion") {
		fact(f, o)
		return
	}
	f.Type, f.ID, f.Title = o.String("eventType"), o.String("id"), o.String("subject")
	if i := strings.LastIndex(f.Type, "."); i >= 0 {
		f.Action = f.Type[i+1:]
	}
	f.Subject, f.OccurredAt = o.String("topic"), o.Time("eventTime")
	f.Key = strings.TrimSpace(f.Subject + " " + f.Title)
	f.URL = o.String("data.url")
	f.Text = senders.Body(cmp.Or(o.String("data"), o.JSON("data")))
}
