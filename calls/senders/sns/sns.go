// Package sns is Amazon's Simple Notification Service over HTTPS, and the CloudWatch alarms that come by it.
package sns

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"beckon/calls/senders"
)

// Sender is documented at https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. certificates
// returns those that messages are signed with.
func Sender(certificates *Certificates) *senders.Sender {
	return &senders.Sender{
		Name:      "sns",
		Title:     "Amazon SNS",
		Group:     senders.Cloud,
		Async:     true,
		Event:     event,
		Check:     check,
		Handshake: handshake,
		Keyless:   true,
		Setup: senders.Setup{
			About: "CloudWatch alarms and other notifications of AWS",
			Place: "SNS, Topics, your topic",
			Steps: []string{
				"Press Create subscription, and choose the protocol HTTPS.",
				"Paste the URL as Endpoint, and leave raw message delivery off.",
				"Create it: Beckon confirms the subscription by itself.",
			},
			Proof: &senders.Proof{Scheme: "sns"},
		},
		Verify: func(ctx context.Context, p senders.Proof, d senders.Delivery, now time.Time) (senders.Proved, error) {
			return verify(ctx, certificates, p, d, now)
		},
		Shows:      senders.Header("X-Amz-Sns-Message-Type"),
		Prompt:     func(e senders.Event) string { return senders.DescribeAlert("Amazon SNS", e) },
		DeliveryID: func(d senders.Delivery) string { return senders.Member(d.Body, "MessageId") },
	}
}

var topicForm = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:.+$`)

func check(p senders.Proof) error {
	if !topicForm.MatchString(p.TopicARN) {
		return senders.Refuse("topicArn is required, such as arn:aws:sns:eu-west-1:123456789012:alarms: " +
			"Amazon signs everybody's messages with the same key")
	}
	return nil
}

var hostForm = regexp.MustCompile(`^sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$`)

// amazon returns a URL of SNS itself, or nil.
func amazon(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.User != nil || !hostForm.MatchString(u.Host) {
		return nil
	}
	return u
}

// handshake confirms a subscription: its URL is signed, and Amazon's.
func handshake(d senders.Delivery) (*senders.Answer, error) {
	o := senders.Parse(d.Body)
	switch o.String("Type") {
	case "UnsubscribeConfirmation": // its URL would subscribe again
		return &senders.Answer{Status: http.StatusOK}, nil
	case "SubscriptionConfirmation":
		u := amazon(o.String("SubscribeURL"))
		if u == nil || u.Query().Get("Action") != "ConfirmSubscription" {
			return nil, senders.Refuse("The SubscribeURL of the message is not one of Amazon's.")
		}
		return &senders.Answer{Status: http.StatusOK, Fetch: u}, nil
	}
	return nil, nil
}

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	if !o.Has("Message") {
		return senders.Plain("sns", d)
	}
	e := senders.NewEvent("sns")
	e.Type, e.ID, e.OccurredAt = o.String("Type"), o.String("MessageId"), o.Time("Timestamp")
	e.Key = o.String("TopicArn")
	e.Subject = e.Key[strings.LastIndex(e.Key, ":")+1:]
	e.Title, e.Text = o.String("Subject"), senders.Body(o.String("Message"))
	for name, attribute := range o.Object("MessageAttributes").Nested() {
		e.Label(name, attribute.String("Value"))
	}
	inner := senders.ParseText(o.String("Message"))
	switch {
	case inner.Has("AlarmName"):
		alarm(&e, inner)
	case inner.Has("detail-type"): // EventBridge
		e.Type, e.Subject = inner.String("detail-type"), inner.String("source")
		e.Title, e.OccurredAt = cmp.Or(e.Title, senders.Joined(inner.Texts("resources", ""), 5)), inner.Time("time")
		e.Text = senders.Body(inner.JSON("detail"))
		e.Label("region", inner.String("region"))
		e.Label("account", inner.String("account"))
	}
	return e
}

// alarm is CloudWatch's: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
func alarm(e *senders.Event, o senders.Object) {
	e.Type, e.Key = "alarm", o.String("AlarmArn", "AlarmName")
	e.Title = o.String("AlarmName")
	e.Text = senders.Body(o.String("AlarmDescription") + "\n" + o.String("NewStateReason"))
	e.OccurredAt = o.Time("StateChangeTime")
	e.Action = strings.ToLower(o.String("NewStateValue"))
	e.State = map[string]string{"alarm": senders.Firing, "ok": senders.Resolved}[e.Action]
	e.State = cmp.Or(e.State, e.Action)
	e.Label("region", o.String("Region"))
	e.Label("account", o.String("AWSAccountId"))
	e.Label("before", o.String("OldStateValue"))
	trigger := o.Object("Trigger")
	e.Label("metric", strings.Trim(trigger.String("Namespace")+"/"+trigger.String("MetricName"), "/"))
	for _, dimension := range trigger.Objects("Dimensions") {
		e.Label(dimension.String("name"), dimension.String("value"))
	}
	if e.State == senders.Firing || e.State == senders.Resolved {
		e.Alert(e.Key, "")
	}
}
