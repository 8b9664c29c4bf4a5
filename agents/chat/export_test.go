package chat

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"beckon/agents"
)

// NewWaiting is New with another way of waiting between attempts.
func NewWaiting(transport http.RoundTripper, log *slog.Logger, wait func(context.Context, time.Duration) error) agents.Factory {
	return newFactory(transport, log, pace{first: firstWait, most: mostWait, wait: wait})
}

// Mask is mask.
func Mask(text, hidden string, window int) string { return mask(text, hidden, window) }

// Waits are those after the first attempts, with nothing asked for.
func Waits(attempts int) (list []time.Duration) {
	p := pace{first: firstWait, most: mostWait}
	for i := range attempts {
		list = append(list, p.after(i+1, 0))
	}
	return list
}
