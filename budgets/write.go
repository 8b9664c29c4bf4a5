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
	reservation *reservation // nil for a write of what was borrowed
	used        *used        // nil for one that is to be made
	waits       *bool        // is true until the write has begun; may be nil
	isLook      bool         // it gives back what is reserved ahead and not used
	isBorrowed  bool         // the reservation was made in memory, and is put on record
	again       bool         // a write has left it to the next one, which gives back what is reserved ahead
	done        func(err error)
}

// reserve makes a reservation. An OverBudget says that a window has no room for it.
func (s *Service) reserve(ctx context.Context, r *reservation) error {
	if s.borrow(r) {
		return nil
	}
	if slices.ContainsFunc(r.windows, func(w window) bool { return w.runID != "" }) {
		r.run.putOnRecord(s, nil)
	}
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
	"What the request may cost could not be recorded, and so it was not sent. "+
		"Try again in a moment.").After(retryReserved)

// settle puts what was used in the place of what was reserved. It does not wait.
func (s *Service) settle(r *reservation, u used) {
	if r.isBorrowed {
		s.giveBack(r, u)
		return
	}
	s.submit(s.settling(r, u))
}

func (s *Service) settling(r *reservation, u used) *operation {
	return &operation{reservation: r, used: &u, done: func(err error) {
		if err != nil { // it is held until this process ends, and counts as used then
			s.Log.Error("what a request has used of its budgets could not be recorded", "run_id", r.runID, "error", err)
			return
		}
		s.held.Drop(r.id)
	}}
}

func (s *Service) submit(o *operation) {
	s.mu.Lock()
	isFirst := s.enqueue(o)
	s.mu.Unlock()
	if isFirst {
		s.flush()
	}
}

// enqueue has the next write take an operation. Where it reports true the caller has to flush. It is called with mu
// held.
func (s *Service) enqueue(o *operation) (isFirst bool) {
	s.idle.Add(1)
	s.waiting = append(s.waiting, o)
	isFirst = !s.writing
	s.writing = true
	return isFirst
}

// flush writes what waits, and then what has come meanwhile.
func (s *Service) flush() {
	var batch []*operation
	var w *write
	fresh := newAhead()
	s.held.Hold(fresh.id)
	s.Store.GoUntil(s.ctx, func(tx store.Tx) (err error) {
		// The later a batch is closed the more is written at once. This may be called twice with the same batch.
		s.mu.Lock()
		batch, s.waiting = append(batch, s.waiting...), nil
		w = &write{Service: s, share: s.beginShare(batch, fresh), windows: map[string]*window{}}
		s.mu.Unlock()
		return w.apply(tx, batch)
	}, func(err error) {
		s.mu.Lock()
		if err != nil && batch == nil { // it did not even begin
			batch, s.waiting = s.waiting, nil
		}
		if err == nil {
			w.note()
		}
		before := s.ahead
		if w != nil {
			s.endShare(w.share, w.windows, err)
		}
		for _, a := range []*ahead{before, fresh} {
			if a != nil && a != s.ahead {
				s.held.Drop(a.id)
			}
		}
		s.mu.Unlock()
		for _, o := range batch {
			if err == nil && slices.Contains(w.again, o) {
				continue
			}
			o.done(err)
			s.idle.Done()
		}
		s.mu.Lock()
		if err == nil {
			s.waiting = append(w.again, s.waiting...)
		}
		more := len(s.waiting) > 0
		s.writing = more
		s.mu.Unlock()
		if more {
			go s.flush() // the writer, which called this, may have a full queue in front of it
		}
	})
}

// write is one transaction.
type write struct {
	*Service
	share   *share
	windows map[string]*window
	all     map[string]*taken
	again   []*operation // left to the next write
}

// apply settles and makes the reservations of a batch.
func (w *write) apply(tx store.Tx, batch []*operation) error {
	ended := w.involve(batch)
	there, err := w.storage.remove(tx, ended)
	if err != nil {
		return err
	}
	w.share.lost = !w.share.isNew && !there[w.share.ahead.id]
	ids := slices.Sorted(maps.Keys(w.windows))
	list := make([]*window, len(ids))
	for i, id := range ids {
		list[i] = w.windows[id]
	}
	if w.all, err = w.storage.lock(tx, list); err != nil {
		return err
	}
	w.share.settleIn(w.all)
	for _, o := range batch {
		if o.used != nil && there[o.reservation.id] {
			o.reservation.settleIn(w.all, *o.used)
		}
	}
	full, hasRefused, err := w.make(tx, batch)
	if err != nil {
		return err
	}
	if left := w.share.reserve(w.all, w.windows, hasRefused); len(left) > 0 {
		if err := w.storage.add(tx, &reservation{id: w.share.ahead.id, amounts: left}, w.instance()); err != nil {
			return err
		}
	}
	if err := w.tell(tx, list, w.all, full); err != nil {
		return err
	}
	return w.storage.put(tx, ids, w.all)
}

// involve gathers the windows that the write is about, and the ids of the reservations that it ends.
func (w *write) involve(batch []*operation) (ended []string) {
	maps.Copy(w.windows, w.share.windows)
	if !w.share.isNew {
		ended = append(ended, w.share.ahead.id) // it is written anew
	}
	for _, o := range batch {
		if o.reservation == nil {
			continue
		}
		if o.used != nil {
			ended = append(ended, o.reservation.id)
		}
		for i := range o.reservation.windows {
			one := &o.reservation.windows[i]
			w.windows[one.id] = one
		}
	}
	return ended
}

// make makes reservations where there is room. full are the windows that have none, not even without what others
// have reserved.
func (w *write) make(tx store.Tx, batch []*operation) (full map[string]bool, hasRefused bool, err error) {
	now := w.Now()
	full = map[string]bool{}
	for _, o := range batch {
		r := o.reservation
		if r == nil || o.used != nil {
			continue
		}
		if r.refused = nil; r.state.Load() == isAbandoned {
			r.refused = errUnrecorded
			continue
		}
		if !o.isBorrowed {
			none, needed := r.fit(w.all)
			if none != nil && w.share.keeps(none, *w.all[none.id], needed) {
				o.again, hasRefused = true, true
				w.again = append(w.again, o)
				continue
			}
			if none != nil {
				r.refuse(none, needed, *w.all[none.id], now, full)
				hasRefused = true
				continue
			}
		}
		for id, amount := range r.amounts {
			w.all[id].reserved += amount
		}
		w.share.note(r)
		if err := w.storage.add(tx, r, w.instance()); err != nil {
			return full, hasRefused, err
		}
	}
	return full, hasRefused, nil
}

// note keeps what the windows of days and months have. It is called with mu held.
func (w *write) note() {
	for id, one := range w.windows {
		if one.runID == "" {
			w.known[id] = known{w.all[id].sum(), one.endsAt.UnixMilli()}
		}
	}
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

// refuse notes that a window, which has so much, leaves too little room for the reservation.
func (r *reservation) refuse(none *window, needed int64, has taken, now time.Time, refused map[string]bool) {
	r.refused = none.exhausted(now, has, needed)
	if has.used+needed > none.limit.Most && needed <= none.limit.Most { // what never fits says nothing of what is left
		refused[none.id] = true
	}
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
		words, code = "is used up by 80% or more", codeWarning
	}
	use := s.useOf(w, *has)
	data := map[string]any{
		"scope":    w.scope,
		"id":       orNull(w.of),
		"period":   w.period,
		"unit":     use.Unit,
		"limit":    use.Limit,
		"used":     use.Used,
		"reserved": use.Reserved,
		"runId":    orNull(w.runID),
		"resetsAt": use.ResetsAt,
	}
	failure := problem.Failure{
		Code:    code,
		Message: "The budget " + w.period + " of " + w.owner() + " (" + w.limit.String() + ") " + words + ".",
	}
	s.Log.Warn("a budget "+words,
		"scope", w.scope, "id", w.of, "period", w.period, "limit", w.limit.String(), "used",
		w.limit.Shown(has.used), "run_id", w.runID)
	return s.Tell(tx, kind, about, failure, data)
}

const codeWarning = "budget_warning"
