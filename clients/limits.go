package clients

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"beckon/internal/problem"
)

// Limits holds what clients have used up. It outlives the Sets, so that a new configuration resets nobody's limit.
type Limits struct {
	mu   sync.Mutex
	byID map[string]*limit
}

// NewLimits returns limits that nobody has used.
func NewLimits() *Limits { return &Limits{byID: map[string]*limit{}} }

// limit is what one client has used up. The limiter is replaced when the rate changes; calls that were admitted
// before go on counting as running.
type limit struct {
	settings RateLimit
	limiter  *rate.Limiter
	going    calls
}

// calls counts those of a client that are under way.
type calls struct{ running, arriving atomic.Int64 }

// of returns the client's limiter, nil when its rate is not limited, and its count of calls.
func (l *Limits) of(c Client) (*rate.Limiter, *calls) {
	l.mu.Lock()
	defer l.mu.Unlock()
	have := l.byID[c.ID]
	if have == nil {
		have = &limit{}
		l.byID[c.ID] = have
	}
	if c.RateLimit == nil {
		return nil, &have.going
	}
	if r := *c.RateLimit; have.limiter == nil || have.settings != r {
		have.settings, have.limiter = r, rate.NewLimiter(rate.Every(time.Duration(r.Per)/time.Duration(r.Requests)), r.Requests)
	}
	return have.limiter, &have.going
}

// Quota is what a client has left of its rate, in the terms of the RateLimit header fields
// (draft-ietf-httpapi-ratelimit-headers). The zero value says that there is no limit.
type Quota struct {
	Limit     int           // requests
	Window    time.Duration // in this time
	Remaining int
	Reset     time.Duration // until all of it is there again
}

// Arrive takes one call off the client's rate. An Exhausted problem says when to come back.
func (m *Member) Arrive() (Quota, error) { return m.takeRate(time.Now()) }

// Receive counts a call whose body is being read, of which the client may have as many as most. A nil error means that
// Received must follow.
func (m *Member) Receive(most int64) error {
	if m.going.arriving.Add(1) > most {
		m.Received()
		return problem.New(problem.Exhausted, "too_many_concurrent_calls",
			"This client is sending the bodies of %d calls at the same time, and may not send more. Try again when one has arrived.", most).After(time.Second)
	}
	return nil
}

// Received counts a call off whose body has been read.
func (m *Member) Received() { m.going.arriving.Add(-1) }

// Enter counts a run of the client that came out of the queue; Leave counts it off. How many there may be at the same time is
// for runs to see to.
func (m *Member) Enter() { m.going.running.Add(1) }

// Admit counts a call that runs now. A nil error means that Leave must follow when it has ended; an Exhausted problem says
// that the client has as many as it may.
func (m *Member) Admit() error {
	if running := m.going.running.Add(1); m.MaxConcurrent > 0 && running > int64(m.MaxConcurrent) {
		m.Leave()
		return problem.New(problem.Exhausted, "too_many_concurrent_calls",
			"This client may have %d calls at the same time, and they are running. Try again when one has ended.", m.MaxConcurrent).After(time.Second)
	}
	return nil
}

// Leave gives back what Admit took of the concurrency limit.
func (m *Member) Leave() { m.going.running.Add(-1) }

// Free returns how many more calls the client may have at this moment, where that is limited.
func (m *Member) Free() int { return max(m.MaxConcurrent-int(m.going.running.Load()), 0) }

func (m *Member) takeRate(now time.Time) (Quota, error) {
	if m.limiter == nil {
		return Quota{}, nil
	}
	reservation := m.limiter.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	tokens := max(m.limiter.TokensAt(now), 0)
	perToken := time.Duration(m.RateLimit.Per) / time.Duration(m.RateLimit.Requests)
	quota := Quota{Limit: m.RateLimit.Requests, Window: time.Duration(m.RateLimit.Per), Remaining: int(math.Floor(tokens)),
		Reset: time.Duration((float64(m.RateLimit.Requests) - tokens) * float64(perToken))}
	if wait > 0 {
		return quota, problem.New(problem.Exhausted, "rate_limit_exceeded",
			"This client may make %d calls in %s, and has made them. Try again later.", m.RateLimit.Requests, m.RateLimit.Per).After(wait)
	}
	return quota, nil
}
