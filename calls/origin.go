package calls

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"beckon/calls/senders"
	"beckon/events"
	"beckon/internal/repository"
)

// The most bytes that are kept with a run of what its call has told.
const (
	maxOriginKey  = 1 << 10
	maxOriginURL  = 1 << 10
	maxOriginText = 400
)

// originLabels are the labels that are kept: those by which an issue, a pull request or a commit is found again.
var originLabels = []string{"number", "commit", "after", "ref", "branch", "into", "tag", "pipeline"}

// origin returns what is kept with the run of what its call has told; nil for a client without a source.
func (c *Call) origin() json.RawMessage {
	if !c.Client.HasSource() || c.Client.Sender == nil || c.sender != Webhook && c.sender != Page {
		return nil
	}
	e := c.request.event(c.Client)
	o := events.Origin{Source: e.Source, Type: originText(e.Type), Action: originText(e.Action), Key: senders.Clean(e.Key), State: originText(e.State),
		Title: originText(e.Title), Subject: originText(e.Subject), Labels: map[string]string{}, Signed: c.request.proved.Signature != ""}
	if len(o.Key) > maxOriginKey {
		sum := sha256.Sum256([]byte(o.Key))
		o.Key = "sha256:" + hex.EncodeToString(sum[:])
	}
	if len(e.URL) <= maxOriginURL { // the beginning of one leads elsewhere
		o.URL = senders.Clean(e.URL)
	}
	for _, name := range originLabels {
		if value := e.Labels[name]; value != "" {
			o.Labels[name] = originText(value)
		}
	}
	if p := e.Place; p != (repository.Place{}) {
		o.Place = &repository.Place{Repository: originText(p.Repository), Thing: originText(p.Thing), Number: originText(p.Number), Commit: originText(p.Commit)}
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil // texts never fail
	}
	return text
}

func originText(text string) string { return senders.Clip(senders.Clean(text), maxOriginText) }
