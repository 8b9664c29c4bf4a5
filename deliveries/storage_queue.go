package deliveries

import (
	"context"
	"time"

	"beckon/internal/problem"
	"beckon/internal/store"
)

// waiting is a delivery that is due, as far as the lanes need to know it.
type waiting struct{ ID, Lane string }

// dueIn returns the ids of the deliveries of a lane that have waited the longest.
func (s storage) dueIn(ctx context.Context, lane string, limit int, now time.Time) (ids []string, err error) {
	ids, err = store.Rows[string](s.store.Read(ctx),
		"SELECT id FROM deliveries WHERE lane = ? AND status = 'PENDING' AND due_at <= ? ORDER BY due_at, id LIMIT ?",
		lane, now.UnixMilli(), limit)
	return ids, store.Wrap(err, "look for the due deliveries of a lane")
}

// nextLane returns the lane behind another in which something is due; empty when there is none.
func (s storage) nextLane(ctx context.Context, after string, now time.Time) (lane string, err error) {
	lane, _, err = store.Row[string](s.store.Read(ctx),
		"SELECT lane FROM deliveries WHERE lane > ? AND status = 'PENDING' AND due_at <= ? ORDER BY lane LIMIT 1",
		after, now.UnixMilli())
	return lane, store.Wrap(err, "look for lanes with pending deliveries")
}

// claim claims those of the deliveries that are due, unless another instance was first.
func (s storage) claim(tx store.Tx, ids []string, instance string, now time.Time) (rows []row, err error) {
	rows, err = store.Rows[row](tx, `UPDATE deliveries SET status = 'SENDING', instance_id = ?, claim = claim + 1
		WHERE id IN (?) AND status = 'PENDING' AND due_at <= ? RETURNING *`,
		instance, ids, now.UnixMilli())
	return rows, store.Wrap(err, "claim deliveries")
}

// release lets a delivery be claimed again that was claimed under that number.
func (s storage) release(tx store.Tx, id string, claim int64) error {
	err := tx.Exec(`UPDATE deliveries SET status = 'PENDING', instance_id = NULL
		WHERE id = ? AND status = 'SENDING' AND claim = ?`, id, claim)
	return store.Wrap(err, "release a delivery")
}

// releaseAll lets all be claimed again that the instance has claimed.
func (s storage) releaseAll(tx store.Tx, instance string) (n int64, err error) {
	n, err = tx.ExecCount(
		"UPDATE deliveries SET status = 'PENDING', instance_id = NULL WHERE instance_id = ? AND status = 'SENDING'",
		instance)
	return n, store.Wrap(err, "release deliveries")
}

// owners returns the ids of the instances that have claimed deliveries.
func (s storage) owners(ctx context.Context) ([]string, error) {
	ids, err := store.Rows[string](s.store.Read(ctx),
		"SELECT DISTINCT instance_id FROM deliveries WHERE status = 'SENDING'")
	return ids, store.Wrap(err, "look for the owners of deliveries")
}

// claims returns what an instance has claimed, as far as the ids and the numbers of the claims.
func (s storage) claims(ctx context.Context, instance string) ([]row, error) {
	rows, err := store.Rows[row](s.store.Read(ctx),
		"SELECT id, claim FROM deliveries WHERE instance_id = ? AND status = 'SENDING'", instance)
	return rows, store.Wrap(err, "list the deliveries of instance %s", instance)
}

// sendAgain makes deliveries due anew, with all their retries. It leaves out those that are being sent.
func (s storage) sendAgain(tx store.Tx, ids []string, reason string, now time.Time) ([]waiting, error) {
	due, err := store.Rows[waiting](tx, `UPDATE deliveries
		SET status = 'PENDING', reason = ?, tries = 0, first_at = ?, due_at = ?,
			completed_at = NULL
		WHERE id IN (?) AND status <> 'SENDING' RETURNING id, lane`, reason, now.UnixMilli(), now.UnixMilli(), ids)
	return due, store.Wrap(err, "send deliveries again")
}

// failedSince returns the ids of deliveries to an endpoint that were made since a time and have failed until
// another one.
func (s storage) failedSince(tx store.Tx, endpointID string, since, until time.Time, limit int) ([]string, error) {
	return store.Rows[string](tx, `SELECT id FROM deliveries WHERE endpoint_id = ? AND status = 'FAILED'
			AND id >= ? AND created_at >= ? AND completed_at <= ? AND reason <> 'test' AND NOT erased
		ORDER BY id LIMIT ?`,
		endpointID, firstID(since), since.UnixMilli(), until.UnixMilli(), limit)
}

// expire ends deliveries of a lane that have been due since before a time, and returns them.
func (s storage) expire(
	tx store.Tx, lane string, before, now time.Time, why problem.Failure, limit int,
) ([]row, error) {
	ids, err := store.Rows[string](tx,
		"SELECT id FROM deliveries WHERE lane = ? AND status = 'PENDING' AND due_at < ? ORDER BY due_at LIMIT ?",
		lane, before.UnixMilli(), limit)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return store.Rows[row](tx, `UPDATE deliveries SET status = 'FAILED', error_code = ?, error = ?, completed_at = ?
		WHERE id IN (?) AND status = 'PENDING' RETURNING *`, why.Code, why.Message, now.UnixMilli(), ids)
}

// pendingOf returns those of the runs about which something is still to be sent.
func (s storage) pendingOf(tx store.Tx, runIDs []string) ([]string, error) {
	ids, err := store.Rows[string](tx,
		"SELECT DISTINCT run_id FROM deliveries WHERE run_id IN (?) AND status IN ('PENDING', 'SENDING')", runIDs)
	return ids, store.Wrap(err, "look for pending deliveries")
}

// deleteEnded deletes deliveries that have ended, up to an id, with their attempts, and returns how many those are.
func (s storage) deleteEnded(tx store.Tx, before string, limit int) (n int, err error) {
	ids, err := store.Rows[string](tx,
		"SELECT id FROM deliveries WHERE id < ? AND status IN ('DELIVERED', 'FAILED') ORDER BY id LIMIT ?",
		before, limit)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if err := tx.Exec("DELETE FROM attempts WHERE delivery_id IN (?)", ids); err != nil {
		return 0, err
	}
	return len(ids), tx.Exec("DELETE FROM deliveries WHERE id IN (?)", ids)
}
