package deliveries

import (
	"time"

	"golang.org/x/time/rate"
)

const (
	// A lane begins with few attempts at the same time. Each that is accepted lets it make one more, each that
	// fails makes them half as many: of a receiver that hangs, no more than a few are ever waited for.
	fewestSenders = 2
	mostSenders   = 16

	laneRoom = 128 // deliveries that wait in memory, are sent, or are being recorded; others wait in the table
	laneIdle = time.Minute
)

// lane sends the deliveries to one endpoint, or to the callbacks of one client at one host.
type lane struct {
	key       string
	queue     []*claimed
	room      int  // of laneRoom, the part that is taken: by the queue, by attempts, and by reservations
	senders   int  // goroutines that make attempts
	width     int  // how many of them there may be
	more      bool // something that is due has been left in the table
	refilling bool
	limiter   *rate.Limiter
	idleSince time.Time
}

// freeRoom gives back room, and refills the lane when half of its room is free. mu is held.
func (ls *lanes) freeRoom(l *lane, n int) {
	l.room -= n
	if l.room == 0 {
		l.idleSince = time.Now()
	}
	if l.more && !l.refilling && l.room <= laneRoom/2 && ls.open(l.key) {
		l.more, l.refilling = false, true
		free := laneRoom - l.room
		l.room += free
		ls.goroutines.Go(func() { ls.refill(l, free) })
	}
}

// refill takes up what is due in a lane, as much as was reserved for it.
func (ls *lanes) refill(l *lane, reserved int) {
	list, more, err := ls.sender.claimDue(ls.closing, l.key, reserved)
	if err != nil && ls.closing.Err() == nil {
		ls.log(l.key, err)
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l.more, l.refilling = l.more || more, false
	l.queue = append(l.queue, list...)
	for range list {
		ls.addSender(l)
	}
	ls.freeRoom(l, reserved-len(list))
}

// addSender starts one more sender, where the lane is wide enough and something waits. mu is held.
func (ls *lanes) addSender(l *lane) {
	if l.senders < l.width && len(l.queue) > 0 && !ls.closed {
		l.senders++
		ls.goroutines.Go(func() { ls.send(l) })
	}
}

// send makes attempts until nothing waits in the lane. It does not wait until their outcome is on record: that takes
// as long as a commit.
func (ls *lanes) send(l *lane) {
	for {
		d := ls.next(l)
		if d == nil {
			return
		}
		o, made := ls.attempt(l, d)
		ls.goroutines.Go(func() {
			if made {
				ls.sender.record(d, o)
			} else {
				ls.sender.giveBack([]row{d.row})
			}
			ls.mu.Lock()
			defer ls.mu.Unlock()
			ls.freeRoom(l, 1)
		})
	}
}

// next returns the delivery that is sent next, or nil when the sender is not needed any more.
func (ls *lanes) next(l *lane) *claimed {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	open := ls.open(l.key)
	if !open || len(l.queue) == 0 || l.senders > l.width {
		l.senders--
		if !open && !ls.closed {
			ls.giveBackQueue(l)
		}
		return nil
	}
	d := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	return d
}

// giveBackQueue gives back what a lane has claimed: its endpoint has been disabled. mu is held.
func (ls *lanes) giveBackQueue(l *lane) {
	rows := make([]row, len(l.queue))
	for i, d := range l.queue {
		rows[i] = d.row
	}
	l.queue = nil
	l.more = true
	if len(rows) == 0 {
		return
	}
	ls.goroutines.Go(func() {
		ls.sender.giveBack(rows)
		ls.mu.Lock()
		defer ls.mu.Unlock()
		ls.freeRoom(l, len(rows))
	})
}

// attempt makes an attempt when the rate of the lane allows it, and makes the lane wider or narrower by its
// outcome. made is false when the lane was closed before.
func (ls *lanes) attempt(l *lane, d *claimed) (o outcome, made bool) {
	if limiter := ls.limiter(l); limiter != nil && limiter.Wait(ls.closing) != nil {
		return o, false
	}
	o, made = ls.sender.attempt(d, func() bool {
		ls.mu.Lock()
		defer ls.mu.Unlock()
		return ls.open(l.key)
	})
	if !made {
		return o, false
	}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if o.Error == nil {
		l.width = min(l.width+1, mostSenders)
	} else {
		l.width = max(l.width/2, fewestSenders)
	}
	ls.addSender(l)
	return o, true
}

// limiter is for the rate that the lane's receiver takes as it is configured now; nil is for any rate.
func (ls *lanes) limiter(l *lane) *rate.Limiter {
	perSecond := rate.Limit(ls.sender.rateOf(l.key))
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if perSecond == 0 {
		l.limiter = nil
	} else if l.limiter == nil || l.limiter.Limit() != perSecond {
		l.limiter = rate.NewLimiter(perSecond, 1)
	}
	return l.limiter
}
