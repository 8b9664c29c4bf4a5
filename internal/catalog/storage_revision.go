package catalog

import (
	"context"
	"fmt"

	"beckon/internal/secret"
	"beckon/internal/store"
)

// Touch tells every running gateway that resources, or what belongs to them, have changed. It commits with the change.
func Touch(tx store.Tx) error {
	return tx.Exec("UPDATE revision SET value = value + 1 WHERE id = 1")
}

// touchAt is Touch for a change that was made for a revision; false says that something else has changed since.
func touchAt(tx store.Tx, revision int64) (bool, error) {
	n, err := tx.ExecCount("UPDATE revision SET value = value + 1 WHERE id = 1 AND value = ?", revision)
	return n == 1, err
}

func revisionIn(tx store.Tx) (value int64, err error) {
	if value, _, err = store.Row[int64](tx, "SELECT value FROM revision WHERE id = 1"); err != nil {
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
	none, err := hasNone(ctx, s,
		"SELECT COUNT(*) FROM (SELECT 1 FROM resources WHERE spec LIKE ? LIMIT 1) AS sealed",
		"%"+secret.SealedPrefix+"%")
	return !none, err
}

func hasNone(ctx context.Context, s *store.Store, count string, values ...any) (bool, error) {
	n, _, err := store.Row[int64](s.Read(ctx), count, values...)
	return n == 0, store.Wrap(err, "count the resources")
}
