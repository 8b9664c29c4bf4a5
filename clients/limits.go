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
	running  atomic.Int64
}

// of returns the client's limiter, nil when its rate is not limited, and its count of running calls.
func (l *Limits) of(c Client) (*rate.Limiter, *atomic.Int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	have := l.byID[c.ID]
	if have == nil {
		have = &limit{}
		l.byID[c.ID] = have
	}
	if c.RateLimit == nil {
		return nil, &have.running
	}
	if r := *c.RateLimit; have.limiter == nil || have.settings != r {
		have.settings, have.limiter = r, rate.NewLimiter(rate.Every(time.Duration(r.Per)/time.Duration(r.Requests)), r.Requests)
	}
	return have.limiter, &have.running
}

// Quota is what a client has left of its rate, in the terms of the RateLimit header fields
// (draft-ietf-httpapi-ratelimit-headers). The zero value says that there is no limit.
type Quota struct {
	Limit     int           // requests
	Window    time.Duration // in this time
	Remaining int
	Reset     time.Duration // until all of it is there again
}

// AdmitQueued takes a call off the client's rate that does not run now. How many of its runs come out of the queue at
// the same time is for runs to see to: see Enter.
func (m *Member) AdmitQueued() (Quota, error) { return m.takeRate(time.Now()) }

// Enter counts a run of the client that came out of the queue; Leave counts it off.
func (m *Member) Enter() { m.running.Add(1) }

// Admit takes one call off the client's limits. A nil error means that Leave must follow when the call has ended;
// an Exhausted problem says when to come back.
func (m *Member) Admit() (Quota, error) {
	quota, err := m.takeRate(time.Now())
	if err != nil {
		return quota, err
	}
	if running := m.running.Add(1); m.MaxConcurrent > 0 && running > int64(m.MaxConcurrent) {
		m.running.Add(-1)
		return quota, problem.New(problem.Exhausted, "too_many_concurrent_calls",
			"This client may have %d calls at the same time, and they are running. Try again when one has ended.", m.MaxConcurrent).After(time.Second)
	}
	return quota, nil
}

// Leave gives back what Admit took of the concurrency limit.
func (m *Member) Leave() { m.running.Add(-1) }

// Free returns how many more calls the client may have at this moment, where that is limited.
func (m *Member) Free() int { return max(m.MaxConcurrent-int(m.running.Load()), 0) }

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
