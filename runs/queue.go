package runs

import (
	"context"
	"sync/atomic"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/telemetry"
	"beckon/internal/work"
)

// A process looks for queued runs when it has queued one, when a run of its own has ended, and from time to time:
// others have queued some too.
const (
	lookEvery       = time.Second // on SQLite, where there are no others
	lookEveryShared = 250 * time.Millisecond
	claimTogether   = 16 // runs that one transaction claims: on PostgreSQL each takes some round trips
)

// queueFullWait is what callers are told to wait when the queue is full.
const queueFullWait = 10 * time.Second

// gauge counts the runs that wait, about: what other processes do is seen a second later.
type gauge struct{ atomic.Int64 }

// Enqueue puts a run into the queue, from which some process takes it up. When it returns, the run is on disk.
// Where Admit has another run answer for the call, it returns the ID and status of that one, and nil where nothing
// does. An Unavailable says that the queue is full or the service is draining, a *Duplicate that the call has been
// made before.
func (s *Service) Enqueue(ctx context.Context, r Request) (_ *Run, err error) {
	if s.draining() {
		return nil, errDraining
	}
	if r.Admit == nil { // which bounds how many it starts
		if err := s.checkQueue(); err != nil {
			return nil, err
		}
	}
	ctx, span := telemetry.Start(s.Tracing.Continue(ctx, ""), telemetry.Producer, "enqueue", r.Entry.ID)
	defer func() { span.End(problem.CodeOf(err)) }()
	run := newRun(r, time.Now().UTC())
	run.Trace = telemetry.Record(ctx)
	run.Status = Queued
	if err := s.prepare(&run); err != nil {
		return nil, err
	}
	s.waiting.Add(1)
	queued := []events.Event{runEvent(events.FirstID(run.ID, run.CreatedAt), &run, nodeCount{})}
	admission, err := s.recordQueued(ctx, r, &run, queued)
	switch {
	case err != nil:
		s.waiting.Add(-1)
		return nil, err
	case admission.None:
		s.waiting.Add(-1)
		return nil, nil
	case admission.RunID != "":
		s.waiting.Add(-1)
		status, err := s.storage.status(ctx, admission.RunID)
		return &Run{ID: admission.RunID, Status: status}, err
	}
	return &run, nil
}

// recordQueued writes a run into the queue, unless another one answers for its call.
func (s *Service) recordQueued(
	ctx context.Context, r Request, run *Run, queued []events.Event,
) (admission Admission, err error) {
	also := func(tx store.Tx) error {
		tx.AfterCommit(s.bell.Ring)
		if r.Also == nil {
			return nil
		}
		return r.Also(tx, run.ID)
	}
	if r.Admit == nil {
		return Admission{}, s.record(ctx, r.Idempotency, run, "", queued, also)
	}
	asked := *run
	err = s.Store.Write(context.WithoutCancel(ctx), func(tx store.Tx) (err error) {
		*run = asked
		if admission, err = r.Admit(tx, run); err != nil {
			return err
		}
		if admission != (Admission{}) {
			if r.Idempotency == nil || admission.None {
				return nil
			}
			return reserve(tx, run.ClientID, *r.Idempotency, admission.RunID, run.CreatedAt)
		}
		if err := s.write(tx, r.Idempotency, run, "", queued); err != nil {
			return err
		}
		return also(tx)
	})
	if err == nil && admission == (Admission{}) {
		s.Events.Publish(queued)
	}
	return admission, err
}

// dispatch takes runs out of the queue, as soon as there are places for them, until the service drains.
func (s *Service) dispatch(ctx context.Context) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.active.Add(1)
	s.mu.Unlock()
	defer s.active.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	every := lookEvery
	if s.Store.Shared() {
		every = lookEveryShared
	}
	trouble := work.Trouble{Log: s.Log, Name: "take runs out of the queue"}
	for more := true; more || s.bell.Wait(ctx, every); {
		var err error
		if more, err = s.dispatchSome(ctx); ctx.Err() != nil {
			return
		}
		trouble.Note(err)
	}
}

// dispatchSome claims some queued runs and begins to work on them; more says that there may be others.
func (s *Service) dispatchSome(ctx context.Context) (more bool, err error) {
	if any, err := s.storage.anyQueued(ctx); err != nil || !any {
		return false, err
	}
	if err := s.Memory.Room(ctx); err != nil {
		return false, err
	}
	places, err := s.places(ctx, claimTogether)
	if err != nil {
		return false, err
	}
	room := &room{budget: s.Memory}
	defer room.clear()
	// what is claimed is worked on, or put back
	claimed, holding, err := s.claim(context.WithoutCancel(ctx), places, room)
	s.leavePlaces(places - len(claimed))
	if err != nil {
		return false, err
	}
	for _, c := range claimed {
		s.takeUp(c, room.take(c.run.ID))
	}
	s.held.Drop(holding...)
	return len(claimed) > 0, nil
}

// places waits for a place, and takes as many more as are free and wanted.
func (s *Service) places(ctx context.Context, wanted int) (n int, err error) {
	if err := s.fromQueue.Acquire(ctx, 1); err != nil {
		return 0, err
	}
	if err := s.slots.Acquire(ctx, 1); err != nil {
		s.fromQueue.Release(1)
		return 0, err
	}
	for n = 1; n < wanted && s.fromQueue.TryAcquire(1); n++ {
		if !s.slots.TryAcquire(1) {
			s.fromQueue.Release(1)
			break
		}
	}
	return n, nil
}

func (s *Service) leavePlaces(n int) {
	s.slots.Release(int64(n))
	s.fromQueue.Release(int64(n))
}

// takeUp begins the work on a run that this process has claimed.
func (s *Service) takeUp(c *claim, held *memory.Reservation) {
	s.waiting.Add(-1)
	s.Events.Publish(c.events)
	release := func() {}
	if s.Limit != nil {
		_, startRun := s.Limit(c.run.ClientID)
		release = startRun()
	}
	nodes, artifacts := c.run.Nodes, c.run.Artifacts
	c.run.Nodes, c.run.Artifacts = nil, nil
	entry := s.Entry(c.run.WorkflowID)
	var timeout time.Duration
	if entry != nil {
		timeout = entry.Timeout
		// A process that is told to end is no crash: another one goes on with what is on record.
		c.run.RetryOnCrash = c.run.RetryOnCrash || !entry.RetryIsSet
	}
	ctx := memory.With(s.Tracing.Continue(context.Background(), c.run.Trace), held)
	a := s.newActive(ctx, c.run, c.last, timeout, func() { release(); s.leavePlaces(1); held.Release() })
	a.claimed = true
	close(a.recorded)
	a.progress.resume(nodes, c.run.By.Responses)
	a.progress.rounds, a.progress.artifacts = c.rounds, artifacts
	a.progress.acts.Store(c.run.acts)
	if entry != nil {
		a.run.sessions = entry.Sessions
	}
	ctx, a.cancel = context.WithCancelCause(ctx)
	if err := s.add(a); err != nil {
		// The process began to end meanwhile. Nobody has worked on the run, so that it may go on in any case.
		a.onEnd()
		if err := s.requeue(a, 0); err != nil {
			s.Log.Error("a run could not be put back into the queue; it is recovered when this process has ended",
				"run_id", a.ID, "error", err)
		}
		a.journal.stop()
		return
	}
	s.handOver(a)
	s.goroutines.do(func() {
		switch {
		case c.failed != nil:
			s.refuse(a, c.failed)
			return
		case entry == nil:
			s.refuse(a, problem.New(problem.Unavailable, problem.CodeAgentUnavailable,
				"The agent %q of this run is not there any more, or its configuration has an error, "+
					"which the log names.", a.run.WorkflowID))
			return
		}
		if p := s.flowWaits(ctx, a); p != nil {
			defer s.remove(a)
			defer a.cancel(nil)
			s.Metrics.RunStarted()
			s.waitForBudget(a, p)
			return
		}
		s.work(ctx, a, entry, true)
	})
}

// refuse ends a run that cannot be worked on.
func (s *Service) refuse(a *Active, why error) {
	defer s.remove(a)
	s.Metrics.RunStarted()
	a.setOutcome(agents.Result{}, why)
	s.finish(a)
}

func (s *Service) mostOf(clientID string) int {
	if s.Limit == nil {
		return 0
	}
	most, _ := s.Limit(clientID)
	return most
}

// putsBack reports whether a run that fails now goes back into the queue, because this process ends.
func (s *Service) putsBack(r *Run) bool {
	return s.working.Err() != nil && r.RetryOnCrash && s.Work != nil
}

// putBack ends the work on a run that this process can't go on with, and lets another one go on.
func (s *Service) putBack(a *Active) {
	s.leave(a, 0, problem.New(problem.Unavailable, problem.CodeInterrupted,
		"Beckon was stopped before the agent had answered. "+
			"The run goes on when it is back.").After(errDraining.RetryAfter))
}

// leave puts a run back into the queue, for why, and lets it be claimed again after a time.
func (s *Service) leave(a *Active, after time.Duration, why *problem.Error) {
	if err := s.requeue(a, after); err != nil {
		a.setOutcome(agents.Result{}, interrupted.Because(err))
		s.finish(a)
		return
	}
	a.err = why
	s.Log.Info("run put back into the queue",
		"run_id", a.ID, "why", why.Code, "client", a.run.ClientID, "agent", a.run.WorkflowID)
	a.notifyEnded()
	lost := a.run
	lost.Status = Queued
	s.count(a.journal.ctx, &lost)
}

// requeue puts a run of this process back into the queue.
func (s *Service) requeue(a *Active, after time.Duration) error {
	// Rows are inserted at the end of their transaction: in the same one the update below would not find a new run.
	if err := a.Recorded(context.Background()); err != nil {
		return err
	}
	outcome := make(chan error, 1)
	a.journal.add(entry{
		write: func(tx store.Tx) error { return backToQueue(tx, a.ID, a.run.Claim, 0, after) },
		done:  func(err error) { outcome <- err },
	})
	a.journal.release()
	return <-outcome
}
