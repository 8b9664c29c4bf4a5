package chat

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstWait = 500 * time.Millisecond
	mostWait  = 8 * time.Second
)

// pace says how long to wait between attempts.
type pace struct {
	first, most time.Duration
	wait        func(context.Context, time.Duration) error // until the time is over, or the context
}

// after returns the wait after the count-th attempt: it doubles from first to most, a quarter more or less so that
// callers don't come back all at once, and is never less than what the provider asked for.
func (p pace) after(count int, asked time.Duration) time.Duration {
	d := p.most
	if shift := count - 1; shift < 16 && p.first<<shift < p.most {
		d = p.first << shift
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
