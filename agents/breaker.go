package agents

import (
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"beckon/internal/problem"
)

const (
	breakerFailures = 5                // calls in a row, each after its retries
	breakerDelay    = 30 * time.Second // until one call may try again
)

// The states of a breaker.
const (
	BreakerClosed   = "closed"    // calls go to the provider
	BreakerOpen     = "open"      // calls go to fallbacks
	BreakerHalfOpen = "half-open" // one call tries
)

// Breakers remember which providers fail, so that the fallbacks of agents are asked at once. An agent's last
// provider is asked in any case: a breaker never makes a call fail. They outlive the Set in force, and are safe for
// concurrent use.
type Breakers struct {
	log   *slog.Logger
	delay time.Duration

	mu         sync.Mutex
	byProvider map[string]*breaker
}

// NewBreakers returns breakers that are closed.
func NewBreakers(log *slog.Logger) *Breakers {
	return &Breakers{log: log, delay: breakerDelay, byProvider: map[string]*breaker{}}
}

// BreakerState is the state of one provider's breaker.
type BreakerState struct {
	Provider string
	State    string
	Code     string    // of the failure that opened it last
	Until    time.Time // when one call may try again; zero unless it is open
}

// Use puts the breakers of a Set in force: the next Set takes them over. Making a Set changes nothing by itself,
// because most are made only to check a change.
func (b *Breakers) Use(s *Set) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.byProvider = s.breakers
}

// States returns the state of every provider that agents in force ask, in the order of their ids.
func (b *Breakers) States() []BreakerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]BreakerState, 0, len(b.byProvider))
	for id, one := range b.byProvider {
		list = append(list, one.stateOf(id))
	}
	slices.SortFunc(list, func(x, y BreakerState) int { return strings.Compare(x.Provider, y.Provider) })
	return list
}

// of returns the breaker of a provider: a new one unless that in force is for the same settings.
func (b *Breakers) of(p Provider) *breaker {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.byProvider[p.ID]; known != nil && reflect.DeepEqual(known.provider, p) {
		return known
	}
	one := &breaker{provider: p}
	changed := func(e circuitbreaker.StateChangedEvent) {
		b.log.Warn("the breaker of a provider has changed", "provider", p.ID,
			"from", e.OldState.String(), "to", e.NewState.String(), "code", one.lastCode())
	}
	one.circuit = circuitbreaker.NewBuilder[any]().WithFailureThreshold(breakerFailures).WithSuccessThreshold(1).
		WithDelay(b.delay).OnStateChanged(changed).Build()
	return one
}

// breaker is that of one provider.
type breaker struct {
	provider Provider
	circuit  circuitbreaker.CircuitBreaker[any]

	mu   sync.Mutex
	code string
}

func (b *breaker) lastCode() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.code
}

func (b *breaker) stateOf(id string) BreakerState {
	s := BreakerState{Provider: id, State: b.circuit.State().String()}
	if left := b.circuit.RemainingDelay(); s.State != BreakerClosed {
		s.Code = b.lastCode()
		if s.State == BreakerOpen {
			s.Until = time.Now().Add(left)
		}
	}
	return s
}

// enter reports whether a call may go to the provider. Each call that may is followed by one of record.
func (b *breaker) enter() bool { return b.circuit.TryAcquirePermit() }

// record counts the outcome of a call that was allowed: the code of its failure, or "" for an answer.
func (b *breaker) record(code string) {
	if !strings.HasPrefix(code, "provider_") || code == problem.CodeProviderRejected {
		b.circuit.RecordSuccess() // it lives, whatever is wrong with the request or the answer
		return
	}
	b.mu.Lock()
	b.code = code
	b.mu.Unlock()
	if code == problem.CodeProviderQuota { // no call helps before somebody has paid
		b.circuit.Open()
		return
	}
	b.circuit.RecordFailure()
}

// recordForced counts the outcome of a call that was made although the breaker is open.
func (b *breaker) recordForced(code string) {
	if code == "" {
		b.circuit.Close()
	}
}

// abandon ends a call that was allowed and was stopped before it had an outcome.
func (b *breaker) abandon() {
	if b.circuit.IsHalfOpen() {
		b.circuit.RecordFailure() // the next one tries after another delay
	}
}
