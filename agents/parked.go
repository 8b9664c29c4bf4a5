package agents

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Parked is the error of an Invoker that waits for a job elsewhere and has nothing to do until then. Resume
// continues the call, and may return another Parked. It must be called once: at Until, or as soon as ctx has ended.
// No goroutine needs to wait in between.
type Parked struct {
	Until  time.Time
	Resume func(ctx context.Context) (Result, error)
}

// Error implements error.
func (p *Parked) Error() string {
	return fmt.Sprintf("parked until %s", p.Until.UTC().Format(time.RFC3339))
}

// AwaitParked waits on behalf of a caller that cannot park, and returns the result of the call.
func AwaitParked(ctx context.Context, result Result, err error) (Result, error) {
	for {
		parked, ok := errors.AsType[*Parked](err)
		if !ok {
			return result, err
		}
		timer := time.NewTimer(time.Until(parked.Until))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		result, err = parked.Resume(ctx)
	}
}
