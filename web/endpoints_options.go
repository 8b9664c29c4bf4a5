package web

import (
	"cmp"
	"slices"
	"strings"

	"beckon/deliveries"
	"beckon/deliveries/destinations"
	"beckon/internal/secret"
	"beckon/internal/signature"
)

// choiceGroup is a field that is one or some of several things. The template part "choice-of" draws it.
type choiceGroup struct {
	Path, Legend, Type string // radio or checkbox
	Error              string
	All                []choiceOf
}

// choiceOf is one of them, with what it means.
type choiceOf struct {
	Value, Title, Help string
	Chosen             bool
	Takes              string // the parts of the form that it needs, for the style sheet
}

// oneOf marks the one that is chosen; the first is the default.
func (s endpointScreen) oneOf(path, legend, chosen string, all ...choiceOf) choiceGroup {
	for i := range all {
		all[i].Chosen = all[i].Value == cmp.Or(chosen, all[0].Value)
	}
	return choiceGroup{path, legend, "radio", s.ErrorOf(path), all}
}

// formatGroup is a heading with the formats below it.
type formatGroup struct {
	Title string
	Cards []formatCard
}

// formatCard is a format to choose.
type formatCard struct {
	endpointKind
	Chosen bool
	Takes  string // the parts of the form that it needs, for the style sheet
}

// Needed marks a field as one that has to be filled in for some formats, and requires it for the chosen one.
func (s endpointScreen) Needed(name string, of field) field {
	needs := cmp.Or(kindOf(s.Form.Format).Needs, "url")
	isKept := name == "secret" && s.ID != ""
	of.Starred = !isKept
	of.Required = !isKept && slices.Contains(strings.Fields(needs), name)
	return of
}

// Formats are the cards of all formats, in their groups.
func (s endpointScreen) Formats() (groups []formatGroup) {
	parts := map[string]string{}
	for _, f := range deliveries.Formats() {
		parts[f.Name] = partsFor(f)
	}
	for _, g := range kindGroups() {
		group := formatGroup{Title: g.Title}
		for _, k := range g.Kinds {
			k.Needs = cmp.Or(k.Needs, "url")
			group.Cards = append(group.Cards, formatCard{k, k.Format == cmp.Or(s.Form.Format, deliveries.DefaultFormat), parts[k.Format]})
		}
		groups = append(groups, group)
	}
	return groups
}

// partsFor names the parts of the form that a format needs besides those of all.
func partsFor(f deliveries.Format) string {
	if f.Destination == nil {
		return ""
	}
	parts := []string{"destination"}
	if f.Destination.URL != "" {
		parts = append(parts, "own-url")
	}
	if !f.Destination.Uses("secret") {
		parts = append(parts, "no-secret")
	}
	for _, field := range []string{"to", "from", "as", "method", "subject"} {
		if f.Destination.Uses(field) {
			parts = append(parts, field)
		}
	}
	return strings.Join(parts, " ")
}

// WrittenAs is what a host of repositories makes of an answer.
func (s endpointScreen) WrittenAs() []string {
	return []string{destinations.AsComment, destinations.AsStatus}
}

// Signatures are the ways to sign.
func (s endpointScreen) Signatures() choiceGroup {
	return s.oneOf("signature", "Signature", s.Form.Signature,
		choiceOf{
			Value: string(signature.Standard),
			Title: "Standard Webhooks, with a shared secret",
			Help:  "Headers webhook-id, webhook-timestamp and webhook-signature, also as svix-…. Most languages have a library for it.",
		},
		choiceOf{
			Value: string(signature.Ed25519),
			Title: "Standard Webhooks, with a key pair",
			Help:  "The same headers with an ed25519 signature. The receiver needs only the public key.",
		},
		choiceOf{
			Value: string(signature.HMACHex),
			Title: "HMAC-SHA256 of the body",
			Help:  "Header X-Vendor-Signature: sha256=…, for older receivers. Signs only the body.",
		})
}

// Retries are the ways to try again.
func (s endpointScreen) Retries() choiceGroup {
	return s.oneOf("retry", "Retries", s.Form.Retry,
		choiceOf{Value: deliveries.RetrySvix, Title: "Six attempts over 11 hours", Help: "svix: after 5 s, 5 min, 30 min, 2 h and 8 h."},
		choiceOf{
			Value: deliveries.RetryExponential,
			Title: "Many attempts over 24 hours",
			Help:  "exponential: after 1 s, 2 s, 4 s, 8 s and so on.",
		},
		choiceOf{
			Value: deliveries.RetryFast,
			Title: "Ten attempts in three minutes",
			Help:  "fast: after 1 s, 2 s, 4 s and so on, at most 30 s apart.",
		},
		choiceOf{Value: retryList, Title: "Custom schedule", Help: "The waits that you enter below."})
}

// eventMeanings says what the events are, in the order in which a form has them.
var eventMeanings = [...]choiceOf{
	{Title: "run.created", Help: "a run was accepted"},
	{Title: "run.queued", Help: "a run waits in the queue"},
	{Title: "run.started", Help: "a run has started"},
	{Title: "run.waiting", Help: "a tool call needs approval; the event has the links"},
	{Title: "run.completed", Help: "a run has its answer"},
	{Title: "run.failed", Help: "a run has failed"},
	{Title: "run.canceled", Help: "a run was canceled"},
	{Title: "run.viewed", Help: "someone opened a run's result page for the first time"},
	{Title: "event.resolved", Help: "the alert or issue behind a run is resolved"},
	{Title: "node.started", Help: "an agent within a flow has started"},
	{Title: "node.progress", Help: "the progress of an agent, in percent"},
	{Title: "node.completed", Help: "an agent within a flow has its answer"},
	{Title: "node.failed", Help: "an agent within a flow has failed"},
	{Title: "node.canceled", Help: "an agent within a flow was canceled"},
	{Title: "tool.started", Help: "an agent calls a tool"},
	{Title: "tool.completed", Help: "a tool call has returned or failed"},
	{Title: "client.silent", Help: "a client has not called within its expectEvery"},
	{Title: "budget.warning", Help: "80% of a budget is used up"},
	{Title: "budget.exhausted", Help: "a budget is used up; runs are refused until it resets"},
	{Title: "endpoint.disabled", Help: "an endpoint was disabled after five days of failures or a 410"},
	{Title: "delivery.exhausted", Help: "a delivery failed after its last retry"},
}

// Events are those to take: all that there are, and behind them those that agents and flows have named.
func (s endpointScreen) Events() choiceGroup {
	var list []choiceOf
	for _, name := range s.EventsInUse {
		c := choiceOf{Value: name, Title: name, Help: "a name you defined", Chosen: slices.Contains(s.Form.Events, name)}
		for _, known := range eventMeanings {
			if known.Title == name {
				c.Help = known.Help
			}
		}
		list = append(list, c)
	}
	return choiceGroup{"events", "Events", "checkbox", s.ErrorOf("events"), list}
}

// ByDefault are the events that are taken when none is named, as a sentence has them.
func (s endpointScreen) ByDefault() string {
	for _, f := range deliveries.Formats() {
		if f.Name == cmp.Or(s.Form.Format, deliveries.DefaultFormat) {
			return takenBy(f)
		}
	}
	return takenBy(deliveries.Formats()[0])
}

// takenBy says what a format takes, and what the destinations do where it is none: the form does not change with what is chosen.
func takenBy(f deliveries.Format) string {
	taken := strings.Join(f.Events, ", ")
	if f.Destination != nil {
		return taken
	}
	return taken + "; with a receiver that people read, such as Slack or email, " + strings.Join(destinations.Events(), ", ")
}

// useEvents lists the names of events that are in use as boxes. The form's others are those that are not.
func (s *endpointScreen) useEvents(own []string) {
	s.EventsInUse = deliveries.EventNames()
	for _, name := range own {
		if !slices.Contains(s.EventsInUse, name) {
			s.EventsInUse = append(s.EventsInUse, name)
		}
	}
	var others []string
	for _, name := range splitList(s.Form.OtherEvents) {
		if slices.Contains(s.EventsInUse, name) {
			s.Form.Events = append(s.Form.Events, name)
		} else {
			others = append(others, name)
		}
	}
	if len(s.Errors) == 0 { // else it is shown as it was typed
		s.Form.OtherEvents = strings.Join(others, ", ")
	}
}

// SecretField is for a secret that the receiver has made.
func (s endpointScreen) SecretField() field {
	shown := s.nounForm.Secret("secret", "Secret", "", "")
	if s.ID != "" {
		if shown.Help = "The token or key from the receiver, if it needs one. " +
			"Leave it empty to keep the saved one."; s.Form.IsDestination() {
			return shown
		}
		shown.Help = "Only if the receiver gives you a new one. The current one stays valid for 24 hours. Leave it empty to keep it."
		shown.Placeholder = secret.Mask + " saved"
	}
	return shown
}
