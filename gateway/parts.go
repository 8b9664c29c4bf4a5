package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// loopGrace is what a loop gets to notice that it has to end. None of them holds anything that could be lost.
const loopGrace = 5 * time.Second

// parts are how to stop what was started, in the order in which it was started.
type parts []func() error

// add notes a part that bounds by itself how long it takes to stop.
func (p *parts) add(stop func()) {
	*p = append(*p, func() error {
		stop()
		return nil
	})
}

// addWithin notes a part that stops at once when its context ends.
func (p *parts) addWithin(grace time.Duration, stop func(ctx context.Context) error) {
	*p = append(*p, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		return stop(ctx)
	})
}

// addLoop begins a loop, which has to end with its context.
func (p *parts) addLoop(name string, run func(ctx context.Context)) {
	running, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(running)
	}()
	p.addWithin(loopGrace, func(ctx context.Context) error {
		end()
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("%s did not end within %s", name, loopGrace)
		}
	})
}

// stop stops all of them, the last first.
func (p parts) stop() error {
	var errs []error
	for _, stop := range slices.Backward(p) {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}
