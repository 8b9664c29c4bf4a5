package memory

import (
	"context"
	"sync/atomic"
)

// Reservation is what one call holds. It belongs to all who share it: what is reserved is given back when the last of
// them has released it; nothing may be reserved after that. Its methods may be called at the same time; those of a nil
// Reservation do nothing.
type Reservation struct {
	budget  *Budget
	bytes   atomic.Int64
	holders atomic.Int64
}

// Reserve returns an empty reservation. Release must follow.
func (b *Budget) Reserve() *Reservation {
	if b == nil {
		return nil
	}
	r := &Reservation{budget: b}
	r.holders.Store(1)
	return r
}

// Body reserves bytes of a body, or returns ErrFull.
func (r *Reservation) Body(bytes int64) error {
	if r == nil {
		return nil
	}
	if !r.budget.take(bytes, r.budget.mostFor(bytes)) {
		return ErrFull
	}
	r.bytes.Add(bytes)
	return nil
}

// Answer reserves bytes of an answer. Where there is no room it waits; in the end it returns ErrFull, or ctx's cause.
func (r *Reservation) Answer(ctx context.Context, bytes int64) error {
	if r == nil {
		return nil
	}
	if !r.budget.take(bytes, r.budget.limit) {
		return r.budget.wait(ctx, r, bytes)
	}
	r.bytes.Add(bytes)
	return nil
}

// Set makes the reservation one of so many bytes, whether they fit or not: it is for what has taken the place of
// what was reserved, as the prompt does for the body.
func (r *Reservation) Set(bytes int64) {
	if r != nil {
		r.add(bytes - r.bytes.Load())
	}
}

func (r *Reservation) add(bytes int64) {
	r.bytes.Add(bytes)
	if bytes < 0 {
		r.budget.give(-bytes)
		return
	}
	r.budget.used.Add(bytes)
}

// Share adds a holder, who must Release the reservation, too.
func (r *Reservation) Share() *Reservation {
	if r != nil {
		r.holders.Add(1)
	}
	return r
}

// Release gives everything back when there is no other holder.
func (r *Reservation) Release() {
	if r != nil && r.holders.Add(-1) == 0 {
		r.budget.beyond.CompareAndSwap(r, nil)
		r.budget.give(r.bytes.Swap(0))
	}
}

type contextKey struct{}

// With returns a context that carries the reservation of the call that it belongs to.
func With(ctx context.Context, r *Reservation) context.Context {
	if r == nil {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, r)
}

// From returns the reservation that a context carries, or nil.
func From(ctx context.Context) *Reservation {
	r, _ := ctx.Value(contextKey{}).(*Reservation)
	return r
}
