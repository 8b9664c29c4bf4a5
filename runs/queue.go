package runs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/jobs"
	"beckon/internal/problem"
)

// JobKind is what the queue calls the jobs whose ids are runs that wait.
const JobKind = "run"

// queueFullWait is what callers are told to wait when the queue is full.
const queueFullWait = 10 * time.Second

// gauge counts the runs that wait, about: what other processes do is seen a second later.
type gauge struct{ atomic.Int64 }

// Enqueue puts a run into the queue, from which some process takes it up. When it returns, the run is on disk. An
// Unavailable says that the queue is full or the service is draining, a *Duplicate that the call has been made before.
func (s *Service) Enqueue(ctx context.Context, r Request) (*Run, error) {
	if s.draining() {
		return nil, errDraining
	}
	if s.waiting.Load() >= s.MaxQueued {
		return nil, problem.New(problem.Unavailable, "queue_full", "%d runs wait already, which is as many as may. Try again when some of them have been worked off.", s.MaxQueued).After(queueFullWait)
	}
	run := newRun(r, time.Now().UTC())
	run.Status = Queued
	s.waiting.Add(1)
	queued := []events.Event{runEvent(events.NewSequence(run.ID, ""), &run, nodeCount{})}
	err := s.record(ctx, r.Once, &run, "", queued, func(tx *gorm.DB) error {
		return s.Queue.Enqueue(ctx, tx, jobs.Job{Kind: JobKind, ID: run.ID, Priority: run.Priority})
	})
	if err != nil {
		s.waiting.Add(-1)
		return nil, err
	}
	return &run, nil
}

// Work is the queue's handler: it takes up the run of that id in this process, as soon as there is a place for it, and
// returns when it is this process's own. A run that is not waiting any more, or whose client has as many runs as it
// may, is left alone; one that ends puts the next into the queue.
func (s *Service) Work(ctx context.Context, id string, _ int) error {
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return err // the queue is stopping
	}
	a, stop, err := s.claim(ctx, id)
	if err != nil || a == nil {
		s.slots.Release(1)
		return err
	}
	entry := s.Entry(a.run.WorkflowID)
	if entry == nil {
		go s.refuse(a)
		return nil
	}
	go s.work(stop, a, entry, true)
	return nil
}

// refuse ends a run whose agent is gone.
func (s *Service) refuse(a *Active) {
	defer s.leave(a)
	s.Metrics.RunStarted()
	a.settle(agents.Result{}, problem.New(problem.Unavailable, "agent_unavailable",
		"The agent %q of this run is not there any more, or its configuration has an error, which the log names.", a.run.WorkflowID))
	s.finish(a)
}

// claim makes a queued run this process's own; nil when there is nothing to do.
func (s *Service) claim(ctx context.Context, id string) (*Active, context.Context, error) {
	taken, err := s.storage.take(ctx, id, s.instance, s.mostOf)
	if err != nil || taken == nil {
		return nil, nil, err
	}
	s.waiting.Add(-1)
	s.Events.Publish(taken.events)
	leave := func() {}
	if s.Limit != nil {
		_, enter := s.Limit(taken.run.ClientID)
		leave = enter()
	}
	a := s.newActive(*taken.run, taken.last, func() { leave(); s.slots.Release(1) })
	close(a.recorded)
	a.progress.resume(taken.run.Nodes)
	a.run.Nodes = nil
	working, cancel := context.WithCancelCause(context.Background())
	a.cancel = cancel
	if err := s.enter(a); err != nil {
		// The process began to end meanwhile. Nobody has worked on the run, so that it may go on elsewhere in any case.
		a.onEnd()
		return nil, nil, s.requeue(a)
	}
	return a, working, nil
}

func (s *Service) mostOf(clientID string) int {
	if s.Limit == nil {
		return 0
	}
	most, _ := s.Limit(clientID)
	return most
}

// putBack ends the work on a run that this process can't go on with, and lets another one go on.
func (s *Service) putBack(a *Active) {
	if err := s.requeue(a); err != nil {
		a.settle(agents.Result{}, interrupted.Because(err))
		s.finish(a)
		return
	}
	a.err = problem.New(problem.Unavailable, "interrupted", "Beckon was stopped before the agent had answered. The run goes on when it is back.").After(errDraining.RetryAfter)
	s.Log.Info("run put back into the queue", "run_id", a.ID, "client", a.run.ClientID, "agent", a.run.WorkflowID)
	a.end()
	lost := a.run
	lost.Status = Queued
	s.count(&lost)
}

// requeue puts a run of this process back into the queue.
func (s *Service) requeue(a *Active) error {
	outcome := make(chan error, 1)
	a.journal.add(entry{write: func(tx *gorm.DB) error {
		if err := backToQueue(tx, a.ID, s.instance); err != nil {
			return err
		}
		return s.Queue.Enqueue(context.Background(), tx, jobs.Job{Kind: JobKind, ID: a.ID, Priority: PriorityFirst})
	}, done: func(err error) { outcome <- err }})
	a.journal.release()
	return <-outcome
}

// backToQueue lets somebody else take up a run that instance has worked on.
func backToQueue(tx *gorm.DB, id, instance string) error {
	return one(tx.Exec("UPDATE runs SET status = 'QUEUED', instance_id = NULL, started_at = NULL, attempts = attempts + 1 WHERE id = ? AND status = 'RUNNING' AND instance_id = ?", id, instance))
}

// unpark gives the client's next waiting run a job, when the client may have only so many runs at once: its job may have
// come to nothing because the client had as many.
func (s *Service) unpark(clientID string) {
	if s.Queue == nil || s.mostOf(clientID) == 0 {
		return
	}
	ctx := context.Background()
	id, err := s.storage.nextQueued(ctx, clientID)
	if err == nil && id != "" {
		err = s.Store.Write(ctx, func(tx *gorm.DB) error {
			return s.Queue.Enqueue(ctx, tx, jobs.Job{Kind: JobKind, ID: id})
		})
	}
	if err != nil {
		s.Log.Error("the next run of a client could not be started; it is tried again soon", "client", clientID, "error", err)
	}
}

// taken is a run that has just been taken out of the queue.
type taken struct {
	run    *Run
	last   string         // its last event
	events []events.Event // that it has started; nothing when it is resumed
}

// take makes a queued run the instance's own; nil when it is not queued, or when its client has as many runs as it may.
func (s storage) take(ctx context.Context, id, instance string, most func(clientID string) int) (*taken, error) {
	var t *taken
	err := s.store.Write(ctx, func(tx *gorm.DB) (err error) {
		t, err = takeIn(tx, s.store.Shared(), id, instance, most)
		return err
	})
	if errors.Is(err, errEnded) {
		return nil, nil
	}
	return t, err
}

func takeIn(tx *gorm.DB, shared bool, id, instance string, most func(clientID string) int) (*taken, error) {
	var clientID string
	if err := tx.Raw("SELECT client_id FROM runs WHERE id = ? AND status = 'QUEUED'", id).Scan(&clientID).Error; err != nil || clientID == "" {
		return nil, err
	}
	if n := most(clientID); n > 0 {
		if free, err := hasFree(tx, shared, clientID, n); err != nil || !free {
			return nil, err
		}
	}
	var found []row
	now := time.Now().UTC()
	err := tx.Raw("UPDATE runs SET status = 'RUNNING', instance_id = ?, started_at = ? WHERE id = ? AND status = 'QUEUED' RETURNING *", instance, now.UnixMilli(), id).Scan(&found).Error
	if err != nil || len(found) == 0 {
		return nil, err
	}
	t := &taken{run: found[0].run()}
	if t.last, err = events.Last(tx, id); err != nil {
		return nil, err
	}
	if t.run.Attempts > 1 { // it goes on where it was
		if t.run.IsFlow {
			t.run.Nodes, err = nodesOf(tx, id)
		}
		return t, err
	}
	t.events = []events.Event{runEvent(events.NewSequence(id, t.last), t.run, nodeCount{})}
	t.last = t.events[0].ID
	return t, events.Append(tx, t.events)
}

// hasFree reports whether the client may have one more run. Two replicas must not both find the last place.
func hasFree(tx *gorm.DB, shared bool, clientID string, most int) (bool, error) {
	if shared {
		if err := tx.Exec("SELECT pg_advisory_xact_lock(hashtext(?))", clientID).Error; err != nil {
			return false, fmt.Errorf("count the runs of a client: %w", err)
		}
	}
	var running int
	err := tx.Raw("SELECT COUNT(*) FROM runs WHERE client_id = ? AND status = 'RUNNING' AND status <> 'COMPLETED'", clientID).Scan(&running).Error
	return running < most, err
}

func (s storage) nextQueued(ctx context.Context, clientID string) (id string, err error) {
	err = s.store.Read(ctx).Raw("SELECT id FROM runs WHERE client_id = ? AND status = 'QUEUED' AND status <> 'COMPLETED' ORDER BY id LIMIT 1", clientID).Scan(&id).Error
	return id, err
}

func (s storage) countQueued(ctx context.Context) (n int64, err error) {
	err = s.store.Read(ctx).Raw("SELECT COUNT(*) FROM runs WHERE status = 'QUEUED'").Scan(&n).Error
	return n, err
}
