package budgets

import (
	"context"
	"maps"
	"slices"
	"time"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
)

// operation is one reservation that is to be made or settled.
type operation struct {
	reservation *reservation
	used        *used // nil for one that is to be made
	done        func(err error)
}

// reserve makes a reservation. An OverBudget says that a window has no room for it.
func (s *Service) reserve(ctx context.Context, r *reservation) error {
	s.held.Hold(r.id)
	outcome := make(chan error, 1)
	s.submit(&operation{reservation: r, done: func(err error) {
		if err == nil && r.refused != nil {
			err = r.refused
		}
		if err != nil {
			s.held.Drop(r.id)
		}
		if !r.state.CompareAndSwap(isAsked, isTold) && err == nil {
			s.settle(r, used{})
			return
		}
		outcome <- err
	}})
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	defer time.AfterFunc(patience, func() {
		if s.Store.Failing() != nil { // else there is much to write, and it comes to this one too
			giveUp(errUnrecorded)
		}
	}).Stop()
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
	}
	if !r.state.CompareAndSwap(isAsked, isAbandoned) { // it was made at the same moment
		return <-outcome
	}
	return context.Cause(ctx)
}

var errUnrecorded = problem.New(problem.Unavailable, problem.CodeStorageUnavailable,
	"What the request may cost could not be recorded, and so it was not sent. Try again in a moment.").After(retryReserved)

// settle puts what was used in the place of what was reserved. It does not wait.
func (s *Service) settle(r *reservation, u used) {
	s.submit(&operation{reservation: r, used: &u, done: func(err error) {
		if err != nil { // it is held until this process ends, and counts as used then
			s.Log.Error("what a request has used of its budgets could not be recorded", "run_id", r.runID, "error", err)
			return
		}
		s.held.Drop(r.id)
	}})
}

func (s *Service) submit(o *operation) {
	s.idle.Add(1)
	s.mu.Lock()
	s.waiting = append(s.waiting, o)
	idle := !s.writing
	s.writing = true
	s.mu.Unlock()
	if idle {
		s.flush()
	}
}

// flush writes what waits, and then what has come meanwhile.
func (s *Service) flush() {
	var batch []*operation
	var seen map[string]known
	s.Store.GoUntil(s.ctx, func(tx store.Tx) (err error) {
		// The later a batch is closed the more is written at once. This may be called twice with the same batch.
		s.mu.Lock()
		batch, s.waiting = append(batch, s.waiting...), nil
		s.mu.Unlock()
		seen, err = s.apply(tx, batch)
		return err
	}, func(err error) {
		s.mu.Lock()
		if err != nil && batch == nil { // it did not even begin
			batch, s.waiting = s.waiting, nil
		}
		if err == nil {
			maps.Copy(s.known, seen)
		}
		s.mu.Unlock()
		for _, o := range batch {
			o.done(err)
			s.idle.Done()
		}
		s.mu.Lock()
		more := len(s.waiting) > 0
		s.writing = more
		s.mu.Unlock()
		if more {
			go s.flush() // the writer, which called this, may have a full queue in front of it
		}
	})
}

// apply settles and makes the reservations of a batch.
func (s *Service) apply(tx store.Tx, batch []*operation) (map[string]known, error) {
	var ended []string
	windows := map[string]*window{}
	for _, o := range batch {
		if o.used != nil {
			ended = append(ended, o.reservation.id)
		}
		for i := range o.reservation.windows {
			w := &o.reservation.windows[i]
			windows[w.id] = w
		}
	}
	there, err := s.storage.remove(tx, ended)
	if err != nil {
		return nil, err
	}
	ids := slices.Sorted(maps.Keys(windows))
	list := make([]*window, len(ids))
	for i, id := range ids {
		list[i] = windows[id]
	}
	all, err := s.storage.lock(tx, list)
	if err != nil {
		return nil, err
	}
	for _, o := range batch {
		if o.used != nil && there[o.reservation.id] {
			o.reservation.settleIn(all, *o.used)
		}
	}
	now := s.Now()
	refused := map[string]bool{} // windows that had no room, not even without what others have reserved
	for _, o := range batch {
		r := o.reservation
		if o.used != nil {
			continue
		}
		if r.refused = nil; r.state.Load() == isAbandoned {
			r.refused = errUnrecorded
			continue
		}
		if r.refuse(all, now, refused) {
			continue
		}
		for id, amount := range r.amounts {
			all[id].reserved += amount
		}
		if err := s.storage.add(tx, r, s.instance()); err != nil {
			return nil, err
		}
	}
	if err := s.tell(tx, list, all, refused); err != nil {
		return nil, err
	}
	seen := map[string]known{}
	for _, w := range list {
		if w.runID == "" {
			seen[w.id] = known{all[w.id].sum(), w.endsAt.UnixMilli()}
		}
	}
	return seen, s.storage.put(tx, ids, all)
}

func (s *Service) instance() string {
	if s.Work == nil {
		return "none"
	}
	return s.Work.ID()
}

// settleIn puts what was used in the place of what was reserved.
func (r *reservation) settleIn(all map[string]*taken, u used) {
	for i := range r.windows {
		w := &r.windows[i]
		has, reserved := all[w.id], r.amounts[w.id]
		has.reserved = max(has.reserved-reserved, 0)
		has.used += u.of(w, reserved)
	}
}

// refuse reports whether a window has no room for the reservation.
func (r *reservation) refuse(all map[string]*taken, now time.Time, refused map[string]bool) bool {
	none, needed := r.fit(all)
	if none == nil {
		return false
	}
	has := *all[none.id]
	r.refused = none.exhausted(now, has, needed)
	if has.used+needed > none.limit.Most {
		refused[none.id] = true
	}
	return true
}

// warnAt is the share of a limit at which its owner is warned, in percent.
const warnAt = 80

// tell tells once of each limit that most of it is used up, and that it is.
func (s *Service) tell(tx store.Tx, windows []*window, all map[string]*taken, refused map[string]bool) error {
	for _, w := range windows {
		has := all[w.id]
		most := w.limit.Most
		if has.used >= most/100*warnAt+most%100*warnAt/100 && has.warned != most {
			has.warned = most
			if err := s.tellOf(tx, w, has, events.BudgetWarning); err != nil {
				return err
			}
		}
		if (has.used >= most || refused[w.id]) && has.exhausted != most {
			has.exhausted = most
			if err := s.tellOf(tx, w, has, events.BudgetExhausted); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) tellOf(tx store.Tx, w *window, has *taken, kind string) error {
	about := events.Subject{}
	switch w.scope {
	case ScopeClient:
		about.ClientID = w.of
	case ScopeAgent:
		about.WorkflowID = w.of
	}
	words, code := "is used up", problem.CodeBudgetExhausted
	if kind == events.BudgetWarning {
		words, code = "is used up by 80 % or more", codeWarning
	}
	use := s.useOf(w, *has)
	data := map[string]any{"scope": w.scope, "id": orNull(w.of), "period": w.period, "unit": use.Unit, "limit": use.Limit, "used": use.Used,
		"reserved": use.Reserved, "runId": orNull(w.runID), "resetsAt": use.ResetsAt}
	failure := problem.Failure{Code: code, Message: "The budget " + w.period + " of " + w.owner() + " (" + w.limit.String() + ") " + words + "."}
	s.Log.Warn("a budget "+words, "scope", w.scope, "id", w.of, "period", w.period, "limit", w.limit.String(), "used", w.limit.Shown(has.used), "run_id", w.runID)
	return s.Tell(tx, kind, about, failure, data)
}

const codeWarning = "budget_warning"
