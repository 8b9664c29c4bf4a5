package deliveries

import (
	"strings"
	"time"

	"golang.org/x/time/rate"
)

const (
	// A lane begins with few attempts at the same time. Each that is accepted lets it make one more, each that fails makes
	// them half as many: of a receiver that hangs, no more than a few are ever waited for.
	fewestSenders = 2
	mostSenders   = 16

	laneRoom = 128 // deliveries that wait in memory, are sent, or are being recorded; others wait in the table
	laneIdle = time.Minute
)

// lane sends the deliveries of one endpoint, or of the callbacks to one host, which don't wait for those of others.
// Its fields belong to the service's mu.
type lane struct {
	key       string
	queue     []*claimed
	room      int // of laneRoom, what is taken: by the queue, by attempts, and by those who are about to put something in
	senders   int
	more      bool // something due has been left in the table
	refilling bool
	width     int // attempts that it may make at the same time
	limiter   *rate.Limiter
	idleSince time.Time
}

// open reports whether a lane sends anything now.
func (s *Service) open(key string) bool {
	if s.closed || s.halted[key] > 0 {
		return false
	}
	id, ok := strings.CutPrefix(key, endpointLanes)
	if !ok {
		return true
	}
	t := s.endpoints.Load().byID[id]
	return t != nil && t.disabled == nil
}

func (s *Service) isOpen(l *lane) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open(l.key)
}

// halt closes a lane until resume, before it is on record that its endpoint is disabled.
func (s *Service) halt(key string) (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halted[key]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.halted[key]--; s.halted[key] == 0 {
			delete(s.halted, key)
		}
		s.wake()
	}
}

func (s *Service) lane(key string) *lane {
	l := s.lanes[key]
	if l == nil {
		l = &lane{key: key, width: fewestSenders}
		s.lanes[key] = l
	}
	return l
}

// leave gives back room.
func (s *Service) leave(key string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaveLocked(s.lane(key), n)
}

func (s *Service) leaveLocked(l *lane, n int) {
	l.room -= n
	if l.room == 0 {
		l.idleSince = time.Now()
	}
	if l.more && !l.refilling && l.room <= laneRoom/2 && s.open(l.key) {
		l.more, l.refilling = false, true
		s.senders.Go(func() { s.refill(l) })
	}
}

// push puts a delivery into its lane, with mu held.
func (s *Service) push(l *lane, d *claimed) {
	l.queue = append(l.queue, d)
	if l.senders < l.width && !s.closed {
		l.senders++
		s.senders.Go(func() { s.send(l) })
	}
}

// send makes attempts until nothing waits in the lane. It does not wait for what came of them to be on record: that takes
// as long as a commit.
func (s *Service) send(l *lane) {
	for {
		d := s.take(l)
		if d == nil {
			return
		}
		o, made := s.inTurn(l, d)
		if !made {
			s.giveBack([]row{d.row})
			s.leave(l.key, 1)
			continue
		}
		s.senders.Go(func() {
			s.record(d, o)
			s.leave(l.key, 1)
		})
	}
}

// take returns what is to be sent next, or nil when the sender is not needed any more.
func (s *Service) take(l *lane) *claimed {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(l.queue) == 0 || l.senders > l.width || !s.open(l.key) {
		l.senders--
		if !s.closed && !s.open(l.key) {
			s.giveUpQueue(l)
		}
		return nil
	}
	d := l.queue[0]
	l.queue[0] = nil
	l.queue = l.queue[1:]
	return d
}

// giveUpQueue gives back what a lane has claimed: its endpoint has been disabled. mu is held.
func (s *Service) giveUpQueue(l *lane) {
	rows := make([]row, len(l.queue))
	for i, d := range l.queue {
		rows[i] = d.row
	}
	l.queue = nil
	l.more = true
	if len(rows) > 0 {
		s.senders.Go(func() {
			s.giveBack(rows)
			s.leave(l.key, len(rows))
		})
	}
}

// inTurn makes an attempt when the lane's rate and the process have room for it. made is false when the process ends, or
// the endpoint was disabled meanwhile.
func (s *Service) inTurn(l *lane, d *claimed) (o outcome, made bool) {
	if limiter := s.limiter(l); limiter != nil && limiter.Wait(s.closing) != nil {
		return o, false
	}
	leave, ok := s.slots.enter(s.closing, d)
	if !ok {
		return o, false
	}
	if s.isOpen(l) {
		o, made = s.attempt(d)
	}
	leave()
	if !made {
		return o, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.Error == nil {
		l.width = min(l.width+1, mostSenders)
	} else {
		l.width = max(l.width/2, fewestSenders)
	}
	if l.senders < l.width && len(l.queue) > 0 && !s.closed {
		l.senders++
		s.senders.Go(func() { s.send(l) })
	}
	return o, true
}

// limiter is that of the lane's endpoint as it is configured now; nil has no limit.
func (s *Service) limiter(l *lane) *rate.Limiter {
	id, ok := strings.CutPrefix(l.key, endpointLanes)
	if !ok {
		return nil
	}
	t := s.endpoints.Load().byID[id]
	s.mu.Lock()
	defer s.mu.Unlock()
	if t == nil || t.RateLimit == 0 {
		l.limiter = nil
		return nil
	}
	if l.limiter == nil || l.limiter.Limit() != rate.Limit(t.RateLimit) {
		l.limiter = rate.NewLimiter(rate.Limit(t.RateLimit), 1)
	}
	return l.limiter
}

// sweepLanes forgets lanes that nobody has used for a while.
func (s *Service) sweepLanes() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, l := range s.lanes {
		if l.room == 0 && l.senders == 0 && !l.refilling && time.Since(l.idleSince) > laneIdle {
			delete(s.lanes, key)
		}
	}
}
