package senders

import (
	"cmp"
	"strings"
)

// ReadAlerts reads the document of Alertmanager, which Grafana and others send as well, into an event of alerts.
// None is left out, whatever it lacks.
func (e *Event) ReadAlerts(o Object) {
	e.Type, e.Key, e.URL = "alert", o.String("groupKey"), o.String("externalURL")
	e.Action = o.String("status")
	e.Subject = pairs(o.Strings("groupLabels"), nil)
	array := o.Raw("alerts")
	e.Items = make([]Item, 0, min(len(array)/300, 500)) // about as many as there are
	add := func(a *alert) { e.Items = append(e.Items, e.item(a)) }
	if !scanAlerts(array, add) {
		e.Items = e.Items[:0]
		readAlerts(o, add)
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

// alert is an alert in the words of Alertmanager and Grafana.
type alert struct {
	status, fingerprint, startsAt, endsAt string
	panelURL, dashboardURL, generatorURL  string
	values                                string // Grafana's, as one text
	labels                                map[string]string
	annotations                           [][2]string // name and text
}

// readAlerts calls take with each alert, whatever JSON it is; take must not keep the annotations.
func readAlerts(o Object, take func(*alert)) {
	var annotations Object
	var a alert
	o.Each("alerts", func(one Object) {
		a = alert{
			status:       one.String("status"),
			fingerprint:  one.String("fingerprint"),
			startsAt:     one.String("startsAt"),
			endsAt:       one.String("endsAt"),
			panelURL:     one.String("panelURL"),
			dashboardURL: one.String("dashboardURL"),
			generatorURL: one.String("generatorURL"),
			labels:       one.Strings("labels"),
			annotations:  a.annotations[:0],
		}
		annotations = annotations[:0].read(one.value("annotations"))
		for name, text := range annotations.Values() {
			a.annotations = append(a.annotations, [2]string{name, text})
		}
		if one.Has("values") {
			a.values = pairs(one.Strings("values"), nil)
		}
		take(&a)
	})
}

// item makes an item of an alert, whose labels it keeps.
func (e *Event) item(a *alert) (item Item) {
	item.Source, item.Type, item.Key = e.Source, e.Type, e.Key
	item.Labels = a.labels
	if item.Fingerprint = a.fingerprint; item.Fingerprint == "" {
		item.Fingerprint = Fingerprint(item.Labels)
	}
	item.ID = item.Fingerprint
	item.State = alertState(a.status)
	item.Severity = strings.ToLower(cmp.Or(item.Labels["severity"], item.Labels["priority"]))
	item.URL = cmp.Or(a.panelURL, a.dashboardURL, a.generatorURL)
	item.StartsAt = Time(a.startsAt)
	item.OccurredAt = item.StartsAt
	if item.State == Resolved {
		item.OccurredAt = cmp.Or(Time(a.endsAt), item.StartsAt)
	}
	title, summary := a.annotation("summary", "title")
	text, description := a.annotation("description", "message")
	item.Title, item.Text = cmp.Or(title, item.Labels["alertname"]), Body(text)
	for _, one := range a.annotations {
		name, value := one[0], one[1]
		if _, ok := item.Labels[name]; !ok && name != summary && name != description {
			item.Label(name, value)
		}
	}
	item.Label("values", a.values)
	return item
}

// annotation returns the first of these annotations that has a text, and its name. Of two with a name the last one
// counts.
func (a *alert) annotation(names ...string) (text, name string) {
	for _, name := range names {
		for i := len(a.annotations) - 1; i >= 0; i-- {
			if one := a.annotations[i]; one[0] == name {
				if one[1] != "" {
					return one[1], name
				}
				break
			}
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
