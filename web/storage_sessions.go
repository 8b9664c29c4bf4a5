package web

import (
	"context"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"

	"beckon/internal/store"
)

const (
	idleTime     = 12 * time.Hour     // a session that nobody uses ends
	absoluteTime = 7 * 24 * time.Hour // and one that somebody uses, too
	// touchAfter is how much of its idle time a session has used when it is prolonged: a page costs no write.
	touchAfter = 5 * time.Minute
)

// sessionStore keeps the sessions of scs in the database. The tokens that it is given are hashes.
type sessionStore struct {
	store *store.Store
	now   func() time.Time
}

type sessionRow struct {
	Data     []byte
	Expiry   int64
	Password string // the hash of the one in force
}

// FindCtx returns the data of a session that is not over, and prolongs it. One that was begun with another password than the
// one in force, as a replica may that does not know of the new one yet, is over.
func (s *sessionStore) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	now := s.now()
	row, found, err := store.Row[sessionRow](s.store.Read(ctx), `SELECT s.data, s.expiry, p.hash AS password
		FROM sessions s CROSS JOIN admin_password p WHERE s.token = ? AND s.expiry > ? AND p.id = 1`, token, now.UnixMilli())
	if err != nil {
		return nil, false, fmt.Errorf("read the session: %w", err)
	}
	if !found {
		return nil, false, nil
	}
	deadline, values, err := scs.GobCodec{}.Decode(row.Data)
	if err != nil {
		return nil, false, fmt.Errorf("decode the session: %w", err)
	}
	if values[passwordKey] != fingerprintOf(row.Password) {
		return nil, false, nil
	}
	if left := time.UnixMilli(row.Expiry).Sub(now); left < idleTime-touchAfter {
		if err := s.prolong(ctx, token, deadline, row.Expiry); err != nil {
			return nil, false, err
		}
	}
	return row.Data, true, nil
}

// prolong updates and never inserts: a session that has been ended meanwhile stays so.
func (s *sessionStore) prolong(ctx context.Context, token string, deadline time.Time, expiry int64) error {
	until := s.until(deadline)
	if until <= expiry {
		return nil // its absolute time is running out
	}
	err := s.store.Write(ctx, func(tx store.Tx) error {
		return tx.Exec("UPDATE sessions SET expiry = ? WHERE token = ?", until, token)
	})
	return store.Wrap(err, "prolong the session")
}

// CommitCtx stores a session, and lets go of those that are over.
func (s *sessionStore) CommitCtx(ctx context.Context, token string, data []byte, deadline time.Time) error {
	err := s.store.Write(ctx, func(tx store.Tx) error {
		if err := tx.Exec("DELETE FROM sessions WHERE expiry <= ?", s.now().UnixMilli()); err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO sessions (token, data, expiry) VALUES (?, ?, ?)
			ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry`, token, data, s.until(deadline))
	})
	return store.Wrap(err, "store the session")
}

// DeleteCtx ends a session.
func (s *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.end(ctx, "DELETE FROM sessions WHERE token = ?", token)
}

// endAll ends every session.
func (s *sessionStore) endAll(ctx context.Context) error { return s.end(ctx, "DELETE FROM sessions") }

func (s *sessionStore) end(ctx context.Context, statement string, args ...any) error {
	err := s.store.Write(ctx, func(tx store.Tx) error { return tx.Exec(statement, args...) })
	return store.Wrap(err, "end the session")
}

func (s *sessionStore) until(deadline time.Time) int64 {
	return min(s.now().Add(idleTime).UnixMilli(), deadline.UnixMilli())
}

// Find, Commit and Delete make it a scs.Store; scs calls those with a context.
func (s *sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

func (s *sessionStore) Commit(token string, data []byte, deadline time.Time) error {
	return s.CommitCtx(context.Background(), token, data, deadline)
}

func (s *sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
