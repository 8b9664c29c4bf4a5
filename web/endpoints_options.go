package web

import (
	"cmp"
	"slices"
	"strings"

	"beckon/deliveries"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// choiceGroup is a field that is one or some of several things. The template part "choice-of" draws it.
type choiceGroup struct {
	Path, Legend, Type string // radio or checkbox
	Wrong              string
	All                []choiceOf
}

// choiceOf is one of them, with what it means.
type choiceOf struct {
	Value, Title, Help string
	Chosen             bool
}

// oneOf marks the one that is chosen; the first is the default.
func (s endpointScreen) oneOf(path, legend, chosen string, all ...choiceOf) choiceGroup {
	for i := range all {
		all[i].Chosen = all[i].Value == cmp.Or(chosen, all[0].Value)
	}
	return choiceGroup{path, legend, "radio", s.Wrong(path), all}
}

// Formats are what an event can look like.
func (s endpointScreen) Formats() choiceGroup {
	return s.oneOf("format", "What an event looks like", s.Form.Format,
		choiceOf{Value: "run", Title: "run", Help: `{"success", "type", "runId", "workflowId", "data", "metadata", "error", "createdAt"}: all there is to say.`},
		choiceOf{Value: "payload", Title: "payload", Help: `{"type", "payload": {"id", "status", "downloads"}}`},
		choiceOf{Value: "event", Title: "event", Help: `{"event", "timestamp", "run_id", "data"}`},
		choiceOf{Value: "cloudevents", Title: "CloudEvents 1.0", Help: "In structured mode; its data is what run sends."},
		choiceOf{Value: formatTemplate, Title: "a template", Help: "Your own JSON, as a chat or a ticket system expects it. It is written below."})
}

// Signatures are the ways to sign.
func (s endpointScreen) Signatures() choiceGroup {
	return s.oneOf("signature", "Signature", s.Form.Signature,
		choiceOf{Value: string(signature.Standard), Title: "Standard Webhooks, with a shared secret", Help: "The headers webhook-id, webhook-timestamp and webhook-signature, and the same as svix-…. Libraries for it exist in most languages."},
		choiceOf{Value: string(signature.Ed25519), Title: "Standard Webhooks, with a key pair", Help: "The same headers with an ed25519 signature. The receiver needs only the public key, and no secret."},
		choiceOf{Value: string(signature.HMACHex), Title: "HMAC-SHA256 of the body", Help: "The header X-Vendor-Signature: sha256=…, as many older receivers know it. Only the body is signed."})
}

// Retries are the ways to try again.
func (s endpointScreen) Retries() choiceGroup {
	return s.oneOf("retry", "When to try again", s.Form.Retry,
		choiceOf{Value: deliveries.RetrySvix, Title: "svix", Help: "After 5 s, 5 min, 30 min, 2 h and 8 h: six attempts in about 11 hours."},
		choiceOf{Value: deliveries.RetryExponential, Title: "exponential", Help: "After 1 s, 2 s, 4 s, 8 s and so on, for 24 hours."},
		choiceOf{Value: deliveries.RetryFast, Title: "fast", Help: "After 1 s, 2 s, 4 s … and 30 s at most: ten attempts in about three minutes."},
		choiceOf{Value: retryList, Title: "my own", Help: "The waits that are written below."})
}

// eventMeanings says what the events are, in the order in which a form has them.
var eventMeanings = [...]choiceOf{
	{Title: "run.queued", Help: "a run waits for its turn"},
	{Title: "run.started", Help: "a run has begun"},
	{Title: "run.completed", Help: "a run has its answer"},
	{Title: "run.failed", Help: "a run has failed"},
	{Title: "run.canceled", Help: "a run was canceled"},
	{Title: "run.viewed", Help: "somebody has looked at a run's result for the first time"},
	{Title: "node.started", Help: "an agent within a flow has begun"},
	{Title: "node.progress", Help: "so much of an agent's work is done, in percent"},
	{Title: "node.completed", Help: "an agent within a flow has its answer"},
	{Title: "node.failed", Help: "an agent within a flow has failed"},
	{Title: "endpoint.disabled", Help: "an endpoint was disabled, because it failed for five days or answered 410"},
	{Title: "delivery.exhausted", Help: "a delivery was given up after its last retry"},
}

// Events are those to take.
func (s endpointScreen) Events() choiceGroup {
	var list []choiceOf
	for _, name := range deliveries.EventNames() {
		c := choiceOf{Value: name, Title: name, Chosen: slices.Contains(s.Form.Events, name)}
		for _, known := range eventMeanings {
			if known.Title == name {
				c.Help = known.Help
			}
		}
		list = append(list, c)
	}
	return choiceGroup{"events", "Events", "checkbox", s.Wrong("events"), list}
}

// SecretField is for a secret that the receiver has made.
func (s endpointScreen) SecretField() field {
	help := "Only where the receiver gives you one: whsec_… for Standard Webhooks, whsk_… for a key pair. Empty: Beckon makes one, and shows it once."
	shown := s.nounForm.Secret("secret", "Secret", "", help)
	if s.ID != "" {
		shown.Help = "To take over one that the receiver gives you. The one before signs beside it for 24 hours. Empty: it stays."
		shown.Placeholder = secret.Mask + " one is kept"
	}
	return shown
}

// hint names what there is to choose from.
func hint(what string, ids []string) string {
	if len(ids) == 0 {
		return "Empty: all " + what + "."
	}
	const most = 20
	names := strings.Join(ids[:min(len(ids), most)], ", ")
	if len(ids) > most {
		names += ", …"
	}
	return "Their ids, separated by commas. Empty: all " + what + ". There are: " + names + "."
}
