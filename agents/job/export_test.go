package job

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"beckon/agents"
	"beckon/internal/egress"
)

// NewWaiting is New with another way of waiting between attempts.
func NewWaiting(out agents.Fetcher, log *slog.Logger, wait func(context.Context, time.Duration) error) agents.AgentFactory {
	pace := egress.NewPace()
	pace.Wait = wait
	return newFactory(http.DefaultTransport.(*http.Transport).Clone(), out, log, pace)
}
