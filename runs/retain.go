package runs

import (
	"context"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/store"
	"beckon/internal/work"
)

const (
	// retainBatch bounds what one transaction deletes in SQLite, where calls wait for it.
	retainBatch = 50
	// sharedRetainBatch does so in PostgreSQL, where they do not, and many small transactions cost more than a few:
	// see decision 056. With more, PostgreSQL reads all of a small table rather than look so many runs up.
	sharedRetainBatch = 200
	// deltaLife is how long pieces of text are kept behind the end of their run, for followers that are behind.
	deltaLife = 30 * time.Second
	// oldestPieces bounds the runs whose pieces one transaction removes.
	oldestPieces = 200
)

// trim removes the pieces of text of runs that have ended.
func (s *Service) trim(ctx context.Context) error {
	for {
		var removed int64
		err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
			removed, err = deletePieces(tx, time.Now().Add(-deltaLife))
			return err
		})
		if err != nil || removed == 0 {
			return err
		}
	}
}

// retain deletes the runs that were begun before a time and have ended, with all that belongs to them, and the
// idempotency keys that are over. A run of whose events somebody is still to be told is kept until then.
func (s *Service) retain(ctx context.Context, before time.Time) error {
	limit, batch := "run_"+oldest(before), retainBatch
	if s.Store.Shared() {
		batch = sharedRetainBatch
	}
	for after, last, n := "", "", batch; n == batch; after = last {
		began := time.Now()
		err := s.Store.Write(ctx, func(tx store.Tx) error {
			ids, err := endedBetween(tx, after, limit, batch)
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			last = ids[n-1]
			needed, err := s.Events.Pending(tx, ids)
			if err != nil {
				return err
			}
			ids = slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(needed, id) })
			if len(ids) == 0 {
				return nil
			}
			return s.delete(tx, ids)
		})
		if err == nil {
			err = work.Rest(ctx, time.Since(began))
		}
		if err != nil {
			return err
		}
	}
	if err := s.Store.Write(ctx, func(tx store.Tx) error { return deleteKeys(tx, time.Now()) }); err != nil {
		return err
	}
	return s.Store.GiveSpaceBack(ctx, work.Rest)
}

// oldest is the smallest ULID of a moment.
func oldest(t time.Time) string {
	var id ulid.ULID
	_ = id.SetTime(uint64(max(t.UnixMilli(), 0))) // fails in the year 10889
	return id.String()
}
