package web

import (
	"context"
	"fmt"

	"beckon/internal/store"
)

type passwordRow struct {
	Hash string
	Made int64
}

func readPassword(ctx context.Context, s *store.Store) (row passwordRow, err error) {
	if row, _, err = store.Row[passwordRow](s.Read(ctx), "SELECT hash, made FROM admin_password WHERE id = 1"); err != nil {
		return row, fmt.Errorf("read the administrator's password: %w", err)
	}
	return row, nil
}

// putPassword puts a password in the place of the one with the old hash and ends all sessions, unless another replica has
// been faster.
func putPassword(ctx context.Context, s *store.Store, old string, row passwordRow) (put bool, err error) {
	err = s.Write(ctx, func(tx store.Tx) error {
		n, err := tx.ExecCount(`INSERT INTO admin_password (id, hash, made) VALUES (1, ?, ?)
			ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, made = excluded.made
			WHERE admin_password.hash = ?`, row.Hash, row.Made, old)
		if put = n > 0; err != nil || !put {
			return err
		}
		return tx.Exec("DELETE FROM sessions")
	})
	return put, store.Wrap(err, "store the administrator's password")
}
