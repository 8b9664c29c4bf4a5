package web

import (
	"context"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"
	"gorm.io/gorm"

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

// FindCtx returns the data of a session that is not over, and prolongs it. One that was begun with another password than the
// one in force, as a replica may that does not know of the new one yet, is over.
func (s *sessionStore) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	var rows []struct {
		Data     []byte
		Expiry   int64
		Password string
	}
	now := s.now()
	err = s.store.Read(ctx).Raw(`SELECT s.data, s.expiry, p.hash AS password FROM sessions s CROSS JOIN admin_password p
		WHERE s.token = ? AND s.expiry > ? AND p.id = 1`, token, now.UnixMilli()).Scan(&rows).Error
	if err != nil {
		return nil, false, fmt.Errorf("read the session: %w", err)
	}
	if len(rows) == 0 {
		return nil, false, nil
	}
	deadline, values, err := scs.GobCodec{}.Decode(rows[0].Data)
	if err != nil {
		return nil, false, fmt.Errorf("decode the session: %w", err)
	}
	if values[passwordKey] != fingerprintOf(rows[0].Password) {
		return nil, false, nil
	}
	if left := time.UnixMilli(rows[0].Expiry).Sub(now); left < idleTime-touchAfter {
		if err := s.prolong(ctx, token, deadline, rows[0].Expiry); err != nil {
			return nil, false, err
		}
	}
	return rows[0].Data, true, nil
}

// prolong updates and never inserts: a session that has been ended meanwhile stays so.
func (s *sessionStore) prolong(ctx context.Context, token string, deadline time.Time, expiry int64) error {
	until := s.until(deadline)
	if until <= expiry {
		return nil // its absolute time is running out
	}
	err := s.store.Write(ctx, func(tx *gorm.DB) error {
		return tx.Exec("UPDATE sessions SET expiry = ? WHERE token = ?", until, token).Error
	})
	if err != nil {
		return fmt.Errorf("prolong the session: %w", err)
	}
	return nil
}

// CommitCtx stores a session, and lets go of those that are over.
func (s *sessionStore) CommitCtx(ctx context.Context, token string, data []byte, deadline time.Time) error {
	err := s.store.Write(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec("DELETE FROM sessions WHERE expiry <= ?", s.now().UnixMilli()).Error; err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO sessions (token, data, expiry) VALUES (?, ?, ?)
			ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry`, token, data, s.until(deadline)).Error
	})
	if err != nil {
		return fmt.Errorf("store the session: %w", err)
	}
	return nil
}

// DeleteCtx ends a session.
func (s *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.end(ctx, "DELETE FROM sessions WHERE token = ?", token)
}

// endAll ends every session.
func (s *sessionStore) endAll(ctx context.Context) error { return s.end(ctx, "DELETE FROM sessions") }

func (s *sessionStore) end(ctx context.Context, statement string, args ...any) error {
	err := s.store.Write(ctx, func(tx *gorm.DB) error { return tx.Exec(statement, args...).Error })
	if err != nil {
		return fmt.Errorf("end the session: %w", err)
	}
	return nil
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
