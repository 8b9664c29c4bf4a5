// Package alertmanager is Prometheus' Alertmanager, and what sends its document: vmalert, Mimir, Loki.
package alertmanager

import "beckon/calls/senders"

// Sender posts a group of alerts each time that something in it has changed. It takes a 4xx as final, and repeats
// after a 5xx: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
var Sender = &senders.Sender{
	Name: "alertmanager", Title: "Alertmanager", Group: senders.Alerts, Async: true, Event: event,
	Setup: senders.Setup{
		About: "Alerts of Prometheus, Mimir and Loki",
		Place: "alertmanager.yml",
		Steps: []string{
			"In alertmanager.yml, add a receiver whose webhook_configs has the URL.",
			"Under its http_config, set basic_auth with any username, and the file with the token as password_file.",
			"Add a route with that receiver and continue: true before your other routes, and as the last one a route " +
				"with the receiver that you had. The tab Snippets has the lines. Then reload Alertmanager.",
		},
		Proof: &senders.Proof{Scheme: "basic"},
	},
	Prompt: func(e senders.Event) string { return senders.DescribeAlerts("Alertmanager", e) },
}

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	if !o.Has("alerts") {
		return senders.Plain("alertmanager", d)
	}
	e := senders.NewEvent("alertmanager")
	e.ReadAlerts(o)
	return e
}
