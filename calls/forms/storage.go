package forms

import (
	"context"
	"time"

	"beckon/internal/store"
)

// use records that a challenge was used, and reports whether this was its first use. It also deletes expired
// challenges.
func use(
	ctx context.Context, s *store.Store, challenge string, now time.Time, ttl time.Duration,
) (unused bool, err error) {
	err = s.Write(ctx, func(tx store.Tx) error {
		if err := tx.Exec("DELETE FROM used_challenges WHERE expires_at < ?", now.UnixMilli()); err != nil {
			return err
		}
		n, err := tx.ExecCount("INSERT INTO used_challenges (id, expires_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
			challenge, now.Add(ttl).UnixMilli())
		unused = n == 1
		return err
	})
	return unused, store.Wrap(err, "note a used challenge")
}
