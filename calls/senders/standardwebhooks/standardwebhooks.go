// Package standardwebhooks is every sender that follows https://www.standardwebhooks.com, Svix' customers among them.
package standardwebhooks

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"beckon/calls/senders"
	"beckon/internal/problem"
	"beckon/internal/signature"
)

// Sender takes both families of headers, and secrets as well as public keys.
var Sender = &senders.Sender{
	Name:   "standard-webhooks",
	Title:  "Standard Webhooks",
	Group:  senders.Events,
	Check:  check,
	Verify: verify,
	Event:  event,
	Setup: senders.Setup{
		About: "Every service that follows standardwebhooks.com, or uses Svix",
		Place: "the webhooks of the service",
		Steps: []string{
			"Add an endpoint, and paste the URL.",
			"Copy its signing secret (whsec_…).",
		},
		Secret:      "Signing secret",
		MakesSecret: true,
		SecretFrom:  "The service shows it on the page of the endpoint: whsec_…",
	},
	Shows:      senders.Header("Webhook-Signature", "Svix-Signature"),
	Prompt:     func(e senders.Event) string { return senders.Describe("Webhook", e) },
	DeliveryID: deliveryID,
}

var deliveryID = senders.FromHeader("Webhook-Id", "Svix-Id")

func check(p senders.Proof) error {
	for _, s := range p.Secrets {
		if err := signature.CheckVerifier(s); err != nil {
			return senders.Refuse("%s", err)
		}
	}
	return nil
}

func verify(_ context.Context, p senders.Proof, d senders.Delivery, now time.Time) (proved senders.Proved, err error) {
	family := "Webhook-"
	if d.Header.Get("Webhook-Signature") == "" {
		family = "Svix-"
	}
	h := http.Header{}
	for _, name := range []string{"Id", "Timestamp", "Signature"} {
		value, err := senders.One(d.Header, family+name)
		if err != nil {
			return proved, err
		}
		h.Set(family+name, value)
	}
	err = senders.Refuse("The client has no secret for this scheme.")
	good := false
	for _, s := range p.Secrets { // all of them, so that the time says nothing about which one was good
		m, wrong := signature.Verify(h, d.Body, s, "", now)
		switch {
		case s.Reveal() == "" || good:
		case wrong == nil:
			good = true
			proved = senders.Proved{DeliveryID: m.ID, Signed: true, Signature: h.Get(family + "Signature"), At: m.At}
		default:
			err = wrong
		}
	}
	if good {
		return proved, nil
	}
	var known *problem.Error
	if errors.As(err, &known) {
		err = senders.Refuse("%s", known.Error())
	}
	return senders.Proved{}, err
}

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	if o == nil {
		return senders.Plain("standard-webhooks", d)
	}
	e := senders.NewEvent("standard-webhooks")
	e.Type = o.String("type", "event_type", "eventType", "event")
	if i := strings.LastIndex(e.Type, "."); i >= 0 {
		e.Action = e.Type[i+1:]
	}
	e.ID, e.OccurredAt = deliveryID(d), o.Time("timestamp", "created_at", "createdAt")
	data := o.Object("data")
	e.Key, e.Title = data.String("id"), data.String("title", "name", "subject")
	e.State, e.URL = data.String("status", "state"), data.String("url")
	e.Text = senders.Body(cmp.Or(o.String("data"), o.JSON("data"), senders.Clean(string(d.Body))))
	return e
}
