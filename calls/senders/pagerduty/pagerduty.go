// Package pagerduty is PagerDuty's V3 webhooks.
package pagerduty

import (
	"cmp"
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"beckon/calls/senders"
)

const signatureHeader = "X-PagerDuty-Signature"

// Sender is documented at https://developer.pagerduty.com/docs/webhooks-overview
var Sender = &senders.Sender{
	Name: "pagerduty", Title: "PagerDuty", Group: senders.Alerts, Async: true, Verify: verify, Event: event,
	Setup: senders.Setup{
		About: "Incidents: triggered, acknowledged, resolved",
		Place: "Integrations, Generic Webhooks (v3)",
		Steps: []string{
			"Press New Webhook, and paste the URL.",
			"Choose a service, team or account, and the incident events.",
			"Save it, and copy the signing secret that is shown once.",
		},
		Secret:      "Signing secret",
		MakesSecret: true,
		SecretFrom:  "PagerDuty shows it once, when the webhook is added.",
	},
	Shows:      senders.Header(signatureHeader),
	Prompt:     func(e senders.Event) string { return senders.DescribeAlert("PagerDuty", e) },
	DeliveryID: func(d senders.Delivery) string { return senders.Member(d.Body, "event.id") },
	Handshake: func(d senders.Delivery) (*senders.Answer, error) {
		if senders.Member(d.Body, "event.event_type") != "pagey.ping" {
			return nil, nil
		}
		return &senders.Answer{Status: http.StatusOK}, nil
	},
}

// verify reads "v1=…,v1=…": one for each secret while they are rotated.
func verify(_ context.Context, p senders.Proof, d senders.Delivery, _ time.Time) (senders.Proved, error) {
	text, err := senders.One(d.Header, signatureHeader)
	if err != nil {
		return senders.Proved{}, err
	}
	var signatures [][]byte
	for one := range strings.SplitSeq(text, ",") {
		if raw, err := senders.Hex(strings.TrimSpace(one), "v1="); err == nil {
			signatures = append(signatures, raw)
		}
	}
	if !senders.SignedBy(p.Secrets, sha256.New, signatures, d.Body) {
		return senders.Proved{}, senders.Mismatch
	}
	return senders.Proved{DeliveryID: senders.Member(d.Body, "event.id"), Signed: true, Signature: text}, nil
}

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body).Object("event")
	if o == nil {
		return senders.Plain("pagerduty", d)
	}
	data := o.Object("data")
	incident := data
	if nested := data.Object("incident"); nested != nil { // notes, responders, status updates
		incident = nested
	}
	e := senders.NewEvent("pagerduty")
	e.Type, e.ID = o.String("event_type"), o.String("id")
	_, e.Action, _ = strings.Cut(e.Type, ".")
	e.Key = incident.String("id")
	e.Title = incident.String("title", "summary")
	e.URL = incident.String("html_url")
	e.Actor = o.String("agent.summary", "client.name")
	e.Subject = incident.String("service.summary")
	e.Severity = strings.ToLower(incident.String("priority.summary", "urgency"))
	e.Text = senders.Body(data.String("content", "message", "resolve_reason.type"))
	e.OccurredAt = o.Time("occurred_at")
	e.Label("number", incident.String("number"))
	e.Label("status", incident.String("status"))
	e.Label("urgency", incident.String("urgency"))
	e.Label("escalation policy", incident.String("escalation_policy.summary"))
	e.Label("assigned to", senders.Joined(incident.Texts("assignees", "summary"), 10))
	e.Label("teams", senders.Joined(incident.Texts("teams", "summary"), 10))
	e.Label("incident key", incident.String("incident_key"))
	switch status := incident.String("status"); status {
	case "triggered", "acknowledged":
		e.State = senders.Firing
	default:
		e.State = cmp.Or(status, e.State)
	}
	if e.State == senders.Firing || e.State == senders.Resolved {
		e.Alert(e.Key, incident.Time("created_at"))
	}
	return e
}
