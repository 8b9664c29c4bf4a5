// Package stripe is Stripe's webhooks.
package stripe

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"beckon/calls/senders"
)

const signatureHeader = "Stripe-Signature"

// Sender is documented at https://docs.stripe.com/webhooks
var Sender = &senders.Sender{
	Name: "stripe", Title: "Stripe", Group: senders.Payments, Async: true, Verify: verify, Event: event,
	Setup: senders.Setup{
		About: "Payments, invoices, subscriptions",
		Place: "Workbench, Webhooks (Developers, Webhooks)",
		Steps: []string{
			"Add a destination of the type Webhook endpoint, and choose the events.",
			"Paste the URL as Endpoint URL, and create the destination.",
			"Reveal its signing secret (whsec_…), and copy it.",
		},
		Secret:      "Signing secret",
		MakesSecret: true,
		SecretFrom:  "Stripe shows it on the page of the endpoint: whsec_…",
	},
	Shows:      senders.Header(signatureHeader),
	Prompt:     func(e senders.Event) string { return senders.Describe("Stripe", e) },
	DeliveryID: func(d senders.Delivery) string { return senders.Member(d.Body, "id") },
}

// verify reads "t=…,v1=…,v1=…"; v0 is of test events and proves nothing.
func verify(_ context.Context, p senders.Proof, d senders.Delivery, now time.Time) (senders.Proved, error) {
	text, err := senders.One(d.Header, signatureHeader)
	if err != nil {
		return senders.Proved{}, err
	}
	timestamp, times := "", 0
	var signatures [][]byte
	for part := range strings.SplitSeq(text, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			timestamp, times = value, times+1
		case "v1":
			if raw, err := senders.Hex(value, ""); err == nil {
				signatures = append(signatures, raw)
			}
		}
	}
	if times != 1 || len(signatures) == 0 {
		return senders.Proved{}, senders.Refuse("The header %s is not one t= and at least one v1=.", signatureHeader)
	}
	at, err := senders.Seconds(timestamp, p.Tolerance, now)
	if err != nil {
		return senders.Proved{}, err
	}
	if !senders.SignedBy(p.Secrets, sha256.New, signatures, []byte(timestamp+"."), d.Body) {
		return senders.Proved{}, senders.Mismatch
	}
	return senders.Proved{DeliveryID: senders.Member(d.Body, "id"), Signed: true, Signature: text, At: at}, nil
}

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	object := o.Object("data").Object("object")
	if object == nil {
		return senders.Plain("stripe", d)
	}
	e := senders.NewEvent("stripe")
	e.Type, e.ID, e.OccurredAt = o.String("type"), o.String("id"), o.Time("created")
	if i := strings.LastIndex(e.Type, "."); i >= 0 {
		e.Action = e.Type[i+1:]
	}
	kind := object.String("object")
	e.Key, e.State = object.String("id"), object.String("status")
	e.Subject = object.String("customer_email",
		"customer_details.email", "receipt_email", "billing_details.email", "email", "customer")
	e.Title = strings.ReplaceAll(kind, "_", " ")
	amount := money(object)
	if amount != "" {
		e.Title += ", " + amount
	}
	e.Text = senders.Body(object.String("description",
		"failure_message", "last_payment_error.message", "last_finalization_error.message"))
	e.URL = object.String("hosted_invoice_url", "receipt_url")
	e.Severity = object.String("outcome.risk_level")
	e.Label("object", e.Key)
	e.Label("amount", amount)
	e.Label("customer", object.String("customer"))
	e.Label("customer name", object.String("customer_name", "customer_details.name", "billing_details.name", "name"))
	e.Label("number", object.String("number"))
	e.Label("subscription", object.String("subscription", "parent.subscription_details.subscription"))
	e.Label("billing reason", object.String("billing_reason"))
	e.Label("attempts", object.String("attempt_count"))
	e.Label("failure code", object.String("failure_code", "last_payment_error.code"))
	e.Label("reason", object.String("reason", "cancellation_details.reason"))
	e.Label("account", o.String("account"))
	if !o.True("livemode") {
		e.Label("mode", "test")
	}
	return e
}

// noCents are the currencies whose amounts have no smaller unit; those of threeDigits have a thousandth:
// https://docs.stripe.com/currencies
var (
	noCents     = strings.Fields("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf")
	threeDigits = strings.Fields("bhd jod kwd omr tnd")
)

func money(object senders.Object) string {
	currency := object.String("currency")
	for _, name := range []string{"amount_total", "amount_due", "amount", "total"} {
		amount, err := strconv.ParseInt(object.String(name), 10, 64)
		switch {
		case err != nil || currency == "":
			continue
		case slices.Contains(noCents, currency):
			return fmt.Sprintf("%d %s", amount, strings.ToUpper(currency))
		case slices.Contains(threeDigits, currency):
			return fmt.Sprintf("%.3f %s", float64(amount)/1000, strings.ToUpper(currency))
		}
		return fmt.Sprintf("%.2f %s", float64(amount)/100, strings.ToUpper(currency))
	}
	return ""
}
