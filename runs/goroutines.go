package runs

import "context"

// maxIdleGoroutines is how many goroutines wait for the next run: as many as runs often end before others start.
const maxIdleGoroutines = 16

// goroutines work on one run after the other. A new goroutine has a small stack, which is copied several times
// while it grows to what a call of a model takes.
type goroutines struct {
	next    chan func()
	idle    chan struct{} // has a place for each that waits
	closing context.Context
}

func newGoroutines(closing context.Context) *goroutines {
	return &goroutines{next: make(chan func()), idle: make(chan struct{}, maxIdleGoroutines), closing: closing}
}

// do runs fn in a goroutine that waits, or in a new one.
func (g *goroutines) do(fn func()) {
	select {
	case g.next <- fn:
	default:
		go g.work(fn)
	}
}

func (g *goroutines) work(fn func()) {
	for {
		fn()
		select {
		case g.idle <- struct{}{}:
		default:
			return
		}
		select {
		case fn = <-g.next:
			<-g.idle
		case <-g.closing.Done():
			return
		}
	}
}
