package coalesce

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/calls/senders"
	"beckon/internal/fence"
	"beckon/internal/redact"
	"beckon/runs"
)

// The most that is kept of names that senders choose, in bytes: longer ones are hashed.
const (
	maxKey         = 1 << 10
	maxFingerprint = 256
	maxStartsAt    = 64
)

// Arrival is a call of a client whose calls are coalesced.
type Arrival struct {
	Rules  Rules
	Key    string        // by which the client's calls are coalesced
	Event  senders.Event // what it says
	Prompt fence.Text    // nothing where the source makes it of the event
	Source *senders.Sender

	ClientID string
	Content  *redact.Rules // how what it says is kept; nil is as it is

	inputs []runs.Input
}

// prepare makes the call's inputs, and shortens what is too long to be kept.
func (a *Arrival) prepare() (call Call) {
	call.Whole = a.Key == a.Event.Key && a.Key != "" && a.Event.Complete()
	a.Key = shortened(a.Key, maxKey)
	items := a.Event.Items
	if len(items) == 0 {
		items = []senders.Item{{Fact: a.Event.Fact, Fingerprint: a.fingerprint()}}
		if a.Key == "" { // it is about nothing that other calls are about
			a.Key = items[0].Fingerprint
		}
	}
	if len(items) > maxItems {
		items = items[:maxItems] // the prompt counts the others
	}
	a.Event.Items = items
	a.inputs, call.Items = make([]runs.Input, len(items)), make([]Item, len(items))
	for i, item := range items {
		if item.Fingerprint == "" {
			item.Fingerprint = a.fingerprint()
		}
		in := runs.Input{
			Key:         a.Key,
			Fingerprint: shortened(item.Fingerprint, maxFingerprint),
			StartsAt:    shortened(item.StartsAt, maxStartsAt),
			State:       item.State,
		}
		if in.State == "" {
			in.State = senders.Firing
		}
		a.inputs[i] = in
		call.Items[i] = Item{Fingerprint: in.Fingerprint, StartsAt: in.StartsAt, Resolved: in.State == senders.Resolved}
	}
	return call
}

// fingerprint is that of a call without items. One of an alert source, such as a test or a comment, is never known;
// of others the same call again is the same item.
func (a *Arrival) fingerprint() string {
	if a.Source.Alerts() {
		return "call_" + ulid.Make().String()
	}
	text, _ := json.Marshal(a.Event.Fact) // strings never fail
	return shortened(string(text), 0)
}

// said is what a run keeps of the call: the items that are new to it. Where these are not all of them, the event is
// made of them alone.
func (a *Arrival) said(taken []int) senders.Event {
	if len(taken) == len(a.Event.Items) {
		return a.Event
	}
	part := a.Event
	part.Items = make([]senders.Item, len(taken))
	for i, at := range taken {
		part.Items[i] = a.Event.Items[at]
	}
	return senders.Merge(part)
}

// resolvedAt is when the call says that its key was resolved.
func (a *Arrival) resolvedAt(now time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, a.Event.OccurredAt); err == nil {
		return at
	}
	return now
}

// shortened returns a text that can be kept, without what no database keeps. One of more than most bytes becomes a
// hash.
func shortened(text string, most int) string {
	text = senders.Clean(text)
	if len(text) <= most {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}
