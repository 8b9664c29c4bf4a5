package clients

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"gorm.io/gorm"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// Storage keeps the clients that were made by a person, and the hashes of their tokens.
type Storage struct {
	store     *store.Store
	resources *catalog.Documents[Client]
}

// NewStorage returns the storage in s.
func NewStorage(s *store.Store, sealer *secret.Sealer) *Storage {
	return &Storage{s, catalog.NewDocuments[Client](s, "clients", sealer)}
}

// List returns all clients in the order of their ids.
func (s *Storage) List(ctx context.Context) ([]Client, error) { return s.resources.List(ctx) }

// Records returns all clients with their versions, in the order of their ids.
func (s *Storage) Records(ctx context.Context) ([]catalog.Record[Client], error) {
	return s.resources.Records(ctx)
}

// Get returns a client and its version, as store.Resources.Get does.
func (s *Storage) Get(ctx context.Context, id string) (Client, int64, error) {
	return s.resources.Get(ctx, id)
}

// Create adds a client and returns its token, which can't be had again. A Conflict says that the id is taken.
func (s *Storage) Create(ctx context.Context, c Client) (token secret.String, err error) {
	if err := c.Check().Err(); err != nil {
		return "", err
	}
	err = s.store.Write(ctx, func(tx *gorm.DB) error {
		token, err = s.CreateIn(tx, c)
		return err
	})
	return token, err
}

// CreateIn is Create as a part of a larger change.
func (s *Storage) CreateIn(tx *gorm.DB, c Client) (secret.String, error) {
	now := time.Now()
	c.Since = now.UTC().Truncate(time.Millisecond)
	if err := s.resources.Create(tx, c); err != nil {
		return "", err
	}
	if err := tx.Exec("DELETE FROM idempotency_keys WHERE client_id = ?", c.ID).Error; err != nil {
		return "", fmt.Errorf("forget the idempotency keys of the last %q: %w", c.ID, err)
	}
	return addToken(tx, c.ID, now)
}

// Change changes all of a client but its token, as store.Resources.Change does.
func (s *Storage) Change(tx *gorm.DB, id string, version int64, change func(*Client) error) (int64, error) {
	return s.resources.Change(tx, id, version, change)
}

// Delete removes a client together with its tokens; version is as for Change.
func (s *Storage) Delete(tx *gorm.DB, id string, version int64) error {
	if err := s.resources.Delete(tx, id, version); err != nil {
		return err
	}
	if err := tx.Exec("DELETE FROM client_tokens WHERE client_id = ?", id).Error; err != nil {
		return fmt.Errorf("delete the tokens of %q: %w", id, err)
	}
	return nil
}

// Rotate gives the client a new token and returns it. The old one ends after overlap; an older one that was still in
// its own overlap ends now.
func (s *Storage) Rotate(ctx context.Context, id string, overlap time.Duration) (token secret.String, err error) {
	err = s.store.Write(ctx, func(tx *gorm.DB) error {
		token, err = s.RotateIn(tx, id, overlap)
		return err
	})
	return token, err
}

// RotateIn is Rotate as a part of a larger change.
func (s *Storage) RotateIn(tx *gorm.DB, id string, overlap time.Duration) (secret.String, error) {
	if ok, err := s.resources.Exists(tx, id); err != nil {
		return "", fmt.Errorf("look up client %q: %w", id, err)
	} else if !ok {
		return "", problem.New(problem.NotFound, "client_not_found", "There is no client %q in the database.", id)
	}
	now := time.Now()
	if err := tx.Exec("DELETE FROM client_tokens WHERE client_id = ? AND expires_at IS NOT NULL", id).Error; err != nil {
		return "", fmt.Errorf("end the older token of %q: %w", id, err)
	}
	if err := tx.Exec("UPDATE client_tokens SET expires_at = ? WHERE client_id = ?", now.Add(overlap).UnixMilli(), id).Error; err != nil {
		return "", fmt.Errorf("end the token of %q: %w", id, err)
	}
	token, err := addToken(tx, id, now)
	if err != nil {
		return "", err
	}
	return token, catalog.Touch(tx)
}

// Credentials returns the credentials of every client that are still alive, by client id.
func (s *Storage) Credentials(ctx context.Context) (map[string][]Credential, error) {
	var rows []struct {
		Hash      string
		ClientID  string
		ExpiresAt *int64
	}
	err := s.store.Read(ctx).Raw("SELECT hash, client_id, expires_at FROM client_tokens WHERE expires_at IS NULL OR expires_at > ? ORDER BY created_at DESC",
		time.Now().UnixMilli()).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list the credentials: %w", err)
	}
	all := make(map[string][]Credential, len(rows))
	for _, row := range rows {
		var c Credential
		raw, err := hex.DecodeString(row.Hash)
		if err != nil || copy(c.Hash[:], raw) != len(c.Hash) {
			return nil, fmt.Errorf("the credential of client %q is damaged", row.ClientID)
		}
		if row.ExpiresAt != nil {
			c.Expires = time.UnixMilli(*row.ExpiresAt)
		}
		all[row.ClientID] = append(all[row.ClientID], c)
	}
	return all, nil
}

func addToken(tx *gorm.DB, id string, now time.Time) (secret.String, error) {
	token := NewToken()
	hash := HashOf(token.Reveal())
	err := tx.Exec("INSERT INTO client_tokens (hash, client_id, created_at) VALUES (?, ?, ?)", hex.EncodeToString(hash[:]), id, now.UnixMilli()).Error
	if err != nil {
		return "", fmt.Errorf("add a token to %q: %w", id, err)
	}
	return token, nil
}
