package deliveries

import (
	"context"
	"fmt"
	"time"

	"beckon/internal/store"
)

// endpointState is what has become of an endpoint.
type endpointState struct {
	EndpointID               string
	FailingSince, DisabledAt *int64
	DisabledReason           *string
}

// states returns what has become of the endpoints, by id.
func (s storage) states(ctx context.Context) (map[string]endpointState, error) {
	return statesIn(s.store.Read(ctx))
}

func statesIn(tx store.Tx) (map[string]endpointState, error) {
	rows, err := store.Rows[endpointState](tx, "SELECT * FROM endpoint_states")
	if err != nil {
		return nil, fmt.Errorf("read what has become of the endpoints: %w", err)
	}
	states := make(map[string]endpointState, len(rows))
	for _, w := range rows {
		states[w.EndpointID] = w
	}
	return states, nil
}

// enableIn lets an endpoint begin with a clean slate that has been changed to be enabled, or is new.
func enableIn(tx store.Tx, e Endpoint) error {
	if !e.IsEnabled() {
		return nil
	}
	err := tx.Exec("DELETE FROM endpoint_states WHERE endpoint_id = ? AND disabled_at IS NOT NULL", e.ID)
	return store.Wrap(err, "enable endpoint %q", e.ID)
}

// deleteState deletes what has become of an endpoint.
func deleteState(tx store.Tx, id string) error {
	err := tx.Exec("DELETE FROM endpoint_states WHERE endpoint_id = ?", id)
	return store.Wrap(err, "forget what has become of endpoint %q", id)
}

// noteWorking notes that an attempt at an endpoint has succeeded.
func noteWorking(tx store.Tx, id string) error {
	err := tx.Exec(`UPDATE endpoint_states SET failing_since = NULL
		WHERE endpoint_id = ? AND failing_since IS NOT NULL`, id)
	return store.Wrap(err, "note that an endpoint works")
}

// noteFailing notes that an attempt at an endpoint has failed, and returns since when all have.
func noteFailing(tx store.Tx, id string, now time.Time) (time.Time, error) {
	since, _, err := store.Row[int64](tx, `INSERT INTO endpoint_states (endpoint_id, failing_since) VALUES (?, ?)
		ON CONFLICT (endpoint_id) DO UPDATE
		SET failing_since = COALESCE(endpoint_states.failing_since, excluded.failing_since)
		RETURNING failing_since`, id, now.UnixMilli())
	return time.UnixMilli(since), store.Wrap(err, "note that an endpoint fails")
}

// disable disables an endpoint; false says that it is disabled already.
func disable(tx store.Tx, id, reason string, now time.Time) (bool, error) {
	n, err := tx.ExecCount(`INSERT INTO endpoint_states (endpoint_id, disabled_at, disabled_reason) VALUES (?, ?, ?)
		ON CONFLICT (endpoint_id) DO UPDATE
		SET disabled_at = excluded.disabled_at, disabled_reason = excluded.disabled_reason
		WHERE endpoint_states.disabled_at IS NULL`, id, now.UnixMilli(), reason)
	return n == 1, store.Wrap(err, "disable an endpoint")
}
