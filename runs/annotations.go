package runs

import (
	"context"
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/events"
	"beckon/internal/store"
)

// Note is a remark about a run that is shown beside its answer.
type Note struct {
	At   time.Time
	Kind string // NoteWarning, …
	Text string
}

// The kinds of notes.
const (
	NoteWarning  = "warning"  // its call was let through although something went wrong
	NoteAgent    = "note"     // its agent has said it, by the tool run.note
	NoteResolved = "resolved" // what it is about is resolved
)

// Input is an item that a run answers for, where calls are coalesced.
type Input struct {
	Key         string `json:"key"`
	Fingerprint string `json:"fingerprint"`
	StartsAt    string `json:"startsAt"`
	State       string `json:"state"`
}

// Admit decides whether another run answers the call instead of the run that is about to be queued. It is called in
// the transaction that queues the run. It may change the run's Input and NotBefore, and it may be called twice.
type Admit func(tx store.Tx, r *Run) (Admission, error)

// Admission is what Admit has decided; the zero value starts the run.
type Admission struct {
	RunID string // another run answers for the call
	None  bool   // nothing does
}

// Tell tells those outside, within a transaction, of an event that is no step of a run. about is a run of the same
// client and agent.
func (s *Service) Tell(tx store.Tx, about Run, runID, kind string, at time.Time, data json.RawMessage) error {
	subject := about.subject()
	about.ID = runID
	eventID := "evt_" + ulid.Make().String()
	event := told(&about, func(r *Run) events.Event {
		data := r.Rules.JSON(data)
		if r.Rules.Discarding() && r.isEmptied {
			data = json.RawMessage("{}")
		}
		return newEvent(eventID, r, kind, "", at, nil, func(text []byte) []byte { return append(text, data...) })
	})
	event.Transient = true
	return s.Events.Append(tx, subject, []events.Event{event})
}

// addNotes writes the notes that a run begins with.
func addNotes(tx store.Tx, r *Run) error {
	r = r.kept()
	for _, note := range r.Notes {
		if err := AddNote(tx, r.ID, note); err != nil {
			return err
		}
	}
	return nil
}

// writeNotes is addNotes for the journal; nil for a run without notes.
func writeNotes(r *Run) func(tx store.Tx) error {
	if len(r.Notes) == 0 {
		return nil
	}
	return func(tx store.Tx) error { return addNotes(tx, r) }
}

// addAnnotations reads the notes and inputs of a run that has some.
func (s *Service) addAnnotations(ctx context.Context, r *Run) (err error) {
	if !r.annotated {
		return nil
	}
	tx := s.Store.Read(ctx)
	if r.Notes, err = notesOf(tx, r.ID); err != nil {
		return err
	}
	r.Inputs, err = inputsOf(tx, r.ID)
	return err
}
