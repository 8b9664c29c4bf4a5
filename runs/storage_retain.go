package runs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"beckon/internal/store"
)

// reserve gives the key to the run, unless another run has it. On both databases a concurrent call with the same key
// waits here until the first has committed or failed.
func reserve(tx store.Tx, clientID string, once Idempotency, runID string, now time.Time) error {
	n, err := tx.ExecCount(`INSERT INTO idempotency_keys (client_id, key, request, run_id, expires_at)
		VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (client_id, key) DO UPDATE
		SET request = excluded.request, run_id = excluded.run_id, expires_at = excluded.expires_at
		WHERE idempotency_keys.expires_at <= ?`,
		clientID, once.Key, once.Request, runID, now.Add(KeyLife).UnixMilli(), now.UnixMilli())
	if err != nil {
		return fmt.Errorf("reserve an idempotency key: %w", err)
	}
	if n == 1 {
		return nil
	}
	first, found, err := store.Row[struct{ Request, RunID string }](tx,
		"SELECT request, run_id FROM idempotency_keys WHERE client_id = ? AND key = ?", clientID, once.Key)
	if err != nil {
		return fmt.Errorf("look up an idempotency key: %w", err)
	}
	if !found {
		return errors.New("an idempotency key is neither free nor taken")
	}
	return &Duplicate{RunID: first.RunID, Same: first.Request == once.Request}
}

// findDuplicate returns a *Duplicate where a key is taken.
func (s storage) findDuplicate(ctx context.Context, clientID string, once Idempotency, now time.Time) error {
	first, found, err := store.Row[struct{ Request, RunID string }](s.store.Read(ctx),
		"SELECT request, run_id FROM idempotency_keys WHERE client_id = ? AND key = ? AND expires_at > ?",
		clientID, once.Key, now.UnixMilli())
	if err != nil || !found {
		return store.Wrap(err, "look up an idempotency key")
	}
	return &Duplicate{RunID: first.RunID, Same: first.Request == once.Request}
}

// deleteKeys deletes the idempotency keys that are over.
func deleteKeys(tx store.Tx, now time.Time) error {
	return tx.Exec("DELETE FROM idempotency_keys WHERE expires_at < ?", now.UnixMilli())
}

// deletePieces deletes the pieces of text of some runs that ended before a time.
func deletePieces(tx store.Tx, before time.Time) (n int64, err error) {
	return tx.ExecCount(`DELETE FROM events WHERE type = 'message.delta' AND run_id IN
		(SELECT e.run_id FROM events e LEFT JOIN runs r ON r.id = e.run_id
			WHERE e.type = 'message.delta' AND (r.id IS NULL OR r.completed_at < ?) GROUP BY e.run_id LIMIT ?)`,
		before.UnixMilli(), oldestPieces)
}

// endedBetween returns the ids of runs that have ended, between two ids.
func endedBetween(tx store.Tx, after, before string, limit int) ([]string, error) {
	return store.Rows[string](tx, `SELECT id FROM runs
		WHERE id > ? AND id < ? AND status IN ('COMPLETED', 'FAILED', 'CANCELED')
		ORDER BY id LIMIT ?`, after, before, limit)
}

// deleteRuns deletes runs with all that belongs to them.
func deleteRuns(tx store.Tx, ids []string) error {
	for _, table := range []string{
		"events", "nodes", "rounds", "tool_calls", "run_notes", "run_inputs", "sealed_content",
	} {
		if err := tx.Exec("DELETE FROM "+table+" WHERE run_id IN (?)", ids); err != nil {
			return err
		}
	}
	return tx.Exec("DELETE FROM runs WHERE id IN (?)", ids)
}
