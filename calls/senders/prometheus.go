package senders

import (
	"cmp"
	"strings"
)

// summaries and descriptions are the annotations that say what an alert is about; by convention of those who write rules.
var (
	summaries    = []string{"summary", "title"}
	descriptions = []string{"description", "message"}
)

// ReadAlerts reads the document of Alertmanager, which Grafana and others send as well, into an event of alerts. None is
// left out, whatever it lacks.
func (e *Event) ReadAlerts(o Object) {
	e.Type, e.Key, e.URL = "alert", o.String("groupKey"), o.String("externalURL")
	e.Action = o.String("status")
	e.Subject = pairs(o.Strings("groupLabels"), nil)
	alerts := o.Objects("alerts")
	e.Items = make([]Item, len(alerts))
	for i, alert := range alerts {
		e.readAlert(&e.Items[i], alert)
	}
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

func (e *Event) readAlert(item *Item, alert Object) {
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
	annotations := alert.Strings("annotations")
	item.Title = cmp.Or(take(annotations, summaries), item.Labels["alertname"])
	item.Text = Body(take(annotations, descriptions))
	for name, value := range annotations {
		if _, ok := item.Labels[name]; !ok {
			item.Labels[name] = value
		}
	}
	if alert.Has("values") {
		item.Label("values", pairs(alert.Strings("values"), nil))
	}
}

// take removes and returns the first of these annotations that is there.
func take(annotations map[string]string, names []string) string {
	for _, name := range names {
		if value := annotations[name]; value != "" {
			delete(annotations, name)
			return value
		}
	}
	return ""
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
