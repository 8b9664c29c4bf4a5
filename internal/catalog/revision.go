package catalog

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"beckon/internal/secret"
	"beckon/internal/store"
)

// Touch tells every running gateway that resources, or what belongs to them, have changed. It commits with the change.
func Touch(tx *gorm.DB) error {
	return tx.Exec("UPDATE revision SET value = value + 1 WHERE id = 1").Error
}

// touchAt is Touch for a change that was made for a revision; false says that something else has changed since.
func touchAt(tx *gorm.DB, revision int64) (bool, error) {
	done := tx.Exec("UPDATE revision SET value = value + 1 WHERE id = 1 AND value = ?", revision)
	return done.RowsAffected == 1, done.Error
}

func revisionIn(db *gorm.DB) (value int64, err error) {
	if err := db.Raw("SELECT value FROM revision WHERE id = 1").Scan(&value).Error; err != nil {
		return 0, fmt.Errorf("read the revision: %w", err)
	}
	return value, nil
}

// Revision returns a number that grows with every change of resources and of what belongs to them.
func Revision(ctx context.Context, s *store.Store) (int64, error) { return revisionIn(s.Read(ctx)) }

// IsEmpty reports whether the database has no resources yet.
func IsEmpty(ctx context.Context, s *store.Store) (bool, error) {
	return hasNone(ctx, s, "SELECT COUNT(*) FROM resources")
}

// HasSealed reports whether any resource has a sealed secret, which only the key that sealed it opens.
func HasSealed(ctx context.Context, s *store.Store) (bool, error) {
	none, err := hasNone(ctx, s, "SELECT COUNT(*) FROM (SELECT 1 FROM resources WHERE spec LIKE ? LIMIT 1) AS sealed", "%"+secret.SealedPrefix+"%")
	return !none, err
}

func hasNone(ctx context.Context, s *store.Store, count string, values ...any) (bool, error) {
	var n int64
	if err := s.Read(ctx).Raw(count, values...).Scan(&n).Error; err != nil {
		return false, fmt.Errorf("count the resources: %w", err)
	}
	return n == 0, nil
}
