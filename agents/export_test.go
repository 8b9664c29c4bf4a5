package agents

import (
	"log/slog"
	"time"
)

// NewBreakersAfter is NewBreakers with another time until one call may try again.
func NewBreakersAfter(delay time.Duration) *Breakers {
	b := NewBreakers(slog.New(slog.DiscardHandler))
	b.delay = delay
	return b
}
