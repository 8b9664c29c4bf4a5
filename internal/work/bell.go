package work

import (
	"context"
	"time"
)

// Bell wakes one loop of this process. Rings that come while the loop is busy count as one. Whatever is due is in the
// database, and loops look there from time to time as well, so that a ring may be lost.
type Bell chan struct{}

// NewBell returns a bell that has not been rung.
func NewBell() Bell { return make(Bell, 1) }

// Ring wakes the loop. It does not block.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// Wait returns when the bell is rung or atMost has passed; false says that ctx has ended.
func (b Bell) Wait(ctx context.Context, atMost time.Duration) bool {
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-b:
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
