package runs

import (
	"beckon/internal/redact"
	"beckon/internal/store"
)

// markErased writes why the content of a run is gone.
func markErased(tx store.Tx, runID, why string) error {
	err := tx.Exec("UPDATE runs SET erased = ? WHERE id = ? AND erased IS NULL", why, runID)
	return store.Wrap(err, "note that the content of run %s is gone", runID)
}

// lockEnded reports whether a run has ended, and keeps others from looking before the commit.
func lockEnded(tx store.Tx, runID string) (bool, error) {
	n, err := tx.ExecCount(`UPDATE runs SET attempts = attempts
		WHERE id = ? AND status IN ('COMPLETED', 'FAILED', 'CANCELED')`, runID)
	return n == 1, store.Wrap(err, "look whether run %s has ended", runID)
}

// notEnded returns those of the runs that go on.
func notEnded(tx store.Tx, ids []string) ([]string, error) {
	list, err := store.Rows[string](tx, "SELECT id FROM runs WHERE id IN (?) AND status IN ('QUEUED', 'RUNNING')", ids)
	return list, store.Wrap(err, "look for runs that go on")
}

// discarding reports whether the client of a run keeps no content.
func discarding(tx store.Tx, id string) (bool, error) {
	text, _, err := store.Row[*string](tx, "SELECT rules FROM runs WHERE id = ?", id)
	if err != nil {
		return false, store.Wrap(err, "read how run %s is treated", id)
	}
	rules, err := redact.Read(deref(text))
	return err == nil && rules.Discarding(), nil
}
