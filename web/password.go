package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

const (
	madeLength = 20 // characters of base32: 100 bits
	// hashers is how many passwords are hashed at the same time: each takes a core and 19 MiB.
	hashers = 2
	// maxHashWait is how long a login waits for its turn.
	maxHashWait = 5 * time.Second
)

// EnsurePassword is for a start without a configured password: it makes one unless an earlier start has, and returns
// it, to be printed this once. An empty string says that there is one already.
func EnsurePassword(ctx context.Context, s *store.Store) (printed string, err error) {
	row, err := readPassword(ctx, s)
	if err != nil || row.Made == 1 {
		return "", err
	}
	made := strings.ToLower(rand.Text()[:madeLength])
	if put, err := putPassword(ctx, s, row.Hash, passwordRow{hashPassword(made), 1}); err != nil || !put {
		return "", err // of several replicas that start at once, one makes the password
	}
	return made, nil
}

// password is the administrator's. Its hash is in the database, also that of a configured one: that is how a start
// notices that it has been changed, and ends the sessions that were begun with the old one. Replicas may be started with a new
// one at any time, so that nobody but the database knows which is in force.
type password struct {
	store      *store.Store
	configured secret.String
	before     string // the hash that this start has found
	hashSlots  chan struct{}

	mu      sync.Mutex
	inForce bool // not until it is needed: a gateway whose page nobody opens hashes nothing
}

func newPassword(ctx context.Context, s *store.Store, configured secret.String) (*password, error) {
	row, err := readPassword(ctx, s)
	return &password{store: s, configured: configured, before: row.Hash, hashSlots: make(chan struct{}, hashers)}, err
}

// check reports whether given is the password in force, and returns the hash that it was compared with: see begin. An
// Unavailable says that too many are being checked.
func (p *password) check(ctx context.Context, given string) (hash string, right bool, err error) {
	if err := p.ensureInForce(ctx); err != nil {
		return "", false, err
	}
	waiting, cancel := context.WithTimeout(ctx, maxHashWait)
	defer cancel()
	select {
	case p.hashSlots <- struct{}{}:
	case <-waiting.Done():
		return "", false, problem.New(problem.Unavailable, "too_many_logins",
			"Too many logins are being checked. Try again in a few seconds.").After(maxHashWait)
	}
	defer func() { <-p.hashSlots }()
	row, err := readPassword(ctx, p.store)
	if err != nil {
		return "", false, err
	}
	right, err = matches(row.Hash, given)
	return row.Hash, right, err
}

// ensureInForce puts the configured password in force, once. Sessions count only after that.
func (p *password) ensureInForce(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inForce {
		return nil
	}
	row, err := readPassword(ctx, p.store)
	if err != nil {
		return err
	}
	switch {
	case row.Hash != p.before && checkHash(row.Hash) == nil:
		// Another replica has put it there since this one started, and so knows better.
	case p.configured != "":
		if same, err := matches(row.Hash, p.configured.Reveal()); err != nil || !same || row.Made == 1 {
			if _, err := putPassword(ctx, p.store, row.Hash, passwordRow{Hash: hashPassword(p.configured.Reveal())}); err != nil {
				return err
			}
		}
	case row.Made == 0:
		return errors.New("no password is configured, and none has been made at the start")
	}
	p.inForce = true
	return nil
}

// fingerprintOf tells a hash from another one.
func fingerprintOf(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:16])
}
