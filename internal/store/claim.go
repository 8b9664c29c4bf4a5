package store

import (
	"fmt"

	"github.com/gofrs/flock"
)

// Claim makes this process the one gateway that works on a SQLite file, until Close. An error says that another one
// does. PostgreSQL may have any number of them.
func (s *Store) Claim() error {
	if s.Shared() {
		return nil
	}
	lock := flock.New(s.file + ".serving")
	got, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock %s.serving: %w", s.file, err)
	}
	if !got {
		return fmt.Errorf("another Beckon serves %s already: end it, or use PostgreSQL for several of them", s.file)
	}
	s.closers = append(s.closers, lock.Close)
	return nil
}
