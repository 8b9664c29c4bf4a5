// Package uptimekuma is Uptime Kuma's webhook notification. It signs nothing: a token in a header proves it.
package uptimekuma

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"

	"beckon/calls/senders"
)

// Sender is documented by its source: https://github.com/louislam/uptime-kuma, server/notification-providers/webhook.js
var Sender = &senders.Sender{
	Name: "uptime-kuma", Title: "Uptime Kuma", Group: senders.Alerts, Async: true, Event: event,
	Setup: senders.Setup{
		About: "Monitors that go down and come up again",
		Place: "Settings, Notifications",
		Steps: []string{
			"Press Setup Notification, choose Webhook, and paste the URL as Post URL.",
			"Under Additional Headers, write {\"Authorization\": " +
				"\"Bearer …\"} with the token in the place of the dots.",
			"Press Test, then switch the notification on for your monitors.",
		},
	},
	Prompt: func(e senders.Event) string { return senders.DescribeAlert("Uptime Kuma", e) },
}

// The numbers of a heartbeat's status.
var states = map[string]string{"0": senders.Firing, "1": senders.Resolved, "2": "pending", "3": "maintenance"}

func event(d senders.Delivery) senders.Event {
	o := payload(d)
	if !o.Has("msg") && !o.Has("monitor") {
		return senders.Plain("uptime-kuma", d)
	}
	beat, monitor := o.Object("heartbeat"), o.Object("monitor")
	e := senders.NewEvent("uptime-kuma")
	e.Type = "notification" // a test, or a certificate that expires
	e.Title, e.Text = senders.First(o.String("msg")), senders.Body(beat.String("msg"))
	e.Subject = monitor.String("name")
	e.URL = monitor.String("url")
	if e.URL == "https://" { // what monitors without a URL have
		e.URL = ""
	}
	e.OccurredAt = beat.Time("time")
	e.Label("type", monitor.String("type"))
	e.Label("host", monitor.String("hostname"))
	e.Label("port", monitor.String("port"))
	e.Label("group", monitor.String("parent"))
	e.Label("description", monitor.String("description"))
	for _, tag := range monitor.Objects("tags") {
		e.Label(tag.String("name"), tag.String("value"))
	}
	if id := monitor.String("id"); id != "" && beat != nil {
		e.Type, e.Key, e.State = "heartbeat", "monitor/"+id, states[beat.String("status")]
		if e.State == senders.Firing || e.State == senders.Resolved {
			e.Alert(e.Key, "") // Kuma does not say when an outage began
		}
	}
	return e
}

// payload reads the body, or the field data of a multipart form: Kuma can do both.
func payload(d senders.Delivery) senders.Object {
	kind, params, err := mime.ParseMediaType(d.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return senders.Parse(d.Body)
	}
	parts := multipart.NewReader(bytes.NewReader(d.Body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil
		}
		if part.FormName() == "data" {
			data, _ := io.ReadAll(part) // in memory already
			return senders.Parse(data)
		}
	}
}
