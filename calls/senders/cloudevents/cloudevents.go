// Package cloudevents is every sender of CloudEvents over HTTP, in its three modes: structured, binary and batch.
package cloudevents

import (
	"cmp"
	"encoding/base64"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"beckon/calls/senders"
)

// Sender is by the HTTP binding
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md) and the webhook
// specification beside it, which has the handshake.
var Sender = &senders.Sender{
	Name:       "cloudevents",
	Title:      "CloudEvents",
	Group:      senders.Cloud,
	Event:      event,
	DeliveryID: deliveryID,
	Preflight:  Preflight,
	Setup: senders.Setup{
		About: "Knative, Dapr and other senders of CloudEvents",
		Place: "the subscription or sink of the service",
		Steps: []string{
			"Set the URL as the address that events are sent to.",
			"Have it send the header Authorization: Bearer … with the token.",
		},
	},
	Prompt: func(e senders.Event) string { return senders.DescribeEach("CloudEvents", e) },
}

// Preflight allows whoever asks to send: each of its deliveries has to prove itself all the same.
func Preflight(d senders.Delivery) *senders.Answer {
	origin := d.Header.Get("Webhook-Request-Origin")
	if d.Method != http.MethodOptions || origin == "" {
		return nil
	}
	answer := &senders.Answer{Status: http.StatusOK, Header: http.Header{
		"Allow": {"POST"}, "Webhook-Allowed-Origin": {origin},
	}}
	if rate := d.Header.Get("Webhook-Request-Rate"); rate != "" {
		answer.Header.Set("Webhook-Allowed-Rate", rate)
	}
	return answer
}

// deliveryID is source and id, which together are unique (section 3.1 of the specification).
func deliveryID(d senders.Delivery) string {
	e := event(d)
	if len(e.Items) > 0 || e.ID == "" {
		return ""
	}
	return e.Subject + "#" + e.ID
}

func event(d senders.Delivery) senders.Event {
	kind, _, _ := mime.ParseMediaType(d.Header.Get("Content-Type"))
	switch {
	case strings.HasPrefix(kind, "application/cloudevents-batch"):
		return Batch("cloudevents", senders.ParseList(d.Body), fact, d)
	case d.Header.Get("Ce-Specversion") != "" && !strings.HasPrefix(kind, "application/cloudevents"):
		return binary(d)
	}
	o := senders.Parse(d.Body)
	if !o.Has("specversion") && !o.Has("type") {
		return senders.Plain("cloudevents", d)
	}
	e := senders.NewEvent("cloudevents")
	fact(&e.Fact, o)
	return e
}

// Batch makes one event of a list: of one, the event itself.
func Batch(
	source string, list []senders.Object, read func(*senders.Fact, senders.Object), d senders.Delivery,
) senders.Event {
	e := senders.NewEvent(source)
	if len(list) == 0 {
		return senders.Plain(source, d)
	}
	read(&e.Fact, list[0])
	if len(list) == 1 {
		return e
	}
	e = senders.NewEvent(source)
	for _, o := range list {
		item := e.NewItem()
		read(&item.Fact, o)
		e.Items = append(e.Items, item)
	}
	first := e.Items[0]
	e.Type, e.Key, e.Subject, e.OccurredAt = first.Type, first.Key, first.Subject, first.OccurredAt
	return e
}

// attributes have a member of the event; all others are extensions, and become labels.
var attributes = map[string]bool{
	"specversion":     true,
	"type":            true,
	"source":          true,
	"id":              true,
	"time":            true,
	"subject":         true,
	"data":            true,
	"data_base64":     true,
	"datacontenttype": true,
	"dataschema":      true,
}

func fact(f *senders.Fact, o senders.Object) {
	attributesOf(f, maps.Collect(o.Values()))
	f.Text = senders.Body(cmp.Or(o.String("data"), o.JSON("data")))
	if encoded := o.String("data_base64"); encoded != "" {
		f.Text = data(encoded)
	}
}

func data(encoded string) string {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !utf8.Valid(raw) {
		return "(binary data)"
	}
	return senders.Body(senders.Clean(string(raw)))
}

func attributesOf(f *senders.Fact, values map[string]string) {
	f.Type, f.ID = values["type"], values["id"]
	f.Subject = values["source"]
	f.Title = values["subject"]
	f.Key = strings.Trim(values["source"]+" "+values["subject"], " ")
	f.OccurredAt = senders.Time(values["time"])
	if i := strings.LastIndex(f.Type, "."); i >= 0 {
		f.Action = f.Type[i+1:]
	}
	for name, value := range values {
		if !attributes[name] {
			f.Label(name, value)
		}
	}
}

// binary has the attributes in headers, with what is no ASCII in percent encoding, and the data as the body.
func binary(d senders.Delivery) senders.Event {
	values := map[string]string{}
	for name, header := range d.Header {
		if attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-"); ok && len(header) == 1 {
			value, err := url.PathUnescape(header[0])
			if err != nil {
				value = header[0]
			}
			values[attribute] = senders.Clean(value)
		}
	}
	e := senders.NewEvent("cloudevents")
	attributesOf(&e.Fact, values)
	e.Text = senders.Body(senders.Clean(string(d.Body)))
	if !utf8.Valid(d.Body) {
		e.Text = "(binary data)"
	}
	return e
}
