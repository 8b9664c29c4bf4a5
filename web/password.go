package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

const (
	madeLength = 20 // characters of base32: 100 bits
	// hashers is how many passwords are hashed at the same time: each takes a core and 19 MiB.
	hashers = 2
	// hashPatience is how long a login waits for its turn.
	hashPatience = 5 * time.Second
)

// EnsurePassword is for a start without a configured password: it makes one unless an earlier start has, and returns
// it, to be printed this once. An empty string says that there is one already.
func EnsurePassword(ctx context.Context, s *store.Store) (printed string, err error) {
	row, err := readPassword(ctx, s)
	if err != nil || row.Made == 1 {
		return "", err
	}
	made := strings.ToLower(rand.Text()[:madeLength])
	hash := hashPassword(made)
	err = s.Write(ctx, func(tx *gorm.DB) error {
		printed = ""
		// Of several replicas that start at once, one makes the password.
		done := tx.Exec(`INSERT INTO admin_password (id, hash, made) VALUES (1, ?, 1)
			ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, made = 1 WHERE admin_password.hash = ?`, hash, row.Hash)
		if done.Error != nil || done.RowsAffected == 0 {
			return done.Error
		}
		printed = made
		return tx.Exec("DELETE FROM sessions").Error
	})
	if err != nil {
		return "", fmt.Errorf("store the administrator's password: %w", err)
	}
	return printed, nil
}

// password is the administrator's. Its hash is in the database, also that of a configured one: that is how a start
// notices that it has been changed, and ends the sessions that were begun with the old one.
type password struct {
	store      *store.Store
	configured secret.String
	turns      chan struct{}

	mu   sync.Mutex
	hash string // empty until it is needed: a gateway whose page nobody opens hashes nothing
}

type passwordRow struct {
	Hash string
	Made int64
}

func newPassword(s *store.Store, configured secret.String) *password {
	return &password{store: s, configured: configured, turns: make(chan struct{}, hashers)}
}

// is reports whether given is the password. An Unavailable says that too many are being checked.
func (p *password) is(ctx context.Context, given string) (bool, error) {
	hash, err := p.settle(ctx)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, hashPatience)
	defer cancel()
	select {
	case p.turns <- struct{}{}:
	case <-ctx.Done():
		return false, problem.New(problem.Unavailable, "too_many_logins", "Too many logins are being checked. Try again in a few seconds.").After(hashPatience)
	}
	defer func() { <-p.turns }()
	return matches(hash, given)
}

// settle makes the stored hash that of the password in force, and returns it. No session may be believed before.
func (p *password) settle(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hash != "" {
		return p.hash, nil
	}
	row, err := readPassword(ctx, p.store)
	if err != nil {
		return "", err
	}
	if p.configured == "" {
		if row.Made == 0 {
			return "", errors.New("no password is configured, and none has been made at the start")
		}
		p.hash = row.Hash
		return p.hash, nil
	}
	if row.Hash != "" && row.Made == 0 {
		if same, err := matches(row.Hash, p.configured.Reveal()); err == nil && same {
			p.hash = row.Hash
			return p.hash, nil
		}
	}
	return p.replace(ctx, hashPassword(p.configured.Reveal()))
}

// replace puts the hash of the configured password into the database and ends all sessions.
func (p *password) replace(ctx context.Context, hash string) (string, error) {
	err := p.store.Write(ctx, func(tx *gorm.DB) error {
		err := tx.Exec(`INSERT INTO admin_password (id, hash, made) VALUES (1, ?, 0)
			ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, made = 0`, hash).Error
		if err != nil {
			return err
		}
		return tx.Exec("DELETE FROM sessions").Error
	})
	if err != nil {
		return "", fmt.Errorf("store the administrator's password: %w", err)
	}
	p.hash = hash
	return hash, nil
}

func readPassword(ctx context.Context, s *store.Store) (row passwordRow, err error) {
	if err := s.Read(ctx).Raw("SELECT hash, made FROM admin_password WHERE id = 1").Scan(&row).Error; err != nil {
		return row, fmt.Errorf("read the administrator's password: %w", err)
	}
	return row, nil
}
