package events

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"beckon/internal/memory"
	"beckon/internal/store"
)

func insert(tx store.Tx, e Event) error {
	row := tx.NewRow("events")
	row.Text("run_id", e.RunID)
	row.Text("id", e.ID)
	row.Text("type", e.Type)
	row.TextOrEmpty("payload", memory.Text(e.Payload))
	return row.Insert()
}

// query returns the events of a condition and an order.
func query(tx store.Tx, where string, args ...any) ([]Event, error) {
	rows, err := store.Rows[struct{ RunID, ID, Type, Payload string }](tx,
		"SELECT run_id, id, type, payload FROM events "+where, args...)
	if err != nil {
		return nil, err
	}
	list := make([]Event, len(rows))
	for i, r := range rows {
		list[i] = Event{ID: r.ID, RunID: r.RunID, Type: r.Type, Payload: memory.Bytes(r.Payload)}
		// others have no error, and may be long
		if r.Type == RunFailed || r.Type == RunCanceled || r.Type == NodeFailed {
			list[i].Payload = Current(list[i].Payload)
		}
	}
	return list, nil
}

// behind returns a page of the events of a run behind the one with the id after.
func behind(tx store.Tx, runID, after string) ([]Event, error) {
	return query(tx, "WHERE run_id = ? AND id > ? ORDER BY id LIMIT ?", runID, after, pageSize)
}

// behindEach returns the events of several runs behind one of each.
func behindEach(tx store.Tx, after []Ref) ([]Event, error) {
	return query(tx, "WHERE "+anyOf("run_id = ? AND id > ?", after)+" ORDER BY run_id, id", argsOf(after)...)
}

// anyOf is the condition that one holds for any of the events.
func anyOf(condition string, refs []Ref) string {
	return "(" + condition + ")" + strings.Repeat(" OR ("+condition+")", len(refs)-1)
}

func argsOf(refs []Ref) []any {
	args := make([]any, 0, 2*len(refs))
	for _, r := range refs {
		args = append(args, r.RunID, r.ID)
	}
	return args
}

// lookTogether bounds what is asked for with one query.
const lookTogether = 32

// Find returns the events of those names that are in the log of a store, by id.
func Find(ctx context.Context, s *store.Store, refs []Ref) (map[string]Event, error) {
	found := make(map[string]Event, len(refs))
	for part := range slices.Chunk(refs, lookTogether) {
		list, err := query(s.Read(ctx), "WHERE "+anyOf("run_id = ? AND id = ?", part), argsOf(part)...)
		if err != nil {
			return nil, fmt.Errorf("find events: %w", err)
		}
		for _, e := range list {
			found[e.ID] = e
		}
	}
	return found, nil
}

// Last returns the id of a run's last event, or nothing when there is none.
func Last(tx store.Tx, runID string) (id string, err error) {
	id, _, err = store.Row[string](tx, "SELECT id FROM events WHERE run_id = ? ORDER BY id DESC LIMIT 1", runID)
	return id, err
}

// Trim removes the pieces of text of a run: it begins to write its answer anew.
func Trim(tx store.Tx, runID string) error {
	return tx.Exec("DELETE FROM events WHERE run_id = ? AND type = 'message.delta'", runID)
}
