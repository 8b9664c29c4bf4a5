package agents

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Parked is the error of an Invoker that has nothing to do for a while: it waits for a job elsewhere. Resume goes
// on with the call, and may return another Parked. It has to be called once, at Until or as soon as ctx has ended.
// Nothing needs to wait in a goroutine meanwhile.
type Parked struct {
	Until  time.Time
	Resume func(ctx context.Context) (Result, error)
}

// Error implements error.
func (p *Parked) Error() string {
	return fmt.Sprintf("parked until %s", p.Until.UTC().Format(time.RFC3339))
}

// AwaitParked waits in place of a caller that cannot park, and returns what came of the call.
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
