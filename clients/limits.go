package clients

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"beckon/calls/forms"
	"beckon/internal/problem"
)

// Limits counts what clients have used. It outlives the Sets, so that a new configuration does not reset the
// counts.
type Limits struct {
	mu   sync.Mutex
	byID map[string]*limit
}

// NewLimits returns limits of which nothing is used.
func NewLimits() *Limits { return &Limits{byID: map[string]*limit{}} }

// limit is what one client has used up. The limiter is replaced when the rate changes; calls that were admitted
// before go on counting as running.
type limit struct {
	settings RateLimit
	limiter  *rate.Limiter
	underWay underWay
	// addresses are those that have sent the client's form.
	addresses forms.Addresses
}

// underWay counts the calls of a client: those that run, and those whose body is being read.
type underWay struct {
	running, reading atomic.Int64
	lastCall         atomic.Int64 // when it called this process last, in milliseconds; 0: it has not
}

// of returns the client's limiter, nil when its rate is not limited, its count of calls, and that of the addresses
// of its form.
func (l *Limits) of(c Client) (*rate.Limiter, *underWay, *forms.Addresses) {
	l.mu.Lock()
	defer l.mu.Unlock()
	have := l.byID[c.ID]
	if have == nil {
		have = &limit{}
		l.byID[c.ID] = have
	}
	if c.RateLimit == nil {
		return nil, &have.underWay, &have.addresses
	}
	if r := *c.RateLimit; have.limiter == nil || have.settings != r {
		have.settings = r
		have.limiter = rate.NewLimiter(rate.Every(time.Duration(r.Per)/time.Duration(r.Requests)), r.Requests)
	}
	return have.limiter, &have.underWay, &have.addresses
}

// Quota is what a client has left of its rate, in the terms of the RateLimit header fields
// (draft-ietf-httpapi-ratelimit-headers). The zero value says that there is no limit.
type Quota struct {
	Limit     int           // requests
	Window    time.Duration // in this time
	Remaining int
	Reset     time.Duration // until all of it is there again
}

// StartBody counts a call whose body is being read, of which the client may have as many as limit. A nil error
// means that EndBody must follow.
func (m *Member) StartBody(limit int64) error {
	if m.underWay.reading.Add(1) > limit {
		m.EndBody()
		return problem.New(problem.Exhausted, problem.CodeTooManyConcurrentCalls,
			"This client is sending the bodies of %d calls at the same time, and may not send more. "+
				"Try again when one has arrived.", limit).After(time.Second)
	}
	return nil
}

// EndBody counts a call off whose body has been read.
func (m *Member) EndBody() { m.underWay.reading.Add(-1) }

// StartRun counts a call that runs now. A nil error means that EndRun must follow; an Exhausted problem says that the
// client has as many as it may.
func (m *Member) StartRun() error {
	if running := m.underWay.running.Add(1); m.MaxConcurrent > 0 && running > int64(m.MaxConcurrent) {
		m.EndRun()
		return problem.New(problem.Exhausted, problem.CodeTooManyConcurrentCalls,
			"This client may have %d calls at the same time, and they are running. Try again when one has ended.",
			m.MaxConcurrent).After(time.Second)
	}
	return nil
}

// StartQueuedRun counts a run that has left the queue; EndRun must follow. Package runs bounds how many there may be.
func (m *Member) StartQueuedRun() { m.underWay.running.Add(1) }

// NoteCall records the time of an authenticated call.
func (m *Member) NoteCall(at time.Time) { m.underWay.lastCall.Store(at.UnixMilli()) }

// LastCall returns when the client has called this process last. It is zero if it has not.
func (m *Member) LastCall() time.Time {
	if at := m.underWay.lastCall.Load(); at != 0 {
		return time.UnixMilli(at)
	}
	return time.Time{}
}

// EndRun counts a run off that has ended.
func (m *Member) EndRun() { m.underWay.running.Add(-1) }

// Free returns how many more calls the client may have at this moment, where that is limited.
func (m *Member) Free() int { return max(m.MaxConcurrent-int(m.underWay.running.Load()), 0) }

// TakeRate takes one call of the client's rate. An Exhausted problem says when to come back.
func (m *Member) TakeRate() (Quota, error) { return m.takeRate(time.Now()) }

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
	quota := Quota{
		Limit:     m.RateLimit.Requests,
		Window:    time.Duration(m.RateLimit.Per),
		Remaining: int(math.Floor(tokens)),
		Reset:     time.Duration((float64(m.RateLimit.Requests) - tokens) * float64(perToken)),
	}
	if wait > 0 {
		return quota, problem.New(problem.Exhausted, problem.CodeRateLimitExceeded,
			"This client may make %d calls in %s, and has made them. Try again later.",
			m.RateLimit.Requests, m.RateLimit.Per).After(wait)
	}
	return quota, nil
}
