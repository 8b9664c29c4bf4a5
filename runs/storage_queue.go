package runs

import (
	"context"
	"fmt"
	"time"

	"beckon/internal/store"
)

// queuedRun is a run that waits, as far as claimable needs to know it.
type queuedRun struct {
	ID, ClientID string
	Size         int64 // of its input, in bytes
}

// queued returns the first runs in the queue, but for those of some clients and some others.
func (s storage) queued(tx store.Tx, butOf, but []string, most int) (list []queuedRun, err error) {
	query := `SELECT id, client_id, octet_length(input) + CASE WHEN rules IS NULL THEN 0
			ELSE COALESCE((SELECT octet_length(content) FROM sealed_content
				WHERE run_id = runs.id AND place = 'run'), 0) END AS size
		FROM runs
		WHERE status = 'QUEUED' AND (not_before IS NULL OR not_before <= ?)
			AND ` + itsTurn + ` AND client_id NOT IN (?) AND id NOT IN (?)
		ORDER BY priority, id LIMIT ?`
	if s.store.Shared() {
		query += " FOR UPDATE SKIP LOCKED"
	}
	list, err = store.Rows[queuedRun](tx, query, time.Now().UnixMilli(), butOf, append([]string{""}, but...), most)
	return list, store.Wrap(err, "look for queued runs")
}

// countQueued counts the runs in the queue.
func (s storage) countQueued(ctx context.Context) (n int64, err error) {
	n, _, err = store.Row[int64](s.store.Read(ctx), "SELECT COUNT(*) FROM runs WHERE status = 'QUEUED'")
	return n, err
}

// anyQueued reports whether a run may leave the queue.
func (s storage) anyQueued(ctx context.Context) (any bool, err error) {
	any, _, err = store.Row[bool](s.store.Read(ctx),
		`SELECT EXISTS (SELECT 1 FROM runs
			WHERE status = 'QUEUED' AND (not_before IS NULL OR not_before <= ?) AND `+itsTurn+`)`,
		time.Now().UnixMilli())
	return any, err
}

// countRunning counts the runs that a client has. Two replicas must not both find the last place.
func (s storage) countRunning(tx store.Tx, clientID string) (n int, err error) {
	if s.store.Shared() {
		if err := tx.Exec("SELECT pg_advisory_xact_lock(hashtext(?))", clientID); err != nil {
			return 0, fmt.Errorf("lock the runs of a client: %w", err)
		}
	}
	n, _, err = store.Row[int](tx,
		"SELECT COUNT(*) FROM runs WHERE client_id = ? AND status = 'RUNNING' AND status <> 'COMPLETED'", clientID)
	return n, store.Wrap(err, "count the runs of a client")
}

// claim claims those of the runs that are still in the queue. One that has waited for a person has its start already.
func (s storage) claim(tx store.Tx, ids []string, instance string) ([]row, error) {
	rows, err := store.Rows[row](tx, `UPDATE runs
		SET status = 'RUNNING', instance_id = ?, claim = claim + 1, started_at = COALESCE(started_at, ?)
		WHERE id IN (?) AND status = 'QUEUED' RETURNING *`, instance, time.Now().UnixMilli(), ids)
	return rows, store.Wrap(err, "claim runs")
}

// status returns the status of a run; of one that is not on record any more, that it has ended.
func (s storage) status(ctx context.Context, id string) (Status, error) {
	status, found, err := store.Row[string](s.store.Read(ctx), "SELECT status FROM runs WHERE id = ?", id)
	if err != nil || !found {
		return Completed, store.Wrap(err, "read the status of run %s", id)
	}
	return Status(status), nil
}

// setInput changes what a claimed run asks.
func setInput(tx store.Tx, r *Run) error {
	r = r.kept()
	err := tx.Exec("UPDATE runs SET input = ?, fence = ? WHERE id = ?", storable(r.Input),
		textOrNull(fenceText(r.Fence)), r.ID)
	return store.Wrap(err, "change the input of run %s", r.ID)
}

// backToQueue lets a run be claimed again that was claimed under that number, ahead of others; after a time, where
// that is not 0.
func backToQueue(tx store.Tx, id string, claim int64, crashes int, after time.Duration) error {
	var notBefore any
	if after > 0 {
		notBefore = time.Now().Add(after).UnixMilli()
	}
	n, err := tx.ExecCount(`UPDATE runs SET status = 'QUEUED', priority = ?, instance_id = NULL, started_at = NULL,
			attempts = attempts + 1, crashes = crashes + ?, not_before = ?
		WHERE id = ? AND status = 'RUNNING' AND claim = ?`,
		PriorityFirst, crashes, notBefore, id, claim)
	if err == nil && n != 1 {
		return errEnded
	}
	return err
}

// requestCancel writes on a run that has not ended that it is to be canceled, and returns it; false says that it
// has ended.
func (s storage) requestCancel(tx store.Tx, id string, now time.Time) (w row, found bool, err error) {
	w, found, err = store.Row[row](tx, `UPDATE runs SET cancel_requested_at = COALESCE(cancel_requested_at, ?)
		WHERE id = ? AND status IN ('QUEUED', 'RUNNING', 'WAITING') RETURNING *`, now.UnixMilli(), id)
	return w, found, store.Wrap(err, "cancel run %s", id)
}

// cancelRequested returns the ids of the runs of an instance that are to be canceled.
func (s storage) cancelRequested(ctx context.Context, instance string) ([]string, error) {
	return store.Rows[string](s.store.Read(ctx),
		"SELECT id FROM runs WHERE instance_id = ? AND status = 'RUNNING' AND cancel_requested_at IS NOT NULL",
		instance)
}

// owners returns the ids of the instances that have claimed runs.
func (s storage) owners(ctx context.Context) ([]string, error) {
	ids, err := store.Rows[string](s.store.Read(ctx), "SELECT DISTINCT instance_id FROM runs WHERE status = 'RUNNING'")
	return ids, store.Wrap(err, "look for the owners of runs")
}

// claimedBy returns the first runs that an instance has claimed.
func (s storage) claimedBy(ctx context.Context, instance string, limit int) ([]row, error) {
	rows, err := store.Rows[row](s.store.Read(ctx),
		"SELECT * FROM runs WHERE instance_id = ? AND status = 'RUNNING' ORDER BY id LIMIT ?", instance, limit)
	return rows, store.Wrap(err, "list the runs of instance %s", instance)
}

// claims returns all runs that an instance has claimed, as far as their ids and the numbers of their claims.
func (s storage) claims(ctx context.Context, instance string) ([]row, error) {
	rows, err := store.Rows[row](s.store.Read(ctx),
		"SELECT id, claim FROM runs WHERE instance_id = ? AND status = 'RUNNING'", instance)
	return rows, store.Wrap(err, "list the claims of instance %s", instance)
}

// claimedAmong returns those of the runs that an instance has claimed.
func (s storage) claimedAmong(ctx context.Context, ids []string, instance string) ([]row, error) {
	rows, err := store.Rows[row](s.store.Read(ctx),
		"SELECT * FROM runs WHERE id IN (?) AND instance_id = ? AND status = 'RUNNING'", ids, instance)
	return rows, store.Wrap(err, "read runs of instance %s", instance)
}
