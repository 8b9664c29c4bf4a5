package egress

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pace says how long to wait between attempts at a request.
type Pace struct {
	First, Most time.Duration
	Wait        func(context.Context, time.Duration) error // until the time is over, or the context
}

// NewPace returns the pace of requests to providers.
func NewPace() Pace { return Pace{First: 500 * time.Millisecond, Most: 8 * time.Second, Wait: wait} }

// After returns the wait after the count-th attempt: it doubles from First to Most, a quarter more or less so that
// callers don't come back all at once, and is never less than what the server asked for.
func (p Pace) After(count int, asked time.Duration) time.Duration {
	d := p.Most
	if shift := count - 1; shift < 16 && p.First<<shift < p.Most {
		d = p.First << shift
	}
	d += time.Duration((rand.Float64() - 0.5) / 2 * float64(d))
	return max(d, asked)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
