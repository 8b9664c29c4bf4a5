// Package memory bounds what calls hold in memory, and tells Go how much memory the process may use.
//
// A Budget counts the bytes of bodies, prompts and answers that are alive. Each call has a Reservation: it grows
// while its body and its answer are read, and is given back when the run has ended and its caller has been
// answered. What is counted is what a call holds for long. Copies that live for a moment (a parsed body, a row on
// its way to the database) are not: half of server.maxMemory is left for them, for everything else, and for Go's
// garbage.
//
// A body that does not fit is refused at once. An answer, which has been paid for, waits for room. Bodies get three
// quarters of the budget, so that there is room for the answers to them. Should answers use up all of it, one of
// them at a time may exceed it: whichever call it is can end, and gives back what it holds. So calls never wait for
// each other forever, and the budget is exceeded by one answer at most.
package memory

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"beckon/internal/problem"
)

const (
	defaultPatience = 30 * time.Second
	roomEvery       = 50 * time.Millisecond
	// smallBody is the size up to which bodies may use all of the budget: large ones shall not keep them out.
	smallBody = 16 << 10
)

// ErrFull is the problem of a call that does not fit.
var ErrFull = problem.New(problem.Unavailable, problem.CodeMemoryFull,
	"Beckon holds as many bodies and answers in memory as it may (server.maxMemory). "+
		"Try again in a moment.").After(2 * time.Second)

// Budget bounds the bytes of all calls together. A nil Budget bounds nothing.
type Budget struct {
	Patience time.Duration // how long an answer waits for room; to be set before the budget is used

	limit    int64
	ofBodies int64 // what of the limit bodies may use
	used     atomic.Int64

	beyond atomic.Pointer[Reservation] // may exceed the limit; set with the lock held

	waiters atomic.Int64 // len(waiting), to be asked without the lock
	mu      sync.Mutex
	waiting []*waiter // in the order in which they came
}

// waiter is an answer that waits for room.
type waiter struct {
	reservation *Reservation
	bytes       int64
	granted     chan struct{} // closed when bytes are reserved
}

// NewBudget returns a budget of so many bytes.
func NewBudget(limit int64) *Budget {
	return &Budget{limit: limit, ofBodies: limit / 4 * 3, Patience: defaultPatience}
}

// Used returns how many bytes are reserved.
func (b *Budget) Used() int64 { return b.used.Load() }

// Limit returns how many bytes may be reserved.
func (b *Budget) Limit() int64 { return b.limit }

// LargestBody returns the size of the largest body that fits when nothing else is reserved.
func (b *Budget) LargestBody() int64 {
	if b == nil {
		return 1<<63 - 1
	}
	return b.ofBodies
}

// HasRoom reports whether a body of so many bytes fits now. It reserves nothing: that is for the bytes that have come.
func (b *Budget) HasRoom(bytes int64) bool {
	return b == nil || b.used.Load()+bytes <= b.mostFor(bytes)
}

// Room waits until a body may come in.
func (b *Budget) Room(ctx context.Context) error {
	for b != nil && b.used.Load() >= b.ofBodies {
		select {
		case <-time.After(roomEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// mostFor is what may be reserved together with bytes of a body.
func (b *Budget) mostFor(bytes int64) int64 {
	if bytes <= smallBody {
		return b.limit
	}
	return b.ofBodies
}

// take reserves bytes unless more than limit would be.
func (b *Budget) take(bytes, limit int64) bool {
	for {
		used := b.used.Load()
		if used+bytes > limit {
			return false
		}
		if b.used.CompareAndSwap(used, used+bytes) {
			return true
		}
	}
}

// give takes reserved bytes back, and lets who waits have them.
func (b *Budget) give(bytes int64) {
	b.used.Add(-bytes)
	if b.waiters.Load() > 0 {
		b.mu.Lock()
		b.grant()
		b.mu.Unlock()
	}
}

// wait reserves bytes for an answer as soon as there is room.
func (b *Budget) wait(ctx context.Context, r *Reservation, bytes int64) error {
	w := &waiter{reservation: r, bytes: bytes, granted: make(chan struct{})}
	b.mu.Lock()
	if b.beyond.Load() == r {
		b.waiting = slices.Insert(b.waiting, 0, w) // others wait for its end
	} else {
		b.waiting = append(b.waiting, w)
	}
	b.waiters.Add(1) // before grant looks at what is used: whoever gives something back after that sees it
	b.grant()
	b.mu.Unlock()
	timer := time.NewTimer(b.Patience)
	defer timer.Stop()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
		return b.stopWaiting(w, context.Cause(ctx))
	case <-timer.C:
		return b.stopWaiting(w, ErrFull)
	}
}

// stopWaiting ends the waiting of w with err, unless it has just been granted what it waits for.
func (b *Budget) stopWaiting(w *waiter, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, w)
	if i < 0 {
		return nil
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	b.waiters.Add(-1)
	b.grant() // the next one may need less
	return err
}

// grant reserves for those who wait, in their order, as long as there is room. When there is none the first of them may
// exceed the limit, unless another one does. It is called with the lock held.
func (b *Budget) grant() {
	if b.used.Load() <= b.limit {
		b.beyond.Store(nil)
	}
	for len(b.waiting) > 0 {
		w := b.waiting[0]
		if !b.take(w.bytes, b.limit) {
			if beyond := b.beyond.Load(); beyond != nil && beyond != w.reservation {
				return
			}
			b.beyond.Store(w.reservation)
			b.used.Add(w.bytes)
		}
		w.reservation.bytes.Add(w.bytes)
		b.waiting = slices.Delete(b.waiting, 0, 1)
		b.waiters.Add(-1)
		close(w.granted)
	}
}
