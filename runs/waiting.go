package runs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/store"
)

const (
	expireEvery   = time.Second
	expireAtOnce  = 100
	maxApprovals  = 200 // calls of the list of those that wait
	distantFuture = 100 * 365 * 24 * time.Hour
)

// errCanceledMeanwhile is why a run is not put away: it ends.
var errCanceledMeanwhile = errors.New("the run is to be canceled")

// Approval is a call of a tool that waits for a person.
type Approval struct {
	RunID string
	agents.ToolCall
}

// putAway lets go of a run that waits for a person. It costs this process nothing more, and whoever finds it in the
// queue after the decision goes on with it.
func (w *working) putAway() {
	s, a := w.Service, w.active
	defer s.remove(a)
	defer a.cancel(nil)
	defer w.stop()
	w.closeAccount(false)
	nodes := a.progress.finish()
	err := a.Recorded(context.Background())
	if err == nil {
		err = s.writeWaiting(a, nodes)
	}
	switch {
	case errors.Is(err, errCanceledMeanwhile):
		a.setOutcome(agents.Result{}, canceled)
		s.finish(a)
		return
	case a.startErr != nil:
		s.giveUp(a)
		return
	case err != nil:
		a.err = whyUnrecorded(err)
	default:
		a.run.Status = Waiting
		s.Log.Info("run waits for a person", "run_id", a.ID, "client", a.run.ClientID, "agent", a.run.WorkflowID)
	}
	a.notifyEnded()
	lost := a.run
	lost.Status = Waiting
	s.count(a.journal.ctx, &lost)
	s.leavesPlace(a)
}

// writeWaiting puts a run away, with the event that says for what it waits.
func (s *Service) writeWaiting(a *Active, nodes nodeCount) error {
	waiting, at, outcome := *a.progress.run, time.Now(), make(chan error, 1)
	waiting.Status = Waiting
	a.journal.mu.Lock()
	id := a.journal.ids.Next(at)
	a.journal.mu.Unlock()
	a.journal.add(entry{done: func(err error) { outcome <- err }, write: func(tx store.Tx) error {
		isDue, isCanceled, err := putAway(tx, a.ID, a.run.Claim)
		switch {
		case err != nil:
			return err
		case isCanceled:
			return errCanceledMeanwhile
		}
		if err := keepUsage(tx, &waiting); err != nil {
			return err
		}
		if isDue {
			s.afterRequeue(tx)
			return nil
		}
		calls, err := undecidedOf(tx, a.ID)
		if err != nil {
			return err
		}
		list := []events.Event{waitingEvent(id, &waiting, nodes, calls, at)}
		tx.AfterCommit(func() { s.Events.Publish(list) })
		return s.Events.Append(tx, waiting.subject(), list)
	}})
	a.journal.release()
	return <-outcome
}

// afterRequeue has a run be found that has come back into the queue.
func (s *Service) afterRequeue(tx store.Tx) {
	tx.AfterCommit(func() {
		s.waiting.Add(1)
		s.bell.Ring()
	})
}

// Approvals returns the calls that wait for a person, ordered by the time when they expire.
func (s *Service) Approvals(ctx context.Context) ([]Approval, error) {
	rows, err := undecided(s.Store.Read(ctx), time.Now().Add(distantFuture), maxApprovals)
	list := make([]Approval, len(rows))
	for i := range rows {
		list[i] = Approval{rows[i].RunID, rows[i].call()}
	}
	return list, err
}

// ApprovalsOf returns the calls of a run on which a person has to decide.
func (s *Service) ApprovalsOf(ctx context.Context, runID string) ([]agents.ToolCall, error) {
	return undecidedOf(s.Store.Read(ctx), runID)
}

// Approval returns a call of a run that waits, or has waited, for a person. The error is a NotFound if there is
// none.
func (s *Service) Approval(ctx context.Context, runID, callID string) (agents.ToolCall, error) {
	call, found, err := s.storage.findCall(ctx, runID, callID)
	if err == nil && (!found || call.ExpiresAt.IsZero()) {
		err = errNoApproval()
	}
	return call, err
}

// Decide decides on a call, once, with an entry in the audit list; the run goes on when nothing is left to decide.
// A NotFound says that there is no such call that has to be allowed, a Conflict that it is decided already, and
// how, a Gone that it is too late.
func (s *Service) Decide(
	ctx context.Context, runID, callID string, d agents.Decision,
) (call agents.ToolCall, err error) {
	err = s.Store.Write(context.WithoutCancel(ctx), func(tx store.Tx) error {
		if call, err = s.decide(tx, runID, callID, d); err != nil {
			return err
		}
		what, err := json.Marshal(map[string]any{
			"call":      call.ID,
			"tool":      call.Tool,
			"arguments": call.ArgumentsJSON(),
			"allow":     d.Allowed,
		})
		if err != nil {
			return err
		}
		return catalog.Audit(tx, catalog.AuditEntry{
			Who:        d.By,
			Action:     "decide",
			Section:    "runs",
			ResourceID: runID,
			After:      what,
		})
	})
	return call, err
}

// decide locks the run before it looks: it may be put away at the same time.
func (s *Service) decide(tx store.Tx, runID, callID string, d agents.Decision) (call agents.ToolCall, err error) {
	found, err := lockRun(tx, runID)
	if err != nil {
		return call, err
	}
	if found {
		call, found, err = callOf(tx, runID, callID)
	}
	switch {
	case err != nil:
		return call, err
	case !found || call.ExpiresAt.IsZero():
		return call, errNoApproval()
	case !call.Decision.At.IsZero():
		return call, errDecided(call)
	case call.Status != agents.ToolWaiting:
		return call, problem.New(problem.Conflict, problem.CodeRunEnded,
			"The run has already ended: there is nothing left to decide.")
	case d.By != "" && !d.At.Before(call.ExpiresAt):
		return call, problem.New(problem.Gone, problem.CodeApprovalExpired,
			"The approval expired at %s, and the call is denied.", call.ExpiresAt.Format(time.RFC3339))
	}
	if ok, err := decideCall(tx, callID, d); err != nil || !ok {
		return call, err
	}
	call.Decision = d
	isDue, err := requeueDecided(tx, runID)
	if err == nil && isDue {
		s.afterRequeue(tx)
	}
	return call, err
}

// expireApprovals denies the calls on which nobody has decided in time.
func (s *Service) expireApprovals(ctx context.Context) error {
	now := time.Now().UTC()
	rows, err := undecided(s.Store.Read(ctx), now, expireAtOnce)
	if err != nil || len(rows) == 0 {
		return err
	}
	return s.Store.Write(ctx, func(tx store.Tx) error {
		for i := range rows {
			_, err := s.decide(tx, rows[i].RunID, rows[i].ID, agents.Decision{At: now})
			if problem.Is(err, problem.Conflict) || problem.Is(err, problem.NotFound) { // somebody was faster
				continue
			}
			if err != nil {
				return fmt.Errorf("deny tool call %s: %w", rows[i].ID, err)
			}
		}
		return nil
	})
}

func errNoApproval() error {
	return problem.New(problem.NotFound, problem.CodeApprovalNotFound, "There is no such approval.")
}

// errDecided says how a call was decided first.
func errDecided(call agents.ToolCall) error {
	how := "denied"
	if call.Decision.Allowed {
		how = "allowed"
	}
	by := call.Decision.By
	if by == "" {
		by = "nobody in time"
	}
	return problem.New(problem.Conflict, problem.CodeAlreadyDecided,
		"The call was %s already, by %s at %s.", how, by, call.Decision.At.Format(time.RFC3339))
}
