package coalesce

import (
	"encoding/json"
	"fmt"
	"strings"

	"beckon/calls/senders"
	"beckon/internal/redact"
	"beckon/internal/sealed"
	"beckon/internal/secret"
	"beckon/runs"
)

// placeOfCalls is what the calls of a run that gathers are sealed for.
const placeOfCalls = "calls"

// prepare makes the call's inputs, by names that may be kept.
func (s *Service) prepare(a *Arrival) (call Call, err error) {
	call = a.prepare()
	if a.Content == nil {
		return call, nil
	}
	kept := func(name string) string {
		if err == nil {
			name, err = runs.KeptKey(s.Sealer, a.Content, a.ClientID, name)
		}
		return name
	}
	a.Key = kept(a.Key)
	for i := range a.inputs {
		in := &a.inputs[i]
		in.Key, in.Fingerprint, in.StartsAt = a.Key, kept(in.Fingerprint), a.Content.Text(in.StartsAt)
		call.Items[i].Fingerprint, call.Items[i].StartsAt = in.Fingerprint, in.StartsAt
	}
	return call, err
}

// addCall keeps what a call says for the prompt of its run, sealed where the client has rules. joined is nil for a
// run that starts with it.
func (s *Service) addCall(
	st storage, r *runs.Run, a *Arrival, d Decision, joined *Gathering, runID string, part senders.Event, items int,
) error {
	prompt := a.Prompt.Map(senders.Clean)
	spans, err := json.Marshal(prompt.Spans)
	if err != nil {
		return fmt.Errorf("encode the spans of a prompt: %w", err)
	}
	places := string(spans)
	kept := said{Event: "{}", Prompt: prompt.Text, Spans: &places}
	if a.Prompt.Text == "" {
		text, err := json.Marshal(part)
		if err != nil {
			return fmt.Errorf("encode an event: %w", err)
		}
		kept.Event = string(text)
	}
	size := len(kept.Event) + len(kept.Prompt)
	if a.Content != nil {
		text, err := sealed.Box{Sealer: s.Sealer}.Seal(runID, placeOfCalls, kept)
		if err != nil {
			return err
		}
		kept = said{Event: text}
	}
	return st.addCall(r, a, d, joined, runID, kept, size, items)
}

// opened is what a call says that may be sealed.
func (s *Service) opened(r *runs.Run, kept said) (said, error) {
	if !strings.HasPrefix(kept.Event, secret.SealedPrefix) {
		return kept, nil
	}
	var open said
	err := sealed.Box{Sealer: s.Sealer}.Open(r.ID, placeOfCalls, kept.Event, &open)
	return open, err
}

// keptTitle is what is kept of the title of an alert.
func keptTitle(rules *redact.Rules, title string) string {
	if rules.Discarding() {
		return "its title is not kept, since the client keeps no content"
	}
	return rules.Text(title)
}
