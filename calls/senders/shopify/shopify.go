// Package shopify is Shopify's webhooks.
package shopify

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"beckon/calls/senders"
)

const signatureHeader = "X-Shopify-Hmac-Sha256"

// Sender is documented at https://shopify.dev/docs/apps/build/webhooks. It takes nothing but a 200 for a success.
var Sender = &senders.Sender{
	Name: "shopify", Title: "Shopify", Group: senders.Payments, Async: true, Verify: verify, Event: event,
	Setup: senders.Setup{
		About: "Orders, customers, products",
		Place: "Settings, Notifications, Webhooks",
		Steps: []string{
			"Press Create webhook, choose the event and the format JSON, and paste the URL.",
			"Below the list of webhooks, copy the key that they are signed with. " +
				"For the webhooks of an app it is the app's client secret.",
		},
		Secret:      "Signing key",
		MakesSecret: true,
		SecretFrom:  "Shopify shows it below the list of webhooks. For an app it is the client secret.",
	},
	Shows:      senders.Header(signatureHeader),
	Prompt:     func(e senders.Event) string { return senders.Describe("Shopify", e) },
	DeliveryID: deliveryID,
	Accepted:   senders.Text("application/json", `{"ok":true}`),
}

var deliveryID = senders.FromHeader("X-Shopify-Webhook-Id", "X-Shopify-Event-Id")

func verify(_ context.Context, p senders.Proof, d senders.Delivery, _ time.Time) (senders.Proved, error) {
	text, raw, err := senders.Base64Header(d, signatureHeader)
	if err != nil {
		return senders.Proved{}, err
	}
	if !senders.SignedBy(p.Secrets, sha256.New, [][]byte{raw}, d.Body) {
		return senders.Proved{}, senders.Mismatch
	}
	return senders.Proved{DeliveryID: deliveryID(d), Signature: text}, nil
}

func event(d senders.Delivery) senders.Event {
	o := senders.Parse(d.Body)
	if o == nil {
		return senders.Plain("shopify", d)
	}
	e := senders.NewEvent("shopify")
	e.Type = d.Value("X-Shopify-Topic") // orders/create
	resource := e.Type
	if i := strings.LastIndex(e.Type, "/"); i >= 0 {
		resource, e.Action = e.Type[:i], e.Type[i+1:]
	}
	e.ID = deliveryID(d)
	e.Key = o.String("admin_graphql_api_id", "id")
	e.Subject = d.Value("X-Shopify-Shop-Domain")
	e.Title = strings.TrimSpace(strings.TrimSuffix(resource, "s") + " " + o.String("name",
		"title", "order_number", "handle", "email", "id"))
	e.State = o.String("financial_status", "status", "state")
	e.Actor = strings.TrimSpace(o.String("customer.first_name") + " " + o.String("customer.last_name"))
	e.URL = o.String("order_status_url")
	e.OccurredAt = senders.Time(d.Value("X-Shopify-Triggered-At"))
	if e.OccurredAt == "" {
		e.OccurredAt = o.Time("updated_at", "created_at")
	}
	if price := o.String("total_price", "current_total_price", "price", "amount"); price != "" {
		e.Label("total", strings.TrimSpace(price+" "+o.String("currency", "presentment_currency")))
	}
	e.Label("email", o.String("email", "contact_email", "customer.email"))
	e.Label("fulfillment", o.String("fulfillment_status"))
	e.Label("canceled because", o.String("cancel_reason"))
	e.Label("tags", o.String("tags"))
	e.Label("vendor", o.String("vendor"))
	e.Label("discounts", senders.Joined(o.Texts("discount_codes", "code"), 10))
	if address := o.Object("shipping_address"); address != nil {
		e.Label("ships to", strings.Trim(address.String("city")+", "+address.String("country"), ", "))
	}
	var lines []string
	for _, item := range o.Objects("line_items") {
		lines = append(lines, fmt.Sprintf("%s × %s, %s each", item.String("quantity"),
			item.String("name", "title"), item.String("price")))
	}
	if note := o.String("note", "body_html"); note != "" {
		lines = append(lines, "", note)
	}
	e.Text = senders.Body(strings.Join(lines, "\n"))
	return e
}
