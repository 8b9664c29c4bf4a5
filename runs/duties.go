package runs

import (
	"context"
	"time"

	"beckon/events"
	"beckon/internal/work"
)

// How often a service does what it does periodically.
const (
	cancelsEvery = 500 * time.Millisecond
	countEvery   = time.Second
	trimEvery    = 10 * time.Second
	retainEvery  = time.Minute
)

// register has the instance do what outlives single runs.
func (s *Service) register(w *work.Instance) {
	w.Claims(s)
	if !s.LeavesQueue {
		w.Go(s.dispatch)
	}
	w.Every(countEvery, "count the runs that wait", s.countQueue)
	w.Every(expireEvery, "deny calls that nobody has allowed in time", s.expireApprovals)
	w.Every(sealedEvery, "drop the content that nobody needs", s.dropSealed)
	w.Every(trimEvery, "remove the streamed text of ended runs", s.trim)
	w.Every(rollUpEvery, "write down how many runs there were", s.Statistics.RollUp)
	if s.Retention != nil {
		w.Every(retainEvery, "delete old runs", func(ctx context.Context) error {
			return s.retain(ctx, time.Now().Add(-s.Retention()))
		})
	}
	if s.Store.Shared() {
		w.Every(cancelsEvery, "look for canceled runs", s.lookForCancels)
		w.Every(events.LookEvery, "look for events of other processes", s.Events.Look)
	}
}

func (s *Service) countQueue(ctx context.Context) error {
	n, err := s.storage.countQueued(ctx)
	if err == nil {
		s.waiting.Store(n)
		s.Metrics.Queued(n)
	}
	return err
}
