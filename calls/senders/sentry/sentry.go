// Package sentry is the webhooks of Sentry's integrations.
package sentry

import (
	"cmp"
	"strings"

	"beckon/calls/senders"
)

const signatureHeader = "Sentry-Hook-Signature"

// Sender is documented at https://docs.sentry.io/organization/integrations/integration-platform/webhooks/. Its time
// (Sentry-Hook-Timestamp) is not signed and proves nothing.
var Sender = &senders.Sender{
	Name: "sentry", Title: "Sentry", Group: senders.Alerts, Async: true, Event: event,
	Setup: senders.Setup{
		About: "Issues and metric alerts",
		Place: "Settings, Custom Integrations",
		Steps: []string{
			"Create a new internal integration, and paste the URL as its Webhook URL.",
			"Switch on Alert Rule Action, or the webhooks for issues, and save it.",
			"Copy its Client Secret.",
		},
		Secret:      "Client Secret",
		MakesSecret: true,
		SecretFrom:  "Sentry shows it on the page of the integration, under Credentials.",
	},
	Verify:     senders.BodySignature(signatureHeader, "", deliveryID),
	Shows:      senders.Header(signatureHeader),
	Prompt:     func(e senders.Event) string { return senders.DescribeAlert("Sentry", e) },
	DeliveryID: deliveryID,
}

var deliveryID = senders.FromHeader("Request-Id")

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	data := o.Object("data")
	if data == nil {
		return senders.Plain("sentry", d)
	}
	e := senders.NewEvent("sentry")
	e.Type, e.Action, e.Actor = d.Value("Sentry-Hook-Resource"), o.String("action"), o.String("actor.name")
	if e.Type == "" {
		for _, name := range []string{"metric_alert", "issue", "event", "error", "comment"} {
			if data.Has(name) {
				e.Type = name
				break
			}
		}
	}
	switch {
	case data.Has("metric_alert"):
		metricAlert(&e, data)
	case data.Has("issue"):
		issue(&e, data.Object("issue"))
	case data.Has("event"):
		occurrence(&e, data.Object("event"))
		e.Label("rule", data.String("triggered_rule"))
	case data.Has("error"):
		occurrence(&e, data.Object("error"))
	default:
		e.Key, e.Subject = data.String("issue_id"), data.String("project_slug")
		e.Text, e.OccurredAt = senders.Body(data.String("comment")), data.Time("timestamp")
	}
	return e
}

// issue has no start: an issue that was resolved and comes back is told by its action.
func issue(e *senders.Event, o senders.Object) {
	e.Key, e.ID = o.String("id"), o.String("id")
	e.Title, e.Text = o.String("title"), culprit(o)
	e.URL, e.Severity = o.String("web_url", "permalink"), o.String("level")
	e.Subject, e.OccurredAt = o.String("project.slug", "project.name"), o.Time("lastSeen", "firstSeen")
	e.Label("short id", o.String("shortId"))
	e.Label("status", o.String("status"))
	e.Label("platform", o.String("platform"))
	e.Label("first seen", o.Time("firstSeen"))
	e.Label("events", o.String("count"))
	e.Label("users", o.String("userCount"))
	e.Label("assigned to", o.String("assignedTo.name", "assignedTo.email"))
	e.State = senders.Firing
	switch e.Action {
	case "resolved", "archived", "ignored":
		e.State = senders.Resolved
	}
	e.Alert(e.Key, "")
}

// occurrence is one event of an issue.
func occurrence(e *senders.Event, o senders.Object) {
	e.ID, e.Key = o.String("event_id"), o.String("issue_id", "groupID")
	e.Title, e.Text = o.String("title", "message"), culprit(o)
	e.URL, e.Severity = o.String("web_url"), o.String("level")
	e.OccurredAt, e.Subject = o.Time("datetime", "timestamp"), o.String("project_slug", "project_name")
	if _, path, ok := strings.Cut(o.String("url"), "/projects/"); ok && e.Subject == "" { // organization/project/…
		if parts := strings.Split(path, "/"); len(parts) > 1 {
			e.Subject = parts[1]
		}
	}
	e.Label("platform", o.String("platform"))
	e.Label("release", o.String("release"))
	e.Label("environment", o.String("environment"))
	if request := o.Object("request"); request != nil {
		e.Label("request", strings.TrimSpace(request.String("method")+" "+request.String("url")))
	}
	e.State = senders.Firing
	e.Alert(cmp.Or(e.Key, e.ID), "")
}

// culprit says where it happened: the function, the error's text and the innermost frames.
func culprit(o senders.Object) string {
	lines := []string{o.String("culprit"), o.String("metadata.value", "message")}
	for _, exception := range o.Object("exception").Objects("values") {
		lines = append(lines, exception.String("type")+": "+exception.String("value"))
		frames := exception.Object("stacktrace").Objects("frames") // the innermost is the last one
		for i := len(frames) - 1; i >= 0 && i >= len(frames)-8; i-- {
			at := frames[i]
			lines = append(lines,
				"  at "+at.String("function")+" ("+at.String("filename",
					"abs_path", "module")+":"+at.String("lineno")+")")
		}
	}
	var kept []string
	for _, line := range lines {
		if strings.Trim(line, " :") != "" {
			kept = append(kept, line)
		}
	}
	return senders.Body(strings.Join(kept, "\n"))
}

func metricAlert(e *senders.Event, data senders.Object) {
	o := data.Object("metric_alert")
	e.ID, e.Key = o.String("id"), o.String("id")
	e.Title = data.String("description_title")
	e.Text, e.URL = senders.Body(data.String("description_text")), data.String("web_url")
	e.Subject = senders.Joined(o.Texts("projects", "slug"), 10)
	e.Severity, e.State = e.Action, senders.Firing
	e.OccurredAt = o.Time("date_detected", "date_started")
	if e.Action == senders.Resolved {
		e.Severity, e.State, e.OccurredAt = "", senders.Resolved, cmp.Or(o.Time("date_closed"), e.OccurredAt)
	}
	e.Label("rule", o.String("alert_rule.name", "title"))
	e.Label("query", o.String("alert_rule.query"))
	e.Label("aggregate", o.String("alert_rule.aggregate"))
	e.Label("environment", o.String("alert_rule.environment"))
	e.Alert(e.Key, o.Time("date_started"))
}
