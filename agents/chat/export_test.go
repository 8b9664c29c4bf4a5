package chat

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"beckon/agents"
	"beckon/internal/egress"
)

// NewWaiting is New with another way of waiting between attempts.
func NewWaiting(transport http.RoundTripper, log *slog.Logger, wait func(context.Context, time.Duration) error) agents.Factory {
	return newFactory(transport, log, paceOf(wait))
}

// NewMediaWaiting is NewMedia with another way of waiting between attempts.
func NewMediaWaiting(out agents.Fetcher, wait func(context.Context, time.Duration) error) map[string]agents.Factory {
	return newMedia(http.DefaultTransport, out, slog.New(slog.DiscardHandler), paceOf(wait))
}

func paceOf(wait func(context.Context, time.Duration) error) egress.Pace {
	p := egress.NewPace()
	p.Wait = wait
	return p
}

// Mask is mask.
func Mask(text, hidden string, window int) string { return mask(text, hidden, window) }

// Waits are those after the first attempts, with nothing asked for.
func Waits(attempts int) (list []time.Duration) {
	p := egress.NewPace()
	for i := range attempts {
		list = append(list, p.After(i+1, 0))
	}
	return list
}
