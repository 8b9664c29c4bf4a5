package deliveries

import (
	"context"
	"fmt"

	"beckon/internal/store"
)

// Owners implements work.Claimant.
func (s *Service) Owners(ctx context.Context) (ids []string, err error) {
	ids, err = store.Rows[string](s.Store.Read(ctx), "SELECT DISTINCT instance_id FROM deliveries WHERE status = 'SENDING'")
	if err != nil {
		return nil, fmt.Errorf("look for the owners of deliveries: %w", err)
	}
	return ids, nil
}

// RecoverFrom implements work.Claimant: what a dead instance was sending is sent again.
func (s *Service) RecoverFrom(ctx context.Context, instance string, confirm func(tx store.Tx) error) error {
	var n int64
	err := s.Store.Write(ctx, func(tx store.Tx) (err error) {
		if err := confirm(tx); err != nil {
			return err
		}
		n, err = s.storage.releaseAll(tx, instance)
		return err
	})
	if err == nil && n > 0 {
		s.lanes.wake()
	}
	return err
}

// Reconcile implements work.Claimant. It releases the deliveries that this process has claimed and does not hold: the
// commit of their claim was in doubt, or the outcome of an attempt could not be recorded.
func (s *Service) Reconcile(ctx context.Context) error {
	rows, err := store.Rows[row](s.Store.Read(ctx), "SELECT id, claim FROM deliveries WHERE instance_id = ? AND status = 'SENDING'", s.Work.ID())
	if err != nil {
		return fmt.Errorf("list the deliveries of this instance: %w", err)
	}
	var orphans []row
	for _, w := range rows {
		if !s.held.Has(w.ID) {
			orphans = append(orphans, w)
		}
	}
	if len(orphans) == 0 {
		return nil
	}
	err = s.Store.Write(ctx, func(tx store.Tx) error {
		for _, w := range orphans {
			if err := s.storage.release(tx, w.ID, w.Claim); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.lanes.wake()
	}
	return err
}
