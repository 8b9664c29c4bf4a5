package runs

import (
	"context"
	"time"

	"beckon/internal/store"
)

// Note says something about a run beside its answer.
type Note struct {
	At   time.Time
	Kind string // NoteWarning, NoteResolved
	Text string
}

// The kinds of notes.
const (
	NoteWarning  = "warning"  // its call was let through although something went wrong
	NoteResolved = "resolved" // what it is about is resolved
)

// Input is an item that a run answers for, where calls are coalesced.
type Input struct {
	Key         string `json:"key"`
	Fingerprint string `json:"fingerprint"`
	StartsAt    string `json:"startsAt"`
	State       string `json:"state"`
}

// addNotes writes the notes that a run begins with.
func addNotes(tx store.Tx, r *Run) error {
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
