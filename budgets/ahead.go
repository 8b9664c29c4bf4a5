package budgets

import (
	"maps"
	"time"

	"github.com/oklog/ulid/v2"
)

// ahead is what this process has reserved ahead, so that most requests need not wait for a commit. It is one
// reservation on record. Requests borrow from it. What they have not used goes back to it at once, and what they
// have used is written soon after, for many together.
//
// A process reserves ahead only in windows of many requests, of which half is left: twice what its requests need at
// the same time, and an eighth of the limit at most. Where less than half is left it gives back what nobody has
// borrowed, with its next write, and requests wait for a commit each. It gives back what it does not use within two
// seconds. When it dies, what it has counts as used.
type ahead struct {
	id        string
	windows   map[string]*window
	free      map[string]int64 // that nobody has borrowed
	returning map[string]int64 // that is being given back by the write under way
	lent      map[string]int64
	peak      map[string]int64 // the most that was lent since the last look
	spent     map[string]spent // by requests that have ended, and that is not on record yet
	largest   map[string]int64 // request
}

// spent is what requests have used, and what of the reservation on record that takes away.
type spent struct{ reserved, used int64 }

const (
	aheadTimes  = 2 // as much as is needed at the same time
	aheadShare  = 8 // a part of the limit
	aheadLeast  = 4 // requests have to fit into that
	writeSoon   = 250 * time.Millisecond
	lookIfIdle  = time.Second
	aheadPrefix = "ahead_"
)

func newAhead() *ahead {
	return &ahead{
		id:        aheadPrefix + ulid.Make().String(),
		windows:   map[string]*window{},
		free:      map[string]int64{},
		returning: map[string]int64{},
		lent:      map[string]int64{},
		peak:      map[string]int64{},
		spent:     map[string]spent{},
		largest:   map[string]int64{},
	}
}

// onRecord is what is reserved of a window by what the last write has left.
func (a *ahead) onRecord(id string) int64 {
	return a.free[id] + a.returning[id] + a.lent[id] + a.spent[id].reserved
}

// has reports whether there is so much of a window that nobody has borrowed.
func (a *ahead) has(w *window, amount int64) bool {
	if a == nil {
		return false
	}
	known := a.windows[w.id]
	return known != nil && known.limit == w.limit && a.free[w.id] >= amount
}

// borrow makes a reservation in memory, where there is enough reserved ahead in all windows of days and months, and
// the run's own are in memory still.
func (s *Service) borrow(r *reservation) bool {
	use := r.use
	if r.isFlexible {
		use.Output = mostOutput
	}
	amounts := make(map[string]int64, len(r.windows))
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.ahead
	for i := range r.windows {
		w := &r.windows[i]
		amount := r.amountOf(w, use)
		amounts[w.id] = amount
		if w.runID != "" && !r.run.has(w, amount) || w.runID == "" && !a.has(w, amount) {
			return false
		}
	}
	for i := range r.windows {
		w := &r.windows[i]
		amount := amounts[w.id]
		if w.runID != "" {
			r.run.lend(s, w, amount)
			continue
		}
		a.free[w.id] -= amount
		a.lent[w.id] += amount
		a.peak[w.id] = max(a.peak[w.id], a.lent[w.id])
	}
	r.amounts, r.output, r.from, r.isBorrowed = amounts, use.Output, a, true
	return true
}

// giveBack notes what a request has used of what it had borrowed. The rest can be borrowed again.
func (s *Service) giveBack(r *reservation, u used) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := r.from
	// else another process has taken this one for dead, and counts all of it as used
	isThere := a != nil && s.ahead == a
	for i := range r.windows {
		w := &r.windows[i]
		amount := r.amounts[w.id]
		took := u.of(w, amount)
		if w.runID != "" {
			r.run.takeBack(s, w, amount, took)
			continue
		}
		if !isThere {
			continue
		}
		left := max(amount-took, 0)
		sum := a.spent[w.id]
		a.lent[w.id] -= amount
		a.free[w.id] += left
		a.spent[w.id] = spent{sum.reserved + amount - left, sum.used + took}
	}
	if isThere {
		s.writeLater(&s.soon, writeSoon)
	}
}

// writeLater has a write come, unless one of its kind will. It is called with mu held.
func (s *Service) writeLater(waits *bool, after time.Duration) {
	if *waits {
		return
	}
	*waits = true
	s.idle.Add(1)
	time.AfterFunc(after, func() {
		defer s.idle.Done()
		s.submit(&operation{waits: waits, isLook: waits == &s.look, done: func(error) {}})
	})
}

// share is what a write does with what is reserved ahead, as that was when the write began.
type share struct {
	ahead                         *ahead
	isNew                         bool
	lost                          bool // it is not on record any more: another process has taken this one for dead
	windows                       map[string]*window
	record, free, returning, peak map[string]int64
	spent                         map[string]spent
	// what the write reserves for requests, what ahead, and the largest request
	asked, extra, largest map[string]int64
}

// beginShare begins a write. It gives back what nobody has borrowed where little is left, where a request waits for
// it, or nobody uses it. It is called with mu held; fresh is for a process that has nothing reserved ahead.
func (s *Service) beginShare(batch []*operation, fresh *ahead) *share {
	h := &share{
		ahead:   s.ahead,
		isNew:   s.ahead == nil,
		record:  map[string]int64{},
		asked:   map[string]int64{},
		extra:   map[string]int64{},
		largest: map[string]int64{},
	}
	if h.isNew {
		h.ahead = fresh
	}
	a, giveBack, isLook := h.ahead, s.closing, false
	for _, o := range batch {
		giveBack, isLook = giveBack || o.again, isLook || o.isLook
		if o.waits != nil { // what comes from here on is for another write
			*o.waits = false
		}
	}
	now := s.Now()
	for id, w := range a.windows {
		keep := a.free[id]
		switch {
		case giveBack, s.isScarce(w), !now.Before(w.endsAt):
			keep = 0
		case isLook:
			keep = min(keep, max(aheadTimes*a.peak[id]-a.lent[id], 0))
		}
		a.returning[id] += a.free[id] - keep
		a.free[id] = keep
		h.record[id] = a.onRecord(id)
	}
	h.windows = maps.Clone(a.windows)
	h.free = maps.Clone(a.free)
	h.returning = maps.Clone(a.returning)
	h.peak = maps.Clone(a.peak)
	h.spent = maps.Clone(a.spent)
	if isLook {
		maps.Copy(a.peak, a.lent)
	}
	return h
}

// isScarce reports whether less than half of a window was left when this process saw it last. It is called with mu
// held.
func (s *Service) isScarce(w *window) bool { return s.known[w.id].taken > w.limit.Most/2 }

// settleIn puts what is used and given back in the place of what was reserved ahead.
func (h *share) settleIn(all map[string]*taken) {
	if h.lost {
		return
	}
	for id := range h.windows {
		has := all[id]
		has.reserved = max(has.reserved-h.spent[id].reserved-h.returning[id], 0)
		has.used += h.spent[id].used
	}
}

// keeps reports whether a window would have room if this process gave back what it has reserved ahead.
func (h *share) keeps(w *window, has taken, needed int64) bool {
	return !h.lost && h.free[w.id] > 0 && has.used+needed <= w.limit.Most
}

// note notes a reservation that the write makes.
func (h *share) note(r *reservation) {
	for i := range r.windows {
		if w := &r.windows[i]; w.runID == "" {
			h.asked[w.id] += r.amounts[w.id]
			h.largest[w.id] = max(h.largest[w.id], r.amounts[w.id])
		}
	}
}

// reserve decides how much more is reserved ahead, nothing where the write has refused a request, and returns what
// is to be on record then.
func (h *share) reserve(all map[string]*taken, windows map[string]*window, hasRefused bool) map[string]int64 {
	for id, w := range windows {
		has := all[id]
		needed := h.asked[id] + h.peak[id] + h.spent[id].used
		most, largest := w.limit.Most/aheadShare, max(h.largest[id], h.ahead.largest[id])
		if hasRefused || h.lost || w.runID != "" || needed == 0 || most/aheadLeast < largest {
			continue
		}
		already := h.record[id] - h.spent[id].reserved - h.returning[id]
		if extra := min(min(needed, most)*aheadTimes, most) - already; extra > 0 {
			h.extra[id] = max(min(extra, w.limit.Most/2-has.sum()), 0)
			has.reserved += h.extra[id]
		}
	}
	left := map[string]int64{}
	for id := range windows {
		if n := h.record[id] - h.spent[id].reserved - h.returning[id] + h.extra[id]; n > 0 && !h.lost {
			left[id] = n
		}
	}
	return left
}

// endShare takes over what a write has done. It is called with mu held.
func (s *Service) endShare(h *share, windows map[string]*window, err error) {
	a := h.ahead
	switch {
	case h.lost:
		s.ahead = nil
		return
	case err != nil:
		for id, n := range a.returning {
			a.free[id] += n
		}
		clear(a.returning)
		return
	}
	clear(a.returning)
	for id, was := range h.spent {
		now := a.spent[id]
		a.spent[id] = spent{now.reserved - was.reserved, now.used - was.used}
	}
	for id, extra := range h.extra {
		if extra > 0 {
			a.windows[id], a.largest[id] = windows[id], max(a.largest[id], h.largest[id])
			a.free[id] += extra
		}
	}
	for id := range a.windows {
		if a.onRecord(id) == 0 {
			delete(a.windows, id)
			delete(a.free, id)
			delete(a.lent, id)
			delete(a.peak, id)
			delete(a.spent, id)
			delete(a.largest, id)
		}
	}
	if s.ahead = nil; len(a.windows) == 0 {
		return
	}
	if s.ahead = a; s.closing {
		return
	}
	s.writeLater(&s.look, lookIfIdle)
	for id, w := range a.windows {
		if a.free[id] > 0 && s.isScarce(w) { // it goes back at once
			s.writeLater(&s.soon, 0)
		}
	}
}
