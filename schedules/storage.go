package schedules

import (
	"time"

	"beckon/internal/store"
)

// storage keeps the times of schedules, and the clients that are expected to call. Every write names the spec that
// it goes by, so that it changes nothing once that is another one.
type storage struct{ store *store.Store }

type scheduleRow struct {
	ClientID       string
	ClientMade     int64
	Spec           string
	NextAt, LastAt *int64
	LastRunID      *string
}

// schedules returns the rows by client: those of some clients, or all.
func (storage) schedules(tx store.Tx, ids ...string) (map[string]scheduleRow, error) {
	rows, err := rowsOf[scheduleRow](tx,
		"SELECT client_id, client_made, spec, next_at, last_at, last_run_id FROM schedules", ids)
	byID := make(map[string]scheduleRow, len(rows))
	for _, row := range rows {
		byID[row.ClientID] = row
	}
	return byID, store.Wrap(err, "list the schedules")
}

func rowsOf[T any](tx store.Tx, query string, ids []string) ([]T, error) {
	if len(ids) == 0 {
		return store.Rows[T](tx, query)
	}
	return store.Rows[T](tx, query+" WHERE client_id IN (?)", ids)
}

// due returns the rows whose time has come, the earliest first.
func (storage) due(tx store.Tx, now time.Time) ([]scheduleRow, error) {
	rows, err := store.Rows[scheduleRow](tx,
		"SELECT client_id, client_made, spec, next_at FROM schedules WHERE next_at <= ? ORDER BY next_at, client_id",
		now.UnixMilli())
	return rows, store.Wrap(err, "look for due schedules")
}

// putSchedules writes rows whose spec has changed, and deletes those that are gone.
func (storage) putSchedules(tx store.Tx, changed []scheduleRow, gone []string) error {
	for _, row := range changed {
		err := tx.Exec(`INSERT INTO schedules (client_id, client_made, spec, next_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (client_id) DO UPDATE
			SET client_made = excluded.client_made, spec = excluded.spec, next_at = excluded.next_at,
				last_at = CASE WHEN schedules.client_made = excluded.client_made THEN schedules.last_at END,
				last_run_id = CASE WHEN schedules.client_made = excluded.client_made THEN schedules.last_run_id END
			WHERE schedules.spec <> excluded.spec`, row.ClientID, row.ClientMade, row.Spec, row.NextAt)
		if err != nil {
			return store.Wrap(err, "write the schedule of %q", row.ClientID)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return store.Wrap(tx.Exec("DELETE FROM schedules WHERE client_id IN (?)", gone), "delete schedules")
}

// take moves a schedule on, for a run. errTaken says that somebody else has.
func (storage) take(tx store.Tx, row scheduleRow, next, now time.Time, runID string) error {
	n, err := tx.ExecCount(`UPDATE schedules SET next_at = ?, last_at = ?, last_run_id = ?
		WHERE client_id = ? AND spec = ? AND next_at = ?`,
		msOrNull(next), now.UnixMilli(), runID, row.ClientID, row.Spec, *row.NextAt)
	if err == nil && n == 0 {
		return errTaken
	}
	return store.Wrap(err, "take a time of the schedule of %q", row.ClientID)
}

// skip moves a schedule on without a run. errTaken says that somebody else has.
func (storage) skip(tx store.Tx, row scheduleRow, next time.Time) error {
	n, err := tx.ExecCount("UPDATE schedules SET next_at = ? WHERE client_id = ? AND spec = ? AND next_at = ?",
		msOrNull(next), row.ClientID, row.Spec, *row.NextAt)
	if err == nil && n == 0 {
		return errTaken
	}
	return store.Wrap(err, "skip a time of the schedule of %q", row.ClientID)
}

type watchRow struct {
	ClientID, Spec     string
	Since              int64
	CalledAt, SilentAt *int64
}

func (w watchRow) calledAt() time.Time { return timeOf(w.CalledAt) }

// watches returns the rows by client: those of some clients, or all.
func (storage) watches(tx store.Tx, ids ...string) (map[string]watchRow, error) {
	rows, err := rowsOf[watchRow](tx, "SELECT client_id, spec, since, called_at, silent_at FROM expected_calls", ids)
	byID := make(map[string]watchRow, len(rows))
	for _, row := range rows {
		byID[row.ClientID] = row
	}
	return byID, store.Wrap(err, "list the clients that are expected to call")
}

// putWatches writes rows whose spec has changed, and deletes those that are gone.
func (storage) putWatches(tx store.Tx, changed []watchRow, gone []string) error {
	for _, row := range changed {
		err := tx.Exec(`INSERT INTO expected_calls (client_id, spec, since) VALUES (?, ?, ?)
			ON CONFLICT (client_id) DO UPDATE
			SET spec = excluded.spec, since = excluded.since, called_at = NULL, silent_at = NULL
			WHERE expected_calls.spec <> excluded.spec`, row.ClientID, row.Spec, row.Since)
		if err != nil {
			return store.Wrap(err, "expect the calls of %q", row.ClientID)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return store.Wrap(tx.Exec("DELETE FROM expected_calls WHERE client_id IN (?)", gone), "expect calls no longer")
}

// noteCall writes down that a client has called, unless a later call is on record.
func (storage) noteCall(tx store.Tx, row watchRow, at time.Time) error {
	err := tx.Exec(`UPDATE expected_calls SET called_at = ?, silent_at = NULL
		WHERE client_id = ? AND spec = ? AND COALESCE(called_at, 0) < ?`,
		at.UnixMilli(), row.ClientID, row.Spec, at.UnixMilli())
	return store.Wrap(err, "write down a call of %q", row.ClientID)
}

// noteSilent writes down that a client is silent. false says that somebody else has, or has heard of it.
func (storage) noteSilent(tx store.Tx, row watchRow, now time.Time) (bool, error) {
	called := int64(0)
	if row.CalledAt != nil {
		called = *row.CalledAt
	}
	n, err := tx.ExecCount(`UPDATE expected_calls SET silent_at = ?
		WHERE client_id = ? AND spec = ? AND silent_at IS NULL AND COALESCE(called_at, 0) = ?`,
		now.UnixMilli(), row.ClientID, row.Spec, called)
	return n == 1, store.Wrap(err, "write down that %q is silent", row.ClientID)
}

func msOrNull(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

func timeOf(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms).UTC()
}
