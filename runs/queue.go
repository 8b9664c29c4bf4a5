package runs

import (
	"context"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/jobs"
	"beckon/internal/memory"
	"beckon/internal/problem"
)

// JobKind is what the queue calls the jobs whose ids are runs that wait.
const JobKind = "run"

// unparkMost bounds how many waiting runs are given a job when one ends.
const unparkMost = 8

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
	queued := []events.Event{runEvent(events.FirstID(run.ID, run.CreatedAt), &run, nodeCount{})}
	err := s.record(ctx, r.Once, &run, "", queued, func(tx *gorm.DB) error {
		return s.Queue.Enqueue(tx, jobs.Job{Kind: JobKind, ID: run.ID, Priority: run.Priority})
	})
	if err != nil {
		s.waiting.Add(-1)
		return nil, err
	}
	return &run, nil
}

// Work is the queue's handler: it takes up the runs of those ids in this process, as soon as there are places for them,
// and returns when they are this process's own. A run that is not waiting any more, or whose client has as many runs as
// it may, is left alone; a run that ends puts its client's next into the queue.
func (s *Service) Work(ctx context.Context, ids []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	room := &room{budget: s.Memory}
	defer room.clear()
	for len(ids) > 0 {
		if err := s.Memory.Room(ctx); err != nil {
			return err // the queue is stopping
		}
		places, err := s.places(ctx, len(ids))
		if err != nil {
			return err // the queue is stopping
		}
		claimed, err := s.claim(context.WithoutCancel(ctx), ids[:places], room) // what is claimed has to be taken up, or put back
		s.release(places - len(claimed))
		if err != nil {
			return err
		}
		for _, c := range claimed {
			s.takeUp(c, room.take(c.run.ID))
		}
		ids = append(room.left, ids[places:]...)
	}
	return nil
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

func (s *Service) release(n int) {
	s.slots.Release(int64(n))
	s.fromQueue.Release(int64(n))
}

// takeUp begins the work on a run that this process has claimed.
func (s *Service) takeUp(c *claim, held *memory.Reservation) {
	s.waiting.Add(-1)
	s.Events.Publish(c.events)
	leave := func() {}
	if s.Limit != nil {
		_, enter := s.Limit(c.run.ClientID)
		leave = enter()
	}
	nodes := c.run.Nodes
	c.run.Nodes = nil
	a := s.newActive(*c.run, c.last, func() { leave(); s.release(1); held.Release() })
	close(a.recorded)
	a.progress.resume(nodes)
	ctx, cancel := context.WithCancelCause(memory.With(context.Background(), held))
	a.cancel = cancel
	if err := s.enter(a); err != nil {
		// The process began to end meanwhile. Nobody has worked on the run, so that it may go on in any case.
		a.onEnd()
		if err := s.requeue(a); err != nil {
			s.Log.Error("a run could not be put back into the queue; it is looked after when this process has ended", "run_id", a.ID, "error", err)
		}
		return
	}
	go func() {
		if entry := s.Entry(a.run.WorkflowID); entry != nil {
			s.work(ctx, a, entry, true)
			return
		}
		s.refuse(a)
	}()
}

// refuse ends a run whose agent is gone.
func (s *Service) refuse(a *Active) {
	defer s.leave(a)
	s.Metrics.RunStarted()
	a.settle(agents.Result{}, problem.New(problem.Unavailable, "agent_unavailable",
		"The agent %q of this run is not there any more, or its configuration has an error, which the log names.", a.run.WorkflowID))
	s.finish(a)
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
		if err := backToQueue(tx, a.ID, s.instance, 0); err != nil {
			return err
		}
		return s.Queue.Enqueue(tx, jobs.Job{Kind: JobKind, ID: a.ID, Priority: PriorityFirst})
	}, done: func(err error) { outcome <- err }})
	a.journal.release()
	return <-outcome
}

// backToQueue lets somebody else take up a run that instance has worked on, until it crashed or was told to end.
func backToQueue(tx *gorm.DB, id, instance string, crashes int) error {
	return one(tx.Exec("UPDATE runs SET status = 'QUEUED', instance_id = NULL, started_at = NULL, attempts = attempts + 1, crashes = crashes + ? WHERE id = ? AND status = 'RUNNING' AND instance_id = ?", crashes, id, instance))
}

// unpark gives the client's next waiting runs a job, when the client may have only so many runs at once: its job may have
// come to nothing because the client had as many.
func (s *Service) unpark(clientID string) {
	most := s.mostOf(clientID)
	if s.Queue == nil || most == 0 {
		return
	}
	ctx := context.Background()
	// Several runs may end at the same time and find the same runs waiting: a job for one of them only would leave places free.
	waiting, err := s.storage.nextQueued(ctx, clientID, min(most, unparkMost))
	if err == nil && len(waiting) > 0 {
		err = s.Store.Write(ctx, func(tx *gorm.DB) error { return s.Queue.Enqueue(tx, waiting...) })
	}
	if err != nil {
		s.Log.Error("the next run of a client could not be started; it is tried again soon", "client", clientID, "error", err)
	}
}
