package deliveries

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"gorm.io/gorm"
)

const (
	sweepEvery  = 5 * time.Second
	retainEvery = time.Minute
	retainBatch = 200 // deliveries that one transaction deletes: others wait for it
	expireBatch = 100
)

// Keep takes up what is due and has no job: what dead processes have left, what waited for an endpoint, and what a lane
// had no room for. It deletes what is older than retention. Rest ends it.
func (s *Service) Keep(ctx context.Context, retention func() time.Duration) {
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopKeep = stop
	s.wake()
	s.keepers.Go(func() {
		sweep, retain := time.NewTicker(sweepEvery), time.NewTicker(retainEvery)
		defer sweep.Stop()
		defer retain.Stop()
		for {
			var err error
			select {
			case <-keeping.Done():
				return
			case <-s.woken:
				err = s.sweep(keeping)
			case <-sweep.C:
				s.sweepLanes()
				s.count(keeping)
				err = s.sweep(keeping)
			case <-retain.C:
				err = s.retain(keeping, s.Now().Add(-retention()))
			}
			if err != nil && keeping.Err() == nil {
				s.Log.Error("the deliveries could not be looked after; it is tried again", "error", err)
			}
		}
	})
}

// Rest ends what Keep has begun.
func (s *Service) Rest() {
	if s.stopKeep != nil {
		s.stopKeep()
		s.keepers.Wait()
	}
}

// wake has a look at what is due.
func (s *Service) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// sweep has every lane in which something is due take it up, and ends what has waited for too long.
func (s *Service) sweep(ctx context.Context) error {
	for lane := ""; ; {
		var err error
		if lane, err = s.storage.nextLane(ctx, lane, s.Now()); err != nil || lane == "" {
			return err
		}
		s.mu.Lock()
		open := s.open(lane)
		if open {
			l := s.lane(lane)
			l.more = true
			s.leaveLocked(l, 0)
		}
		closed := s.closed
		s.mu.Unlock()
		if !open && !closed {
			if err := s.expire(ctx, lane); err != nil {
				return err
			}
		}
	}
}

// expire ends the deliveries that have waited for a disabled endpoint for too long.
func (s *Service) expire(ctx context.Context, lane string) error {
	why := outcome{Attempt: Attempt{Error: &Failure{"endpoint_disabled", "The endpoint was disabled, or gone, for the 24 hours that the delivery waited for it. Enable it, and recover what has failed."}}}
	for {
		var rows []row
		err := s.Store.Write(ctx, func(tx *gorm.DB) error {
			rows = nil
			var ids []string
			now := s.Now()
			err := tx.Raw("SELECT id FROM deliveries WHERE lane = ? AND status = 'PENDING' AND due_at < ? ORDER BY due_at LIMIT ?", lane, now.Add(-WaitFor).UnixMilli(), expireBatch).Scan(&ids).Error
			if err != nil || len(ids) == 0 {
				return err
			}
			err = tx.Raw("UPDATE deliveries SET status = 'FAILED', error_code = ?, error = ?, completed_at = ? WHERE id IN (?) AND status = 'PENDING' RETURNING *",
				why.Error.Code, why.Error.Message, now.UnixMilli(), ids).Scan(&rows).Error
			if err != nil {
				return err
			}
			for i := range rows {
				why.Number = rows[i].Attempts
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

// Inherit lets deliveries be sent again that were claimed by processes that are not alive. A process that is new is seen
// twice before it is taken for dead: it may have come up since alive was read.
func (s *Service) Inherit(ctx context.Context, alive []string) error {
	var others []string
	err := s.Store.Read(ctx).Raw("SELECT DISTINCT instance_id FROM deliveries WHERE status = 'SENDING' AND instance_id NOT IN (?)", append(alive, s.Instance)).Scan(&others).Error
	if err != nil {
		return fmt.Errorf("look for deliveries of dead processes: %w", err)
	}
	seen := s.suspects
	s.suspects = map[string]bool{}
	for _, instance := range others {
		if s.suspects[instance] = true; !seen[instance] && s.Store.Shared() {
			continue
		}
		var n int64
		err := s.Store.Write(ctx, func(tx *gorm.DB) (err error) {
			n, err = s.storage.release(tx, instance)
			return err
		})
		if err != nil {
			return err
		}
		s.Log.Info("took over the deliveries of a dead process", "instance", instance, "deliveries", n)
		s.wake()
	}
	return nil
}

func (s *Service) count(ctx context.Context) {
	var n int64
	if s.Store.Read(ctx).Raw("SELECT COUNT(*) FROM deliveries WHERE status = 'PENDING'").Scan(&n).Error == nil {
		s.Metrics.Pending(n)
	}
}

// retain deletes the deliveries that are older than a time and have ended, with their attempts.
func (s *Service) retain(ctx context.Context, before time.Time) error {
	limit := idPrefix + oldest(before)
	for n := retainBatch; n == retainBatch; {
		err := s.Store.Write(ctx, func(tx *gorm.DB) error {
			var ids []string
			err := tx.Raw("SELECT id FROM deliveries WHERE id < ? AND status IN ('DELIVERED', 'FAILED') ORDER BY id LIMIT ?", limit, retainBatch).Scan(&ids).Error
			if n = len(ids); err != nil || n == 0 {
				return err
			}
			for _, where := range []string{"attempts WHERE delivery_id", "deliveries WHERE id"} {
				if err := tx.Exec("DELETE FROM "+where+" IN (?)", ids).Error; err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("delete old deliveries: %w", err)
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
