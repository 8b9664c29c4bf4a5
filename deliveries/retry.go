package deliveries

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"gopkg.in/yaml.v3"

	"beckon/internal/problem"
	"beckon/internal/units"
)

// Retry says when to try again: a policy by name, or the waits themselves. The zero value is the default policy.
type Retry struct {
	Policy string
	Waits  []units.Duration
}

// The policies that have a name; one that is not named is Svix.
const (
	RetrySvix        = "svix"        // 5s 5m 30m 2h 8h
	RetryExponential = "exponential" // 1s 2s 4s 8s … and a last time after 24 h
	RetryFast        = "fast"        // 1s 2s 4s 8s 16s, then every 30s, ten attempts in all
)

var policies = []string{"", RetrySvix, RetryExponential, RetryFast}

// The bounds of waits.
const (
	maxWaits       = 50
	maxWait        = 7 * 24 * time.Hour
	exponentialFor = 24 * time.Hour // after the first attempt
	jitter         = 0.2
)

var (
	svixWaits = []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 8 * time.Hour}
	fastWaits = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second,
		30 * time.Second, 30 * time.Second, 30 * time.Second, 30 * time.Second}
)

// IsZero reports whether no policy is set.
func (r Retry) IsZero() bool { return r.Policy == "" && len(r.Waits) == 0 }

// Check returns the mistakes in the policy.
func (r Retry) Check() (found problem.Fields) {
	if !slices.Contains(policies, r.Policy) {
		found.Add("", "must be svix, exponential, fast or a list of durations, not %q", r.Policy)
	}
	if len(r.Waits) > maxWaits {
		found.Add("", "has %d waits; %d are allowed", len(r.Waits), maxWaits)
	}
	for i, wait := range r.Waits {
		if wait <= 0 || time.Duration(wait) > maxWait {
			found.Add(fmt.Sprintf("[%d]", i), "must be more than 0 and at most %s", units.Duration(maxWait))
		}
	}
	return found
}

// next says how long to wait after so many attempts, the first of which was at the given time, and whether there is
// another one at all. random is in [0, 1) and spreads the waits by a fifth to either side, so that receivers who come
// back are not met by all at once.
func (r Retry) next(made int, first, now time.Time, random float64) (wait time.Duration, again bool) {
	i := max(made, 1) - 1
	spread := func(wait time.Duration) time.Duration {
		return time.Duration(float64(wait) * (1 - jitter + 2*jitter*random))
	}
	if len(r.Waits) == 0 && r.Policy == RetryExponential {
		// The last wait is cut, so that a receiver who is back within the 24 hours gets it.
		if left := first.Add(exponentialFor).Sub(now); left > time.Minute {
			return min(spread(doubled(i)), left), true
		}
		return 0, false
	}
	waits := r.list()
	if i >= len(waits) {
		return 0, false
	}
	return spread(waits[i]), true
}

func (r Retry) list() []time.Duration {
	switch {
	case len(r.Waits) > 0:
		waits := make([]time.Duration, len(r.Waits))
		for i, wait := range r.Waits {
			waits[i] = time.Duration(wait)
		}
		return waits
	case r.Policy == RetryFast:
		return fastWaits
	}
	return svixWaits
}

func doubled(times int) time.Duration {
	return time.Duration(min(float64(time.Second)*math.Pow(2, float64(times)), float64(exponentialFor)))
}

func (r Retry) value() any {
	if len(r.Waits) > 0 {
		return r.Waits
	}
	return r.Policy
}

// TextOrList says what a file may have here: the name of a policy, or waits.
func (r *Retry) TextOrList() (text *string, list any, what string) {
	return &r.Policy, &r.Waits, "svix, exponential, fast or a list of durations"
}

// MarshalYAML writes the name or the list.
func (r Retry) MarshalYAML() (any, error) { return r.value(), nil }

// MarshalJSON writes the name or the list.
func (r Retry) MarshalJSON() ([]byte, error) { return json.Marshal(r.value()) }

// UnmarshalYAML reads a name or a list.
func (r *Retry) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode(&r.Waits)
	}
	return node.Decode(&r.Policy)
}

// UnmarshalJSON reads a name or a list.
func (r *Retry) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, &r.Waits)
	}
	return json.Unmarshal(data, &r.Policy)
}
