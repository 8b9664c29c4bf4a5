// Package twilio is Twilio's webhooks: messages, calls and their status.
package twilio

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // Twilio knows no other
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"beckon/calls/senders"
)

const signatureHeader = "X-Twilio-Signature"

// Sender is documented at https://www.twilio.com/docs/usage/security. It reads an answer as TwiML: an empty one
// says nothing to whoever called or wrote.
var Sender = &senders.Sender{
	Name: "twilio", Title: "Twilio", Group: senders.Chats, Async: true, Verify: verify, SignsURL: true, Event: event,
	Setup: senders.Setup{
		About: "Messages and calls",
		Place: "Phone Numbers, Active numbers, your number",
		Steps: []string{
			"Copy the Auth Token of the account, and give it to Beckon first.",
			"Under A message comes in (or A call comes in), choose Webhook, paste the URL and choose HTTP POST.",
			"Save it. The URL has to be the one of server.publicURL: Twilio signs it, too.",
		},
		Secret:      "Auth Token",
		MakesSecret: true,
		SecretFrom:  "Twilio shows it on the console's first page, under Account Info.",
	},
	Shows:      senders.Header(signatureHeader),
	Prompt:     func(e senders.Event) string { return senders.Describe("Twilio", e) },
	DeliveryID: deliveryID,
	Accepted:   senders.Text("text/xml; charset=utf-8", `<?xml version="1.0" encoding="UTF-8"?><Response/>`),
}

var deliveryID = senders.FromHeader("I-Twilio-Idempotency-Token")

// verify needs the URL as Twilio knows it. The fields of a form are signed sorted; of any other body the hash is in the
// query, which is signed as part of the URL.
func verify(_ context.Context, p senders.Proof, d senders.Delivery, _ time.Time) (senders.Proved, error) {
	text, raw, err := senders.Base64Header(d, signatureHeader)
	if err != nil {
		return senders.Proved{}, err
	}
	fields := d.Form()
	if query := d.URL.Query(); query.Has("bodySHA256") || fields == nil && len(d.Body) > 0 {
		sum := sha256.Sum256(d.Body)
		if want := query["bodySHA256"]; len(want) != 1 || !strings.EqualFold(want[0], hex.EncodeToString(sum[:])) {
			return senders.Proved{}, senders.Refuse("The body is not the one whose bodySHA256 is in the URL.")
		}
		fields = nil
	}
	var content strings.Builder
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		values := slices.Sorted(slices.Values(fields[name]))
		for _, value := range slices.Compact(values) {
			content.WriteString(name + value)
		}
	}
	for _, address := range addresses(d.URL) {
		if senders.SignedBy(p.Secrets, sha1.New, [][]byte{raw}, []byte(address), []byte(content.String())) {
			return senders.Proved{DeliveryID: deliveryID(d), Signature: text}, nil
		}
	}
	return senders.Proved{}, senders.Refuse("The signature does not match: the secret is not the account's auth " +
		"token, server.publicURL is not the URL at Twilio, or the body was changed.")
}

// addresses returns the URL without and with its port: Twilio signs either, by the product.
func addresses(u *url.URL) []string {
	without, with := *u, *u
	without.Host = u.Hostname()
	port := cmp.Or(u.Port(), map[string]string{"https": "443", "http": "80"}[u.Scheme])
	with.Host = u.Hostname() + ":" + port
	return []string{without.String(), with.String()}
}

func event(d senders.Delivery) senders.Event {
	fields := d.Form()
	get := func(names ...string) string {
		for _, name := range names {
			if value := fields.Get(name); value != "" {
				return senders.Clean(value)
			}
		}
		return ""
	}
	if get("AccountSid", "MessageSid", "CallSid") == "" {
		return senders.Plain("twilio", d)
	}
	e := senders.NewEvent("twilio")
	e.Type = "message"
	if get("CallSid") != "" {
		e.Type = "call"
	}
	e.State = strings.ToLower(get("MessageStatus", "SmsStatus", "CallStatus", "RecordingStatus", "TranscriptionStatus"))
	e.Action = e.State
	e.ID = get("MessageSid", "SmsSid", "CallSid")
	e.Actor, e.Subject = get("From", "Caller"), get("To", "Called")
	e.Key = e.ID
	if get("Body") != "" {
		e.Key = e.Actor + "/" + e.Subject // the conversation
	}
	e.Text = senders.Body(get("Body", "SpeechResult", "TranscriptionText"))
	e.Title = "from " + e.Actor + " to " + e.Subject
	e.URL = get("RecordingUrl")
	e.Label("name", get("ProfileName", "CallerName"))
	e.Label("city", get("FromCity"))
	e.Label("country", get("FromCountry"))
	e.Label("digits", get("Digits"))
	e.Label("direction", get("Direction"))
	e.Label("error", get("ErrorCode"))
	e.Label("duration", get("CallDuration", "RecordingDuration"))
	count, _ := strconv.Atoi(get("NumMedia"))
	for i := range min(count, 10) {
		n := strconv.Itoa(i)
		e.Label("media "+n, strings.TrimSpace(get("MediaContentType"+n)+" "+get("MediaUrl"+n)))
	}
	return e
}
