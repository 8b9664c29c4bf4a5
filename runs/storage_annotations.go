package runs

import (
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/store"
)

// AddNote adds a note to a run that is annotated: one that began with notes, or whose calls are coalesced.
func AddNote(tx store.Tx, runID string, n Note) error {
	err := tx.Exec("INSERT INTO run_notes (run_id, id, at, kind, text) VALUES (?, ?, ?, ?, ?)",
		runID, ulid.Make().String(), n.At.UnixMilli(), n.Kind, storable(n.Text))
	return store.Wrap(err, "add a note to run %s", runID)
}

// addLateNote adds a note to any run.
func addLateNote(tx store.Tx, runID string, n Note) error {
	if err := tx.Exec("UPDATE runs SET annotated = ? WHERE id = ?", true, runID); err != nil {
		return store.Wrap(err, "note that run %s has notes", runID)
	}
	return AddNote(tx, runID, n)
}

func notesOf(tx store.Tx, runID string) ([]Note, error) {
	rows, err := store.Rows[struct {
		At         int64
		Kind, Text string
	}](tx, "SELECT at, kind, text FROM run_notes WHERE run_id = ? ORDER BY id", runID)
	list := make([]Note, len(rows))
	for i, r := range rows {
		list[i] = Note{At: time.UnixMilli(r.At).UTC(), Kind: r.Kind, Text: r.Text}
	}
	return list, store.Wrap(err, "read the notes of run %s", runID)
}

func inputsOf(tx store.Tx, runID string) ([]Input, error) {
	list, err := store.Rows[Input](tx,
		"SELECT key, fingerprint, starts_at, state FROM run_inputs WHERE run_id = ? ORDER BY place", runID)
	return list, store.Wrap(err, "read the inputs of run %s", runID)
}
