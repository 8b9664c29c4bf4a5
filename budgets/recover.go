package budgets

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/store"
)

const (
	recoverBatch = 200 // reservations that are recovered in one transaction
	removeEvery  = time.Minute
	keepWindows  = 40 * 24 * time.Hour // after their end
	keepUnknown  = 24 * time.Hour      // the windows of runs that are not on record
)

// Owners implements work.Claimant.
func (s *Service) Owners(ctx context.Context) ([]string, error) { return s.storage.owners(ctx) }

// RecoverFrom implements work.Claimant. What a dead instance has reserved counts as used: its requests may have
// been sent, and then the provider asks for their price.
func (s *Service) RecoverFrom(ctx context.Context, instance string, confirm func(tx store.Tx) error) error {
	for {
		rows, err := s.storage.reservedBy(ctx, instance, recoverBatch)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := s.settleRows(ctx, rows, confirm, true); err != nil {
			return err
		}
	}
}

// Reconcile implements work.Claimant. It releases the reservations that this instance has on record and does not
// hold: the commit was in doubt, and no request was sent.
func (s *Service) Reconcile(ctx context.Context) error {
	rows, err := s.storage.reservedBy(ctx, s.instance(), recoverBatch)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r reservationRow) bool { return s.held.Has(r.ID) })
	if len(rows) == 0 {
		return nil
	}
	return s.settleRows(ctx, rows, func(store.Tx) error { return nil }, false)
}

// settleRows ends reservations: all that they hold is used, or nothing.
func (s *Service) settleRows(
	ctx context.Context, rows []reservationRow, confirm func(tx store.Tx) error, areUsed bool,
) error {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	return s.Store.Write(ctx, func(tx store.Tx) error {
		if err := confirm(tx); err != nil {
			return err
		}
		there, err := s.storage.remove(tx, ids)
		if err != nil {
			return err
		}
		sums := map[string]int64{}
		for _, row := range rows {
			var amounts map[string]int64
			if err := json.Unmarshal([]byte(row.Amounts), &amounts); err != nil || !there[row.ID] {
				continue // what cannot be read holds nothing that can be told
			}
			for id, amount := range amounts {
				sums[id] += amount
			}
		}
		return s.storage.end(tx, slices.Sorted(maps.Keys(sums)), sums, areUsed)
	})
}

// remove deletes the windows that are over.
func (s *Service) remove(ctx context.Context) error {
	now := s.Now()
	s.mu.Lock()
	maps.DeleteFunc(s.known, func(_ string, k known) bool { return k.endsAt < now.UnixMilli() })
	s.mu.Unlock()
	var oldest ulid.ULID
	if err := oldest.SetTime(ulid.Timestamp(now.Add(-keepUnknown))); err != nil {
		return err
	}
	return s.storage.removeOld(ctx, now.Add(-keepWindows).UnixMilli(), "run_"+oldest.String())
}
