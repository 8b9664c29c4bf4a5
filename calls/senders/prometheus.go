package senders

import (
	"cmp"
	"strings"
)

// ReadAlerts reads the document of Alertmanager, which Grafana and others send as well, into an event of alerts. None is
// left out, whatever it lacks.
func (e *Event) ReadAlerts(o Object) {
	e.Type, e.Key, e.URL = "alert", o.String("groupKey"), o.String("externalURL")
	e.Action = o.String("status")
	e.Subject = pairs(o.Strings("groupLabels"), nil)
	annotations := make(Object, 0, 16)
	o.Each("alerts", func(alert Object) {
		annotations = annotations[:0].read(alert.value("annotations"))
		e.Items = append(e.Items, e.readAlert(alert, annotations))
	})
	if len(e.Items) == 0 {
		e.State = alertState(o.String("status"))
		e.Labels = o.Strings("commonLabels")
		return
	}
	e.Summarize()
	if truncated := o.String("truncatedAlerts"); truncated != "0" {
		e.Label(truncatedAlerts, truncated)
	}
}

// truncatedAlerts is a label with the number of alerts that the sender has left out.
const truncatedAlerts = "truncatedAlerts"

func (e *Event) readAlert(alert, annotations Object) (item Item) {
	item.Source, item.Type, item.Key = e.Source, e.Type, e.Key
	item.Labels = alert.Strings("labels")
	if item.Fingerprint = alert.String("fingerprint"); item.Fingerprint == "" {
		item.Fingerprint = Fingerprint(item.Labels)
	}
	item.ID = item.Fingerprint
	item.State = alertState(alert.String("status"))
	item.Severity = strings.ToLower(cmp.Or(item.Labels["severity"], item.Labels["priority"]))
	item.URL = alert.String("panelURL", "dashboardURL", "generatorURL")
	item.StartsAt = alert.Time("startsAt")
	item.OccurredAt = item.StartsAt
	if item.State == Resolved {
		item.OccurredAt = cmp.Or(alert.Time("endsAt"), item.StartsAt)
	}
	title, summary := annotations.first("summary", "title")
	text, description := annotations.first("description", "message")
	item.Title, item.Text = cmp.Or(title, item.Labels["alertname"]), Body(text)
	for name, value := range annotations.Values() {
		if _, ok := item.Labels[name]; !ok && name != summary && name != description {
			item.Label(name, value)
		}
	}
	if alert.Has("values") {
		item.Label("values", pairs(alert.Strings("values"), nil))
	}
	return item
}

// first returns the first of these members that has a text, and its name.
func (o Object) first(names ...string) (text, name string) {
	for _, name := range names {
		if text := o.String(name); text != "" {
			return text, name
		}
	}
	return "", ""
}

func alertState(status string) string {
	switch status = strings.ToLower(status); status {
	case "", "alerting":
		return Firing
	case "ok", "normal":
		return Resolved
	}
	return status
}
