package clients

import (
	"encoding/hex"
	"fmt"
	"time"

	"beckon/internal/secret"
	"beckon/internal/store"
)

func addToken(tx store.Tx, id string, now time.Time) (secret.String, error) {
	token := NewToken()
	hash := HashOf(token.Reveal())
	err := tx.Exec("INSERT INTO client_tokens (hash, client_id, created_at) VALUES (?, ?, ?)",
		hex.EncodeToString(hash[:]), id, now.UnixMilli())
	return token, store.Wrap(err, "add a token to %q", id)
}

// endTokens ends the tokens of a client at a time, and those at once that were to end anyway.
func endTokens(tx store.Tx, id string, at time.Time) error {
	if err := tx.Exec("DELETE FROM client_tokens WHERE client_id = ? AND expires_at IS NOT NULL", id); err != nil {
		return fmt.Errorf("end the older token of %q: %w", id, err)
	}
	err := tx.Exec("UPDATE client_tokens SET expires_at = ? WHERE client_id = ?", at.UnixMilli(), id)
	return store.Wrap(err, "end the token of %q", id)
}

func deleteTokens(tx store.Tx, id string) error {
	err := tx.Exec("DELETE FROM client_tokens WHERE client_id = ?", id)
	return store.Wrap(err, "delete the tokens of %q", id)
}

// deleteOwned deletes what belongs to a client alone: its tokens, and its conversations.
func deleteOwned(tx store.Tx, id string) error {
	if err := deleteTokens(tx, id); err != nil {
		return err
	}
	if err := forgetRequests(tx, id); err != nil {
		return err
	}
	return tx.Scrub(func() error {
		for _, table := range []string{"agent_sessions", "session_turns", "session_summaries"} {
			if err := tx.Exec("DELETE FROM "+table+" WHERE client_id = ?", id); err != nil {
				return fmt.Errorf("delete the sessions of %q: %w", id, err)
			}
		}
		return nil
	})
}

type tokenRow struct {
	Hash, ClientID string
	ExpiresAt      *int64
}

// Credentials returns the credentials of the database's clients that are still alive, by client id.
func Credentials(tx store.Tx) (map[string][]Credential, error) {
	rows, err := store.Rows[tokenRow](tx, `SELECT hash, client_id, expires_at FROM client_tokens
		WHERE expires_at IS NULL OR expires_at > ? ORDER BY created_at DESC`, time.Now().UnixMilli())
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

// forgetRequests deletes the kept requests of a client; see package kept.
func forgetRequests(tx store.Tx, id string) error {
	err := tx.Exec("DELETE FROM kept_requests WHERE client_id = ?", id)
	return store.Wrap(err, "delete the kept requests of %q", id)
}

// forgetKeys forgets the idempotency keys, the alerts and the conversations of a client, which may be those of
// another one of that id.
func forgetKeys(tx store.Tx, id string) error {
	for _, table := range []string{
		"idempotency_keys", "coalesce_keys", "coalesce_items",
		"agent_sessions", "session_turns", "session_summaries", "kept_requests",
	} {
		if err := tx.Exec("DELETE FROM "+table+" WHERE client_id = ?", id); err != nil {
			return fmt.Errorf("forget the keys of the last %q: %w", id, err)
		}
	}
	return nil
}
