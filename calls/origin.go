package calls

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"beckon/calls/senders"
	"beckon/events"
	"beckon/internal/repository"
)

// The limits of an origin, in bytes.
const (
	maxOriginKey  = 1 << 10
	maxOriginURL  = 1 << 10
	maxOriginText = 400
	maxOriginForm = 12 << 10 // of all fields of a form together
)

// originLabels are the labels of an event that an origin has. An issue, a pull request or a commit is found by them.
var originLabels = []string{"number", "commit", "after", "ref", "branch", "into", "tag", "pipeline"}

// origin returns the events.Origin of the run: a summary of the call's event, which is recorded with the run so that
// its answer can be sent to where the event came from. It is nil for a client without a source.
func (c *Call) origin() json.RawMessage {
	if !c.Client.HasSource() || c.Client.Sender == nil ||
		c.channel != Webhook && c.channel != Page && c.channel != Form {
		return nil
	}
	e := c.request.event(c.Client)
	o := events.Origin{
		Source:  e.Source,
		Type:    originText(e.Type),
		Action:  originText(e.Action),
		Key:     senders.Clean(e.Key),
		State:   originText(e.State),
		Title:   originText(e.Title),
		Subject: originText(e.Subject),
		Labels:  map[string]string{},
		Signed:  c.request.proved.Signature != "",
	}
	if len(o.Key) > maxOriginKey {
		sum := sha256.Sum256([]byte(o.Key))
		o.Key = "sha256:" + hex.EncodeToString(sum[:])
	}
	if len(e.URL) <= maxOriginURL { // a longer one is left out: cut off, it would lead elsewhere
		o.URL = senders.Clean(e.URL)
	}
	if c.Client.IsForm() {
		form := c.Client.Form
		o.Subject = originText(cmp.Or(c.Client.Name, c.Client.ID))
		o.ReplyTo, o.Labels = form.ReplyTo(e.Labels), formLabels(e.Labels)
	}
	for _, name := range originLabels {
		if value := e.Labels[name]; value != "" && !c.Client.IsForm() {
			o.Labels[name] = originText(value)
		}
	}
	if p := e.Place; p != (repository.Place{}) {
		o.Place = &repository.Place{
			Repository: originText(p.Repository),
			Thing:      originText(p.Thing),
			Number:     originText(p.Number),
			Commit:     originText(p.Commit),
		}
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil // cannot happen: it has only strings
	}
	return text
}

// formLabels returns the fields of a form as labels. If they have more than maxOriginForm bytes together, the longest
// values are cut.
func formLabels(fields map[string]string) map[string]string {
	most := maxOriginForm
	for most > maxOriginText && sizeOf(fields, most) > maxOriginForm {
		most /= 2
	}
	kept, left := map[string]string{}, maxOriginForm
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		value := senders.Clip(fields[name], most)
		if left -= len(name) + len(value); left < 0 {
			break
		}
		kept[name] = value
	}
	return kept
}

// sizeOf returns the size of fields in bytes when each value is cut to most bytes.
func sizeOf(fields map[string]string, most int) (size int) {
	for name, value := range fields {
		size += len(name) + min(len(value), most)
	}
	return size
}

func originText(text string) string { return senders.Clip(senders.Clean(text), maxOriginText) }
