package runs

import (
	"context"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/sessions"
)

// The calls of a session are numbered in the order in which they are accepted; see sessions.Join. A run begins when
// none of a lower number is left that has not ended. Until then it is QUEUED, on record and nowhere else, also when
// its caller waits for the answer.

// call names the run among the calls of its session.
func (r *Run) call() sessions.Key {
	return sessions.Key{ClientID: r.ClientID, SessionID: r.Session, Number: r.SessionNumber}
}

// joinSession adds a new run to its session. next says that it may begin at once.
func (s *Service) joinSession(tx store.Tx, r *Run) (next bool, err error) {
	key, err := sessions.Join(tx, r.ClientID, r.Session, r.CreatedAt, r.sessions.Or(s.sessionRetention()))
	if err != nil {
		return false, err
	}
	r.SessionNumber = key.Number
	return s.storage.isNext(tx, r)
}

// sessionRetention is how long sessions are kept of whose agents none says so.
func (s *Service) sessionRetention() time.Duration {
	if s.SessionRetention == nil {
		return agents.DefaultSessionTTL
	}
	return s.SessionRetention()
}

// recordInSession writes the start of a run of a session. Where earlier runs of it have not ended, it becomes QUEUED.
func (s *Service) recordInSession(ctx context.Context, r Request, run *Run) error {
	s.expect(run.ID)
	asked, list := *run, []events.Event(nil)
	err := s.Store.Write(context.WithoutCancel(ctx), func(tx store.Tx) error {
		*run = asked // this may be called twice
		next, err := s.joinSession(tx, run)
		if err != nil {
			return err
		}
		instance := s.instance
		if !next {
			if err := s.checkQueue(); err != nil {
				return err
			}
			run.Status, run.StartedAt, run.Claim, instance = Queued, time.Time{}, 0, ""
			tx.AfterCommit(s.bell.Ring)
		}
		list = []events.Event{runEvent(events.FirstID(run.ID, run.CreatedAt), run, nodeCount{})}
		return s.writeJoined(tx, r.Idempotency, run, instance, list)
	})
	if err != nil || run.Status != Queued {
		s.expectNoMore(run.ID)
	}
	if err != nil {
		return err
	}
	s.Events.Publish(list)
	if run.Status == Queued {
		s.waiting.Add(1)
	}
	return nil
}

// expect has handOver keep a run for its caller, before any process can take it up.
func (s *Service) expect(runID string) {
	w := &awaited{taken: make(chan *Active, 1)}
	w.left, w.leave = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awaited[runID] = w
}

func (s *Service) expectNoMore(runID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.awaited[runID]; w != nil {
		w.leave()
		delete(s.awaited, runID)
	}
}

// begunInSession takes over what the start of a run has found out. Its start is on record.
func (a *Active) begunInSession(run *Run) {
	a.run.SessionNumber = run.SessionNumber
	a.journal.ids.Next(run.CreatedAt) // of its first event
	close(a.recorded)
}

// awaited is a run in the queue for whose end its caller waits.
type awaited struct {
	taken chan *Active // the run, when this process takes it up
	left  context.Context
	leave context.CancelFunc // the caller waits no more
}

// awaitQueued returns an Active that ends as a queued run does, whoever works on it.
func (s *Service) awaitQueued(run Run) *Active {
	s.mu.Lock()
	w := s.awaited[run.ID]
	s.mu.Unlock()
	a := &Active{ID: run.ID, run: run, done: make(chan struct{}), recorded: make(chan struct{}), awaited: w}
	a.cancel = func(error) { go func() { _ = s.Cancel(context.Background(), run.ID) }() }
	close(a.recorded)
	go func() {
		defer s.expectNoMore(run.ID)
		s.await(a)
	}()
	return a
}

// handOver tells who waits for a run that this process works on it from now on.
func (s *Service) handOver(a *Active) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.awaited[a.ID]; w != nil {
		select {
		case w.taken <- a:
		default: // it has been before: the caller was told what became of that
		}
	}
}

const awaitAgain = time.Second // when the events of a run could not be read

// await waits for the end of a queued run: from this process, or from the log.
func (s *Service) await(a *Active) {
	ended := make(chan *Run, 1)
	following, stop := context.WithCancel(a.awaited.left)
	defer stop()
	go s.awaitEnd(following, a.ID, ended)
	select {
	case by := <-a.awaited.taken:
		stop()
		a.follow(by)
	case run := <-ended:
		if !a.followTaken() { // what this process knows may be more than what is kept
			a.run, a.err = *run, run.Problem()
			close(a.done)
		}
	case <-s.closing.Done():
		if !a.followTaken() { // what is under way may end
			a.err = errGoesOn
			close(a.done)
		}
	case <-a.awaited.left.Done():
		a.err = errGoesOn // nobody hears it
		close(a.done)
	}
}

var errGoesOn = problem.New(problem.Unavailable, problem.CodeInterrupted,
	"Beckon was stopped while the run waited for an earlier one of its session. "+
		"It goes on when Beckon is back.").After(errDraining.RetryAfter)

// followTaken is follow where this process has taken the run up; false says that it has not.
func (a *Active) followTaken() bool {
	select {
	case by := <-a.awaited.taken:
		a.follow(by)
		return true
	default:
		return false
	}
}

// follow ends as the work on the run in this process does.
func (a *Active) follow(by *Active) {
	select {
	case <-by.done:
		a.run, a.err = by.run, by.err
	case <-a.awaited.left.Done():
		a.err = errGoesOn
	}
	close(a.done)
}

// awaitEnd reads the events of a run until it has ended, or waits for a person.
func (s *Service) awaitEnd(ctx context.Context, runID string, ended chan<- *Run) {
	follower := s.Events.Follow(runID, "")
	defer follower.Close()
	for {
		list, err := follower.Next(ctx)
		over := false
		for _, e := range list {
			over = over || e.Ends() || e.Type == events.RunWaiting
		}
		if over {
			var run *Run
			if run, err = s.View(ctx, runID); err == nil {
				ended <- run
				return
			}
		}
		if err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(awaitAgain):
		}
	}
}

// checkQueue refuses a run where the queue is full.
func (s *Service) checkQueue() error {
	if s.waiting.Load() < s.MaxQueued {
		return nil
	}
	return problem.New(problem.Unavailable, problem.CodeQueueFull,
		"The queue is full: %d runs are waiting. Try again later.", s.MaxQueued).After(queueFullWait)
}
