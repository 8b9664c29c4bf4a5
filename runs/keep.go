package runs

import (
	"context"
	"time"

	"gorm.io/gorm"

	"beckon/events"
)

// How often a process looks after what others, or its own past, have left.
const (
	cancelsEvery  = 500 * time.Millisecond
	countEvery    = time.Second
	recoverEvery  = 5 * time.Second
	trimEvery     = 10 * time.Second
	retainEvery   = time.Minute
	forgetTimeout = 5 * time.Second
)

// Keep makes the runs of this process ones that others look after should it die, and looks after theirs. Runs that a
// dead process has left are recovered before it returns. Rest ends it.
func (s *Service) Keep(ctx context.Context, retention func() time.Duration) error {
	if _, err := s.storage.beat(ctx, s.instance); err != nil {
		return err
	}
	if err := s.recover(ctx); err != nil {
		return err
	}
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopKeep = stop
	s.keep(keeping, beatEvery, s.beat)
	s.keep(keeping, countEvery, s.countQueue)
	s.keep(keeping, recoverEvery, func(ctx context.Context) {
		if err := s.recover(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("the runs of dead processes could not be looked after; it is tried again", "error", err)
		}
	})
	s.keep(keeping, trimEvery, s.trim)
	s.keep(keeping, retainEvery, func(ctx context.Context) { s.retain(ctx, time.Now().Add(-retention())) })
	if s.Store.Shared() {
		s.keep(keeping, cancelsEvery, s.lookForCancels)
		s.keep(keeping, events.LookEvery, s.Events.Look)
	}
	return nil
}

// Rest ends what Keep has begun. It comes after Drain: until then this process must be seen to live.
func (s *Service) Rest() {
	if s.stopKeep == nil {
		return
	}
	s.stopKeep()
	s.keepers.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), forgetTimeout)
	defer cancel()
	if err := s.Store.Write(ctx, func(tx *gorm.DB) error { return forget(tx, s.instance) }); err != nil {
		s.Log.Warn("this instance could not say that it ends; others find out", "error", err)
	}
}

// keep calls look every so often until ctx ends.
func (s *Service) keep(ctx context.Context, every time.Duration, look func(context.Context)) {
	s.keepers.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				look(ctx)
			}
		}
	})
}

func (s *Service) beat(ctx context.Context) {
	wasDead, err := s.storage.beat(ctx, s.instance)
	switch {
	case err != nil && ctx.Err() == nil:
		s.Log.Error("this instance cannot say that it is alive", "error", err)
	case wasDead:
		s.Log.Error("this instance was taken for dead, and its runs are others' now: it was stopped, or could not reach the database", "instance", s.instance)
		s.dropLost(ctx)
	}
}

// dropLost stops the work on runs that are not this instance's any more.
func (s *Service) dropLost(ctx context.Context) {
	var ids []string
	if err := s.Store.Read(ctx).Raw("SELECT id FROM runs WHERE instance_id = ? AND status = 'RUNNING'", s.instance).Scan(&ids).Error; err != nil {
		return
	}
	own := make(map[string]bool, len(ids))
	for _, id := range ids {
		own[id] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, a := range s.byID {
		select {
		case <-a.recorded:
			if !own[id] {
				a.cancel(errEnded)
			}
		default: // it is about to be written as this instance's own
		}
	}
}

func (s *Service) countQueue(ctx context.Context) {
	if n, err := s.storage.countQueued(ctx); err == nil {
		s.waiting.Store(n)
		s.Metrics.Queued(n)
	}
}
