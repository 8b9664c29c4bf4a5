package budgets

import (
	"time"

	"github.com/oklog/ulid/v2"
)

// runUse is what the requests of one run use of its perRun limits while that is in memory only, so that a run which
// ends at once needs no row of its own. It is put on record when the run lasts longer, when it is put away, or when
// a request needs more than half of a limit. From then on each request of the run waits for a commit.
//
// A process that dies before has left no row. So a run that is retried after a crash, and has no row, begins with
// half of its limit used. All fields are guarded by the service's mu.
type runUse struct {
	account    *account
	isInMemory bool // requests may borrow
	isOver     bool // the run has ended: nobody asks any more
	windows    []runWindow
	timer      *time.Timer
	record     *reservation // nil without one
	isOnRecord bool         // record is committed
}

// runWindow is one limit of a run. lent is the amount reserved by requests in flight, used the amount that finished
// requests cost.
type runWindow struct {
	window
	lent, used int64
}

const (
	recordAfter = 250 * time.Millisecond
	runShare    = 2 // a part of the limit: what is in memory at most
)

// has reports whether a request may borrow so much of a window.
func (u *runUse) has(w *window, amount int64) bool {
	if !u.isInMemory {
		return false
	}
	known := u.find(w.id)
	return known == nil && amount <= w.limit.Most/runShare ||
		known != nil && known.lent+known.used <= w.limit.Most/runShare-amount
}

func (u *runUse) find(id string) *runWindow {
	for i := range u.windows {
		if u.windows[i].id == id {
			return &u.windows[i]
		}
	}
	return nil
}

func (u *runUse) lend(s *Service, w *window, amount int64) {
	if u.timer == nil {
		u.timer = time.AfterFunc(recordAfter, func() { u.putOnRecord(s, nil) })
	}
	known := u.find(w.id)
	if known == nil {
		u.windows = append(u.windows, runWindow{window: *w})
		known = &u.windows[len(u.windows)-1]
	}
	known.lent += amount
}

func (u *runUse) takeBack(s *Service, w *window, amount, used int64) {
	known := u.find(w.id)
	known.lent -= amount
	known.used += used
	u.settleIfDone(s)
}

// putOnRecord writes what is lent and used, and has later requests wait for a commit. done, which may be nil, is
// called when it is written, or nothing is to be written.
func (u *runUse) putOnRecord(s *Service, done func()) {
	s.mu.Lock()
	isFirst, flush := u.isInMemory && u.timer != nil && !s.closing, false
	u.isInMemory = false
	if isFirst {
		u.timer.Stop()
		flush = u.enqueueRecord(s, done)
	}
	s.mu.Unlock()
	if flush {
		s.flush()
	}
	if !isFirst && done != nil {
		done()
	}
}

// enqueueRecord is called with mu held; see enqueue.
func (u *runUse) enqueueRecord(s *Service, done func()) (flush bool) {
	r := &reservation{
		id:      "res_" + ulid.Make().String(),
		runID:   u.account.runID,
		claim:   u.account.claim,
		amounts: map[string]int64{},
	}
	for _, w := range u.windows {
		r.windows = append(r.windows, w.window)
		r.amounts[w.id] = w.lent + w.used
	}
	u.record = r
	s.held.Hold(r.id)
	return s.enqueue(&operation{reservation: r, isBorrowed: true, done: func(err error) {
		s.mu.Lock()
		u.isOnRecord = err == nil
		u.settleIfDone(s)
		s.mu.Unlock()
		if err != nil {
			s.held.Drop(r.id)
			s.Log.Error("what a run has reserved of its budget could not be recorded", "run_id", r.runID, "error", err)
		}
		if done != nil {
			done()
		}
	}})
}

// settleIfDone replaces the reserved amount with the used amount once no request is in flight. The caller holds mu.
func (u *runUse) settleIfDone(s *Service) {
	if !u.isOnRecord {
		return
	}
	each := map[string]int64{}
	for _, w := range u.windows {
		if w.lent > 0 && !u.isOver {
			return
		}
		each[w.id] = w.used
	}
	u.isOnRecord = false
	if s.enqueue(s.settling(u.record, used{each: each})) {
		go s.flush() // which takes mu
	}
}

// Close implements runs.Account.
func (a *account) Close(isOver bool) {
	s, u := a.service, &a.run
	if !isOver {
		written := make(chan struct{})
		u.putOnRecord(s, func() { close(written) })
		<-written
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u.isInMemory, u.isOver = false, true
	if u.timer != nil {
		u.timer.Stop()
	}
	u.settleIfDone(s)
}
