package deliveries

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/work"
)

const (
	sweepEvery  = time.Second
	countEvery  = 5 * time.Second
	retainEvery = time.Minute
	retainBatch = 200 // deliveries that one transaction deletes: others wait for it
	expireBatch = 100
)

// register has the instance take up what is due, and delete what is old.
func (s *Service) register(w *work.Instance) {
	w.Claims(s)
	if !s.SendsNothing {
		w.Go(s.sendArrivals)
		w.Go(s.sweepWhenWoken)
		w.Every(sweepEvery, "take up the deliveries that are due", func(ctx context.Context) error {
			s.lanes.forgetIdle()
			return s.sweep(ctx)
		})
	}
	w.Every(countEvery, "count the deliveries that wait", s.count)
	if s.Retention != nil {
		w.Every(retainEvery, "delete old deliveries", func(ctx context.Context) error {
			return s.retain(ctx, s.Now().Add(-s.Retention()))
		})
	}
}

func (s *Service) sweepWhenWoken(ctx context.Context) {
	s.lanes.wake()
	trouble := work.Trouble{Log: s.Log, Name: "take up the deliveries that are due"}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.lanes.woken:
			trouble.Note(s.sweep(ctx))
		}
	}
}

// sweep has every lane in which something is due take it up, and ends what has waited for too long.
func (s *Service) sweep(ctx context.Context) error {
	for lane := ""; ; {
		var err error
		if lane, err = s.storage.nextLane(ctx, lane, s.Now()); err != nil || lane == "" {
			return err
		}
		if closed := s.lanes.due(lane); closed {
			if err := s.expire(ctx, lane); err != nil {
				return err
			}
		}
	}
}

// expire ends the deliveries that have waited for a disabled endpoint for too long.
func (s *Service) expire(ctx context.Context, lane string) error {
	why := outcome{Attempt: Attempt{Error: &problem.Failure{
		Code: "endpoint_disabled",
		Message: "The endpoint was disabled, or gone, for the 24 hours that the delivery waited for it. Enable it, " +
			"and recover what has failed.",
	}}}
	for {
		var rows []row
		err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
			now := s.Now()
			if rows, err = s.storage.expire(tx, lane, now.Add(-WaitFor), now, *why.Error, expireBatch); err != nil {
				return err
			}
			for i := range rows {
				why.Number = rows[i].Attempts
				if err := s.contentEnds(tx, rows[i]); err != nil {
					return err
				}
				if err := s.exhausted(tx, &claimed{row: rows[i]}, why); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("end deliveries to a disabled endpoint: %w", err)
		}
		if len(rows) == 0 {
			return nil
		}
	}
}

func (s *Service) count(ctx context.Context) error {
	n, err := s.storage.countPending(ctx)
	if err == nil {
		s.Metrics.Pending(n)
	}
	return err
}

// retain deletes the deliveries that are older than a time and have ended, with their attempts, and the threads
// that have had no message since.
func (s *Service) retain(ctx context.Context, before time.Time) error {
	limit := idPrefix + oldest(before)
	for _, remove := range []func(tx store.Tx) (int, error){
		func(tx store.Tx) (int, error) { return s.storage.deleteEnded(tx, limit, retainBatch) },
		func(tx store.Tx) (int, error) { return s.storage.forgetThreads(tx, before, retainBatch) },
	} {
		for n := retainBatch; n == retainBatch; {
			began := time.Now()
			err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
				n, err = remove(tx)
				return err
			})
			if err == nil {
				err = work.Rest(ctx, time.Since(began))
			}
			if err != nil {
				return fmt.Errorf("delete old deliveries: %w", err)
			}
		}
	}
	return nil
}

// oldest is the smallest ULID of a moment.
func oldest(t time.Time) string {
	var id ulid.ULID
	_ = id.SetTime(uint64(max(t.UnixMilli(), 0))) // fails in the year 10889
	return id.String()
}

// firstID is less than the ids of all deliveries that were made since a time, so that the older ones need not be read.
func firstID(since time.Time) string { return idPrefix + oldest(since.Add(-time.Minute)) }
