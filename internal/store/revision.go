package store

import (
	"context"
	"fmt"

	"gorm.io/gorm"
)

// Touch tells every running gateway that resources or tokens have changed. Whoever changes them calls it in the same
// transaction.
func Touch(tx *gorm.DB) error {
	return tx.Exec("UPDATE revision SET value = value + 1 WHERE id = 1").Error
}

// TouchAt is Touch for a change that was made for a revision; false says that something else has changed since.
func TouchAt(tx *gorm.DB, revision int64) (bool, error) {
	done := tx.Exec("UPDATE revision SET value = value + 1 WHERE id = 1 AND value = ?", revision)
	return done.RowsAffected == 1, done.Error
}

// Revision returns a number that grows with every change of resources or tokens.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	var value int64
	if err := s.Read(ctx).Raw("SELECT value FROM revision WHERE id = 1").Scan(&value).Error; err != nil {
		return 0, fmt.Errorf("read the revision: %w", err)
	}
	return value, nil
}

// Empty reports whether nobody has named anything yet.
func (s *Store) Empty(ctx context.Context) (bool, error) {
	var n int64
	if err := s.Read(ctx).Raw("SELECT COUNT(*) FROM resources").Scan(&n).Error; err != nil {
		return false, fmt.Errorf("count the resources: %w", err)
	}
	return n == 0, nil
}
