package budgets

import (
	"maps"
	"time"

	"github.com/oklog/ulid/v2"
)

// ahead is what this process has reserved ahead, so that most requests need not wait for a commit. It is one reservation on record.
// Requests borrow from it, and what they have used is written soon after, for many at once.
//
// A process reserves ahead only in windows of many requests, of which half is left: a thousandth of the limit at most, and no more
// than it uses up soon. What it does not use comes back with its next write, or within two seconds. When it dies, that much counts
// as used.
type ahead struct {
	id        string
	windows   map[string]*window
	free      map[string]int64 // that nobody has borrowed
	returning map[string]int64 // that is being given back by the write under way
	lent      map[string]int64
	spent     map[string]spent // by requests that have ended, and that is not on record yet
	largest   map[string]int64 // request
	isUsed    bool             // since the last look whether it is
}

// spent is what requests had borrowed, and what they have used of it.
type spent struct{ reserved, used int64 }

const (
	aheadTimes  = 8    // as much as was used since the last write
	aheadShare  = 1000 // a part of the limit
	aheadLeast  = 4    // requests have to fit into that
	writeSoon   = 20 * time.Millisecond
	lookIfIdle  = time.Second
	aheadPrefix = "ahead_"
)

func newAhead() *ahead {
	return &ahead{id: aheadPrefix + ulid.Make().String(), windows: map[string]*window{}, free: map[string]int64{}, returning: map[string]int64{},
		lent: map[string]int64{}, spent: map[string]spent{}, largest: map[string]int64{}}
}

// onRecord is what is reserved of a window by what the last write has left.
func (a *ahead) onRecord(id string) int64 {
	return a.free[id] + a.returning[id] + a.lent[id] + a.spent[id].reserved
}

// borrow makes a reservation from what is reserved ahead, where there is enough of it in all windows.
func (s *Service) borrow(r *reservation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, use := s.ahead, r.use
	if a == nil {
		return false
	}
	if r.isFlexible {
		use.Output = mostOutput
	}
	amounts := make(map[string]int64, len(r.windows))
	for i := range r.windows {
		w := &r.windows[i]
		amounts[w.id] = r.amountOf(w, use)
		if known := a.windows[w.id]; known == nil || known.limit != w.limit || a.free[w.id] < amounts[w.id] {
			return false
		}
	}
	for id, amount := range amounts {
		a.free[id] -= amount
		a.lent[id] += amount
	}
	a.isUsed = true
	r.amounts, r.output, r.from = amounts, use.Output, a
	return true
}

// giveBack notes what a request has used of what it had borrowed.
func (s *Service) giveBack(r *reservation, u used) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := r.from
	if s.ahead != a { // another process has taken this one for dead, and counts all of it as used
		return
	}
	for i := range r.windows {
		w := &r.windows[i]
		amount, sum := r.amounts[w.id], a.spent[w.id]
		a.lent[w.id] -= amount
		a.spent[w.id] = spent{sum.reserved + amount, sum.used + u.of(w, amount)}
	}
	s.writeLater(&s.soon, writeSoon)
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
	ahead                   *ahead
	isNew                   bool
	lost                    bool // it is not on record any more: another process has taken this one for dead
	windows                 map[string]*window
	record, free, returning map[string]int64
	spent                   map[string]spent
	extra, largest          map[string]int64 // what the write reserves, and the largest request
}

// beginShare begins a write. It gives back what nobody has borrowed where others wait for it, or nobody uses it. It is called with
// mu held; fresh is for a process that has nothing reserved ahead.
func (s *Service) beginShare(batch []*operation, fresh *ahead) *share {
	h := &share{ahead: s.ahead, isNew: s.ahead == nil, record: map[string]int64{}, extra: map[string]int64{}, largest: map[string]int64{}}
	if h.isNew {
		h.ahead = fresh
	}
	a, giveBack := h.ahead, s.closing
	for _, o := range batch {
		giveBack = giveBack || o.reservation != nil && o.used == nil || o.isLook && !a.isUsed
	}
	for _, o := range batch {
		a.isUsed = a.isUsed && !o.isLook
		if o.waits != nil { // what comes from here on is for another write
			*o.waits = false
		}
	}
	now := s.Now()
	for id, w := range a.windows {
		if giveBack || !now.Before(w.endsAt) {
			a.returning[id] += a.free[id]
			a.free[id] = 0
		}
		h.record[id] = a.onRecord(id)
	}
	h.windows, h.free, h.returning, h.spent = maps.Clone(a.windows), maps.Clone(a.free), maps.Clone(a.returning), maps.Clone(a.spent)
	return h
}

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

// note notes a reservation that the write makes.
func (h *share) note(r *reservation) {
	for i := range r.windows {
		if w := &r.windows[i]; w.runID == "" {
			h.extra[w.id] += aheadTimes * min(r.amounts[w.id], w.limit.Most/aheadShare)
			h.largest[w.id] = max(h.largest[w.id], r.amounts[w.id])
		}
	}
}

// reserve decides how much more is reserved ahead, nothing where the write has refused a request, and returns what is to be on
// record then.
func (h *share) reserve(all map[string]*taken, windows map[string]*window, hasRefused bool) map[string]int64 {
	for id, w := range windows {
		has := all[id]
		wanted := h.extra[id] + aheadTimes*h.spent[id].reserved
		h.extra[id] = 0
		most, largest := w.limit.Most/aheadShare, max(h.largest[id], h.ahead.largest[id])
		if hasRefused || h.lost || w.runID != "" || wanted == 0 || most < aheadLeast*largest || w.limit.Most-has.sum() < w.limit.Most/2 {
			continue
		}
		h.extra[id] = max(min(wanted, most)-h.free[id], 0)
		has.reserved += h.extra[id]
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
			delete(a.spent, id)
		}
	}
	if s.ahead = nil; len(a.windows) > 0 {
		s.ahead = a
		s.writeLater(&s.look, lookIfIdle)
	}
}
