package agents

import (
	"log/slog"
	"maps"
	"slices"
	"time"
)

// NewBreakersAfter is NewBreakers with another time until one call may try again.
func NewBreakersAfter(delay time.Duration) *Breakers {
	b := NewBreakers(slog.New(slog.DiscardHandler))
	b.delay = delay
	return b
}

// IDs returns the ids of all that can be invoked, in order.
func (s *Set) IDs() []string { return slices.Sorted(maps.Keys(s.entries)) }
