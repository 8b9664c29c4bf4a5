package runs

import (
	"context"
	"time"

	"beckon/events"
	"beckon/internal/store"
)

// KeyLife is how long an idempotency key is remembered.
const KeyLife = 24 * time.Hour

// Idempotency makes a call one that is done once, however often it is made.
type Idempotency struct {
	Key     string // the caller's own
	Request string // what is asked for, as a hash in hex
}

// Duplicate is the error of a call whose key has been used before by the same client.
type Duplicate struct {
	RunID string // of the first call
	Same  bool   // it asks for the same as the first call
}

func (d *Duplicate) Error() string {
	return "this idempotency key has been used before, for run " + d.RunID
}

// FindDuplicate returns a *Duplicate if the client has used the key before, and nil if it has not.
func (s *Service) FindDuplicate(ctx context.Context, clientID string, once Idempotency) error {
	return s.storage.findDuplicate(ctx, clientID, once, time.Now())
}

// record writes a run that is not in the table yet, with its first events, and with what more has to be written at the
// same time. A *Duplicate says that another call with its key was first; then nothing is written.
func (s *Service) record(
	ctx context.Context, once *Idempotency, r *Run, instance string, list []events.Event, more func(tx store.Tx) error,
) error {
	// A caller who leaves must not leave a run behind of which nobody knows whether it is on record.
	err := s.Store.Write(context.WithoutCancel(ctx), func(tx store.Tx) error {
		if err := s.write(tx, once, r, instance, list); err != nil || more == nil {
			return err
		}
		return more(tx)
	})
	if err == nil {
		s.Events.Publish(list)
	}
	return err
}

// write writes a run that is not in the table yet, with what belongs to it.
func (s *Service) write(tx store.Tx, once *Idempotency, r *Run, instance string, list []events.Event) error {
	if r.Session != "" {
		if _, err := s.joinSession(tx, r); err != nil {
			return err
		}
	}
	return s.writeJoined(tx, once, r, instance, list)
}

// writeJoined is write for a run that has joined its session, if it has one.
func (s *Service) writeJoined(tx store.Tx, once *Idempotency, r *Run, instance string, list []events.Event) error {
	if r.Rules != nil && r.Rules.Model { // Admit may have changed it
		r.blackOutPrompt()
	}
	if once != nil {
		if err := reserve(tx, r.ClientID, *once, r.ID, r.CreatedAt); err != nil {
			return err
		}
	}
	if err := s.insert(tx, r, instance); err != nil {
		return err
	}
	if len(r.Uploads) > 0 {
		if err := s.Artifacts.RecordUploads(tx, r.ID, r.Uploads); err != nil {
			return err
		}
	}
	if err := addNotes(tx, r); err != nil {
		return err
	}
	return s.appendFirst(tx, r, list)
}
