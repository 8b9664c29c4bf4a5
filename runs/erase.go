package runs

import (
	"context"
	"encoding/json"
	"fmt"

	"beckon/internal/problem"
	"beckon/internal/sealed"
	"beckon/internal/store"
	"beckon/sessions"
)

// erasedMessage is what is left of the message of an error.
const erasedMessage = "An administrator has erased the message."

// Erase permanently deletes the content of a run that has ended: its input and output, also in its nodes, events
// and deliveries, its metadata, notes and files. Deliveries that have not been sent yet are dropped. The error is a
// NotFound if there is no such run, and a Conflict if it has not ended. Erasing a run twice is no error.
func (s *Service) Erase(ctx context.Context, id string) error {
	return s.Store.Write(ctx, func(tx store.Tx) error {
		ended, err := lockEnded(tx, id)
		if err != nil {
			return err
		}
		if !ended {
			return s.whyNotErased(tx, id)
		}
		return tx.Scrub(func() error { return s.erase(tx, id) })
	})
}

func (s *Service) erase(tx store.Tx, id string) error {
	if err := sessions.Erase(tx, id); err != nil {
		return err
	}
	if err := eraseRun(tx, id); err != nil {
		return err
	}
	if s.Artifacts != nil {
		if err := s.Artifacts.RemoveOf(tx, []string{id}); err != nil {
			return err
		}
	}
	if s.OnErase != nil {
		if err := s.OnErase(tx, id, true); err != nil {
			return err
		}
	}
	return sealed.Drop(tx, id)
}

func (s *Service) whyNotErased(tx store.Tx, id string) error {
	going, err := notEnded(tx, []string{id})
	switch {
	case err != nil:
		return err
	case len(going) == 0:
		return errNoRun()
	}
	return problem.New(problem.Conflict, problem.CodeRunGoesOn,
		"The run is still running and needs its content. Cancel it, or wait until it has ended.")
}

// withoutContent is the payload of an event with nothing in it of what the run was asked or has answered.
func withoutContent(payload string) (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(payload), &members); err != nil {
		return "", fmt.Errorf("read the payload of an event: %w", err)
	}
	var data map[string]json.RawMessage
	if json.Unmarshal(members["data"], &data) == nil && data != nil {
		for _, name := range []string{"output", "artifacts", "verdictReason", "arguments", "result", "approvals"} {
			if data[name] != nil {
				data[name] = json.RawMessage("null")
			}
		}
		members["data"], _ = json.Marshal(data) // it was read from JSON
	}
	if members["metadata"] = json.RawMessage("null"); string(members["error"]) != "null" && members["error"] != nil {
		members["error"], _ = json.Marshal(erasedMessage)
	}
	text, err := json.Marshal(members)
	return string(text), err
}
