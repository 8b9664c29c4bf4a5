package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"beckon/internal/problem"
)

const (
	watchEvery = time.Second
	// quietAfter is when a database that nobody writes to is tried. It is longer than the pause between the heartbeats
	// of a gateway, which are all that is written in a quiet one.
	quietAfter = 4 * time.Second
	// stalledAfter is how long a write may take in which no other one ends.
	stalledAfter = 2 * time.Second
	// trustedAfter is how long no write may have failed for want of a disk until one that works is believed: small
	// writes may still find room on a disk that is full.
	trustedAfter = 4 * time.Second
)

var errStalled = errors.New("a write does not end")

// health is what is known of the database from its writes.
type health struct {
	mu      sync.Mutex
	ended   time.Time // when the last write worked, or failed because of the database
	failed  time.Time // when the last one failed
	failure error     // of that one; nil when writes work again
	probing time.Time // since when a write of the watch is under way; zero for none
}

// Health returns nil if the database is reachable and accepts writes. Otherwise the error says why not. After a
// write failed because of the database, Health fails until a write succeeds; a claimed database is tried every
// second until then.
func (s *Store) Health(ctx context.Context) error {
	if err := s.failure(); err != nil {
		return err
	}
	return s.Read(ctx).Exec("SELECT 1")
}

// Failing returns why the database cannot be used, nil where nothing is known against it. It does not ask the database.
func (s *Store) Failing() error { return s.failure() }

// failure is why the database cannot be used, from what is known without asking it.
func (s *Store) failure() error {
	if s.file != nil {
		if err := s.file.check(time.Now()); err != nil {
			return err
		}
	}
	s.health.mu.Lock()
	err := s.health.failure
	s.health.mu.Unlock()
	if err == nil {
		return nil
	}
	why := trouble(err)
	if errors.Is(err, errStalled) {
		why = "a write takes very long"
	}
	return problem.New(problem.Unavailable, codeUnavailable,
		"Beckon cannot write to its database: %s. It is ready again as soon as a write succeeds.",
		why).After(retryStorage).Because(err)
}

// noteOutcome notes what became of a write, and returns it as its caller is told of it.
func (s *Store) noteOutcome(ctx context.Context, err error) error {
	now := time.Now()
	if err == nil && s.file != nil {
		err = s.file.check(now) // what a file has taken that has no name any more is lost
	}
	why := trouble(err)
	switch {
	case err == nil:
		s.health.record(now, nil)
	case why == connectionFailed && ctx.Err() != nil:
		return fmt.Errorf("%w: %w", context.Cause(ctx), err) // it was closed because the caller has left
	case why != "":
		s.health.record(now, err)
	}
	return classify(err)
}

// record takes in that a write worked, or failed because of the database.
func (h *health) record(now time.Time, failure error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = now
	switch {
	case failure != nil:
		h.failure, h.failed = failure, now
	case h.failure == nil:
	case trouble(h.failure) == connectionFailed, now.Sub(h.failed) >= trustedAfter:
		h.failure = nil
	}
}

// watch looks after the database until it is told to stop: whether the file is where it was, and whether writes work
// when they have failed or when there are none. It logs when that changes.
func (s *Store) watch() (stop func() error) {
	s.health.record(time.Now(), nil) // it has been migrated
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		var down time.Time
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				s.probe(ctx, &work)
				down = s.logChange(down)
			}
		}
	})
	return func() error {
		cancel()
		work.Wait()
		return nil
	}
}

// probe writes something where it is in doubt whether that works, unless such a write is under way.
func (s *Store) probe(ctx context.Context, work *sync.WaitGroup) {
	h := &s.health
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	switch {
	case !h.probing.IsZero():
		if now.Sub(h.probing) >= stalledAfter && now.Sub(h.ended) >= stalledAfter && h.failure == nil {
			h.failure = errStalled
		}
		return
	case h.failure == nil && now.Sub(h.ended) < quietAfter:
		return
	}
	h.probing = now
	work.Go(func() {
		_ = s.Write(ctx, touchNothing) // which notes what becomes of it
		h.mu.Lock()
		h.probing = time.Time{}
		h.mu.Unlock()
	})
}

// touchNothing changes a row and changes it back. Both databases write that, and nobody sees it.
func touchNothing(tx Tx) error {
	if err := tx.Exec("UPDATE revision SET value = value + 1 WHERE id = 1"); err != nil {
		return err
	}
	return tx.Exec("UPDATE revision SET value = value - 1 WHERE id = 1")
}

// logChange logs when the database could not be used any more, and when it can be used again. down is since when it
// cannot.
func (s *Store) logChange(down time.Time) time.Time {
	err := s.failure()
	switch {
	case err != nil && down.IsZero():
		s.log.Error("the database cannot be used: calls get 503, and /readyz says why", slog.Any("error", err))
		return time.Now()
	case err == nil && !down.IsZero():
		s.log.Info("the database can be used again", slog.Duration("after", time.Since(down)))
		return time.Time{}
	}
	return down
}

// ServerTime is what time it is for the server of PostgreSQL.
func (s *Store) ServerTime(ctx context.Context) (time.Time, error) {
	millis, _, err := Row[int64](s.Read(ctx), "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
	return time.UnixMilli(millis), Wrap(err, "ask the database for the time")
}
