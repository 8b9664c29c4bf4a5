package deliveries

import (
	"context"

	"beckon/internal/store"
)

// Owners implements work.Claimant.
func (s *Service) Owners(ctx context.Context) ([]string, error) { return s.storage.owners(ctx) }

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
	rows, err := s.storage.claims(ctx, s.Work.ID())
	if err != nil {
		return err
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
