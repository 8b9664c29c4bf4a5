// Package grafana is Grafana Alerting's webhook contact point.
package grafana

import (
	"cmp"
	"context"
	"time"

	"beckon/calls/senders"
)

const signatureHeader = "X-Grafana-Alerting-Signature"

// Sender posts Alertmanager's document with some members of its own:
// https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
var Sender = &senders.Sender{
	Name: "grafana", Title: "Grafana", Group: senders.Alerts, Async: true, Event: event, Verify: verify,
	Setup: senders.Setup{
		About: "Alert rules of Grafana Alerting",
		Place: "Alerting, Contact points",
		Steps: []string{
			"Add a contact point with the integration Webhook, and paste the URL.",
			"Under HMAC signature, paste the secret. (Older versions have no such field: choose bearer as the proof " +
				"of this client, and paste the token under Authorization header credentials.)",
			"Press Test, then use the contact point in a notification policy.",
		},
		Secret: "Secret (HMAC signature)",
	},
	Prompt: func(e senders.Event) string { return senders.DescribeAlerts("Grafana", e) },
	Shows: func(p senders.Proof, d senders.Delivery) bool {
		return d.Header.Get(cmp.Or(p.Header, signatureHeader)) != ""
	},
}

// verify takes the time into the signature where the contact point, and so the client's timestampHeader, names a header
// for it.
func verify(_ context.Context, p senders.Proof, d senders.Delivery, now time.Time) (senders.Proved, error) {
	header := cmp.Or(p.Header, signatureHeader)
	if p.TimestampHeader == "" {
		return senders.SignedBody(p, d, header, "")
	}
	return senders.SignedTimeAndBody(p, d, header, "", p.TimestampHeader, "", now)
}

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	if !o.Has("alerts") {
		return senders.Plain("grafana", d)
	}
	e := senders.NewEvent("grafana")
	e.ReadAlerts(o)
	return e
}
