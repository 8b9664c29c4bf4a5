package store

import (
	"context"
	"time"

	"beckon/internal/problem"
)

// How long to wait before a write is tried again that the database could not take.
const (
	retryFirstWait = 50 * time.Millisecond
	retryMaxWait   = time.Second
)

// GoUntil is Go for writes that must not be lost: it tries again while the database is unavailable, until ctx ends.
// It calls done once, with the outcome of the last attempt. If the response to a commit was lost, it looks up
// whether the commit succeeded, so that nothing is written twice.
func (s *Store) GoUntil(ctx context.Context, fn func(tx Tx) error, done func(error)) {
	ctx = context.WithValue(ctx, patient{}, true)
	wait := retryFirstWait
	var try func()
	try = func() {
		s.Go(ctx, fn, func(err error) {
			if !problem.Is(err, problem.Unavailable) || ctx.Err() != nil || s.closed.Load() {
				done(err)
				return
			}
			now := wait
			wait = min(2*wait, retryMaxWait) // before the timer is set: the next try reads it
			time.AfterFunc(now, try)
		})
	}
	try()
}

// WriteUntil is Write that tries again while the database is unavailable, until ctx ends; see GoUntil.
func (s *Store) WriteUntil(ctx context.Context, fn func(tx Tx) error) error {
	outcome := make(chan error, 1)
	s.GoUntil(ctx, fn, func(err error) { outcome <- err })
	return <-outcome
}
