package artifacts

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/agents"
	"beckon/internal/store"
)

// storage keeps what is known of artifacts.
type storage struct{ store *store.Store }

// insert notes that a file is going to be written.
func insert(tx store.Tx, a *Artifact) error {
	err := tx.Exec(`INSERT INTO artifacts (id, run_id, client_id, node_id, state, storage_key, created_at)
		VALUES (?, ?, ?, ?, 'SAVING', ?, ?)`,
		a.ID, a.RunID, a.ClientID, a.NodeID, a.key, a.CreatedAt.UnixMilli())
	return store.Wrap(err, "note an artifact")
}

// saved notes that a file is there.
func saved(tx store.Tx, a *Artifact) error {
	n, err := tx.ExecCount(`UPDATE artifacts SET state = 'SAVED', name = ?, media_type = ?, bytes = ?, sha256 = ?
		WHERE id = ? AND state = 'SAVING'`,
		a.Name, a.MediaType, a.Bytes, a.SHA256, a.ID)
	if err == nil && n != 1 {
		return errors.New("an artifact was removed while it was saved")
	}
	return store.Wrap(err, "note artifact %s", a.ID)
}

// keep notes that a run names artifacts. One that an administrator has removed meanwhile stays removed.
func keep(tx store.Tx, runID string, ids []string) error {
	if _, err := keepSaved(tx, runID, ids); err != nil {
		return err
	}
	err := tx.Exec("UPDATE runs SET has_artifacts = ? WHERE id = ?", true, runID)
	return store.Wrap(err, "note that run %s has artifacts", runID)
}

// keepSaved keeps those of the artifacts that are saved, and returns how many they are.
func keepSaved(tx store.Tx, runID string, ids []string) (int64, error) {
	n, err := tx.ExecCount("UPDATE artifacts SET state = 'KEPT' WHERE run_id = ? AND id IN (?) AND state = 'SAVED'",
		runID, ids)
	return n, store.Wrap(err, "keep the artifacts of run %s", runID)
}

// row is an artifact as the table has it.
type row struct {
	ID, RunID, ClientID, NodeID, Name, MediaType string
	Bytes                                        int64
	Sha256, StorageKey                           string
	CreatedAt                                    int64
}

func (w row) artifact() *Artifact {
	return &Artifact{
		Artifact: agents.Artifact{
			ID:        w.ID,
			Name:      w.Name,
			MediaType: w.MediaType,
			Bytes:     w.Bytes,
			SHA256:    w.Sha256,
			NodeID:    w.NodeID,
		},
		RunID:     w.RunID,
		ClientID:  w.ClientID,
		CreatedAt: time.UnixMilli(w.CreatedAt).UTC(),
		key:       w.StorageKey,
	}
}

// get returns an artifact that a run names; nil when there is none.
func (s storage) get(ctx context.Context, id string) (*Artifact, error) {
	return s.one(ctx, "SELECT * FROM artifacts WHERE id = ? AND state = 'KEPT'", id)
}

// getOf returns an artifact of a client, also one that is not named yet; nil when there is none.
func (s storage) getOf(ctx context.Context, clientID, id string) (*Artifact, error) {
	return s.one(ctx,
		"SELECT * FROM artifacts WHERE id = ? AND client_id = ? AND state IN ('SAVED', 'KEPT')", id, clientID)
}

func (s storage) one(ctx context.Context, query string, args ...any) (*Artifact, error) {
	w, found, err := store.Row[row](s.store.Read(ctx), query, args...)
	if err != nil || !found {
		return nil, store.Wrap(err, "read an artifact")
	}
	return w.artifact(), nil
}

func keptOf(tx store.Tx, runID string) ([]agents.Artifact, error) {
	rows, err := store.Rows[row](tx, "SELECT * FROM artifacts WHERE run_id = ? AND state = 'KEPT' ORDER BY id", runID)
	if err != nil {
		return nil, store.Wrap(err, "read the artifacts of run %s", runID)
	}
	list := make([]agents.Artifact, len(rows))
	for i, w := range rows {
		list[i] = w.artifact().Artifact
	}
	return list, nil
}

// revoke removes an artifact that a run names; found is false when there is none.
func revoke(tx store.Tx, id string) (one unused, found bool, err error) {
	list, err := store.Rows[unused](tx,
		"UPDATE artifacts SET state = 'REMOVED' WHERE id = ? AND state = 'KEPT' RETURNING id, storage_key", id)
	if err != nil || len(list) == 0 {
		return one, false, store.Wrap(err, "remove artifact %s", id)
	}
	return list[0], true, nil
}

// discard removes those of the artifacts that no run names, and returns them.
func discard(tx store.Tx, ids []string) ([]unused, error) {
	list, err := store.Rows[unused](tx,
		"UPDATE artifacts SET state = 'REMOVED' WHERE id IN (?) AND state = 'SAVED' RETURNING id, storage_key", ids)
	return list, store.Wrap(err, "remove the files of a call")
}

func removeOf(tx store.Tx, runIDs []string) error {
	err := tx.Exec("UPDATE artifacts SET state = 'REMOVED', name = '' WHERE run_id IN (?)", runIDs)
	return store.Wrap(err, "remove the artifacts of runs")
}

func removeUploadsOf(tx store.Tx, runID string) error {
	err := tx.Exec("UPDATE artifacts SET state = 'REMOVED', name = '' WHERE run_id = ? AND node_id = ''", runID)
	return store.Wrap(err, "remove the files of the call of run %s", runID)
}

// unused returns artifacts that nobody needs, behind an id: those that were removed, those of runs that have ended
// without naming them, and of those that began before a time the ones that are not saved yet or whose run is not on
// record. A call's file is saved before its run is on record.
func (s storage) unused(ctx context.Context, after string, savingSince time.Time, limit int) ([]unused, error) {
	list, err := store.Rows[unused](s.store.Read(ctx), `SELECT a.id, a.storage_key FROM artifacts a
		LEFT JOIN runs r ON r.id = a.run_id
		WHERE a.state <> 'KEPT' AND a.id > ?
			AND (a.state = 'REMOVED' OR (a.state = 'SAVING' OR r.id IS NULL) AND a.created_at < ?
				OR a.state = 'SAVED' AND r.completed_at IS NOT NULL)
		ORDER BY a.id LIMIT ?`, after, savingSince.UnixMilli(), limit)
	return list, store.Wrap(err, "look for artifacts that nobody needs")
}

// markRemoved keeps artifacts that no run names from being saved or named any more.
func markRemoved(tx store.Tx, ids []string) error {
	err := tx.Exec("UPDATE artifacts SET state = 'REMOVED' WHERE id IN (?) AND state IN ('SAVING', 'SAVED')", ids)
	return store.Wrap(err, "remove artifacts")
}

func deleteRemoved(tx store.Tx, ids []string) error {
	return store.Wrap(tx.Exec("DELETE FROM artifacts WHERE id IN (?) AND state = 'REMOVED'", ids), "delete artifacts")
}

// count counts the artifacts that were made since a time: their ids begin with it.
func (s storage) count(ctx context.Context, since time.Time) (stats Stats, err error) {
	var first ulid.ULID
	_ = first.SetTime(uint64(max(since.UnixMilli(), 0))) // fails in the year 10889
	stats, _, err = store.Row[Stats](s.store.Read(ctx),
		"SELECT COUNT(*) AS count, COALESCE(SUM(bytes), 0) AS bytes FROM artifacts WHERE id >= ? AND state = 'KEPT'",
		idPrefix+first.String())
	return stats, store.Wrap(err, "count artifacts")
}
