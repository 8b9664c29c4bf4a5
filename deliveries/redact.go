package deliveries

import (
	"context"
	"encoding/json"
	"errors"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/redact"
	"beckon/internal/sealed"
	"beckon/internal/store"
)

// placeOf is where an event is sealed that goes out and is not kept.
func placeOf(eventID string) string { return "event/" + eventID }

func (s *Service) box() sealed.Box { return sealed.Box{Sealer: s.Sealer} }

// openContent finds out how what a delivery tells is treated, and opens it where it is sealed.
func (s *Service) openContent(ctx context.Context, d *claimed) error {
	if d.Erased {
		d.unreadable = contentErased()
		return nil
	}
	if d.Rules == nil {
		return nil
	}
	var err error
	if d.rules, err = redact.Read(*d.Rules); err != nil { // what cannot be read is treated with the most care
		d.rules = redact.Strictest()
	}
	if !d.rules.Discards {
		return nil
	}
	var payload json.RawMessage
	found, err := s.box().Get(s.Store.Read(ctx), deref(d.RunID), placeOf(d.EventID), &payload)
	if _, ok := errors.AsType[*sealed.Unreadable](err); ok {
		d.unreadable = problem.New(problem.NotFound, problem.CodeContentUnreadable,
			"What this delivery has to tell does not open with this secrets key: "+
				"is server.secretsKey the one that it was sealed with?")
		return nil
	}
	if found {
		d.event = events.Event{ID: d.EventID, RunID: deref(d.RunID), Payload: payload}
	}
	return err
}

func contentErased() *problem.Error {
	return problem.New(problem.NotFound, problem.CodeContentErased,
		"This delivery cannot be sent: the content of its run was erased.")
}

// redacted is an outcome as it is kept: receivers repeat what they are sent.
func (d *claimed) redacted(o outcome) outcome {
	if d.rules == nil {
		return o
	}
	o.ResponseBody = d.rules.Text(o.ResponseBody)
	if o.Error != nil {
		o.Error = &problem.Failure{Code: o.Error.Code, Message: d.rules.Text(o.Error.Message)}
	}
	if !d.rules.Discards {
		return o
	}
	o.ResponseBody, o.Truncated = "", false
	if o.Error != nil && o.toldBy {
		o.Error.Message = "The receiver did not take the message. What it said is not kept, " +
			"since the client of the run keeps no content."
	}
	return o
}

// contentEnds has the content of a run dropped when this was the last delivery that needed it.
func (s *Service) contentEnds(tx store.Tx, w row) error {
	if w.Rules == nil || w.RunID == nil || s.Ended == nil {
		return nil
	}
	if rules, err := redact.Read(*w.Rules); err == nil && !rules.Discards {
		return nil
	}
	return s.Ended(tx, *w.RunID)
}
