package store

import (
	"context"
	"fmt"

	"github.com/gofrs/flock"
)

// Claim makes this process a gateway of the database until Close, and watches the database for Health. A SQLite
// file has one gateway, by whichever name it was opened: an error says that there is another one. PostgreSQL may
// have any number of them.
func (s *Store) Claim() error {
	if !s.Shared() {
		if err := s.claimFile(); err != nil {
			return err
		}
	}
	s.closers = append([]func() error{s.watch()}, s.closers...)
	return nil
}

// claimFile takes two locks: one on a file beside the database, which exists everywhere, and one on the database
// itself, which also holds when the file was moved or is mounted in two places.
func (s *Store) claimFile() error {
	lock := flock.New(s.file.path + ".serving")
	free, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock %s.serving: %w", s.file.path, err)
	}
	s.closers = append(s.closers, lock.Close)
	if free {
		if free, err = s.file.lockServing(); err != nil {
			return fmt.Errorf("lock %s: %w", s.file.path, err)
		}
	}
	if !free {
		return fmt.Errorf("another Beckon serves %s already: end it, or use PostgreSQL for several of them",
			s.file.path)
	}
	return nil
}

// ClaimIdle keeps gateways from the database until Close where that can be done, which is SQLite, and returns
// ErrInUse when one works on it now.
func (s *Store) ClaimIdle(ctx context.Context) error {
	if s.Shared() {
		served, err := isServedPostgres(ctx, s.read)
		if err == nil && served {
			err = ErrInUse
		}
		return err
	}
	if err := s.claimFile(); err != nil {
		return ErrInUse
	}
	return nil
}
