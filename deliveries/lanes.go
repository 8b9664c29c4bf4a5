package deliveries

import (
	"context"
	"sync"
	"time"
)

// lanes hold the deliveries that this process has claimed, in one lane for each receiver, and send them. Deliveries of
// one lane may wait for each other, those of different lanes never do.
//
// mu guards the maps and all fields of every lane. It is not held during a query or an attempt. Every goroutine is
// counted in goroutines; drain waits for them.
type lanes struct {
	sender     laneSender
	log        func(key string, err error) // a refill failed; it is tried again
	closing    context.Context             // ends when no attempt is begun any more
	close      context.CancelFunc
	goroutines sync.WaitGroup
	woken      chan struct{} // asks for a look at everything that is due

	mu     sync.Mutex
	byKey  map[string]*lane
	halted map[string]int // lanes of endpoints that are being disabled
	closed bool
}

// laneSender does what lanes decide to do.
type laneSender interface {
	accepts(key string) bool                              // whether the receiver of a lane takes deliveries now
	rateOf(key string) float64                            // attempts a second that it takes; 0 is any number
	attempt(d *claimed, open func() bool) (outcome, bool) // false when no attempt was made, since the lane closed
	record(d *claimed, o outcome)
	giveBack(rows []row)
	claimDue(ctx context.Context, key string, most int) (list []*claimed, more bool, err error)
}

func newLanes(s laneSender, log func(key string, err error)) *lanes {
	ls := &lanes{
		sender: s,
		log:    log,
		woken:  make(chan struct{}, 1),
		byKey:  map[string]*lane{},
		halted: map[string]int{},
	}
	ls.closing, ls.close = context.WithCancel(context.Background())
	return ls
}

// drain begins no attempt any more and waits for those that are being made. When ctx ends first it calls abandon, which
// ends them.
func (ls *lanes) drain(ctx context.Context, abandon func()) {
	ls.mu.Lock()
	ls.closed = true
	ls.mu.Unlock()
	ls.close()
	ended := make(chan struct{})
	go func() {
		ls.goroutines.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		abandon()
		<-ended
	}
}

// wake asks for a look at everything that is due.
func (ls *lanes) wake() {
	select {
	case ls.woken <- struct{}{}:
	default:
	}
}

// halt closes a lane until resume, before it is on record that its endpoint is disabled.
func (ls *lanes) halt(key string) (resume func()) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.halted[key]++
	return func() {
		ls.mu.Lock()
		defer ls.mu.Unlock()
		if ls.halted[key]--; ls.halted[key] == 0 {
			delete(ls.halted, key)
		}
		ls.wake()
	}
}

// reserve takes room for deliveries in their lanes, and returns those that have got some. The others wait in the table.
func (ls *lanes) reserve(due []waiting) (reserved []waiting) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, w := range due {
		if !ls.open(w.Lane) {
			continue
		}
		l := ls.lane(w.Lane)
		if l.room >= laneRoom {
			l.more = true
			continue
		}
		l.room++
		reserved = append(reserved, w)
	}
	return reserved
}

// reserveOne takes room for one delivery in a lane, where it is open and nothing else waits for room.
func (ls *lanes) reserveOne(key string) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if !ls.open(key) {
		return false
	}
	l := ls.lane(key)
	if l.room >= laneRoom || l.more || l.refilling {
		return false
	}
	l.room++
	return true
}

// fill puts claimed deliveries into the room that was reserved for them, and gives back the room that is left.
func (ls *lanes) fill(reserved []waiting, list []*claimed) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	left := map[string]int{}
	for _, w := range reserved {
		left[w.Lane]++
	}
	for _, d := range list {
		left[d.Lane]--
		l := ls.lane(d.Lane)
		l.queue = append(l.queue, d)
		ls.addSender(l)
	}
	for key, n := range left {
		ls.freeRoom(ls.lane(key), n)
	}
}

// due has a lane take up what is due in the table. It reports whether the lane is closed, so that deliveries may have
// to wait there for long.
func (ls *lanes) due(key string) (closed bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if !ls.open(key) {
		return !ls.closed
	}
	l := ls.lane(key)
	l.more = true
	ls.freeRoom(l, 0)
	return false
}

// forgetIdle removes lanes that nothing has used for a while.
func (ls *lanes) forgetIdle() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for key, l := range ls.byKey {
		if l.room == 0 && l.senders == 0 && !l.refilling && time.Since(l.idleSince) > laneIdle {
			delete(ls.byKey, key)
		}
	}
}

// open reports whether a lane sends anything now. mu is held.
func (ls *lanes) open(key string) bool {
	return !ls.closed && ls.halted[key] == 0 && ls.sender.accepts(key)
}

// lane returns a lane, which it makes where it is new. mu is held.
func (ls *lanes) lane(key string) *lane {
	l := ls.byKey[key]
	if l == nil {
		l = &lane{key: key, width: fewestSenders}
		ls.byKey[key] = l
	}
	return l
}
