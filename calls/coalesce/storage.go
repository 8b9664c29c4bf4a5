package coalesce

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"beckon/calls/senders"
	"beckon/internal/fence"
	"beckon/internal/store"
	"beckon/runs"
)

// storage reads and writes what is known of a client's keys. Its rows are inserted at once, and not at the end of
// the transaction: on SQLite other calls may be in the same one.
type storage struct {
	tx       store.Tx
	shared   bool
	clientID string
}

// rowsTogether bounds the rows of one INSERT.
const rowsTogether = 50

type gatheringRow struct {
	RunID        string
	Storm        bool
	AcceptedAt   int64
	Items, Bytes int
}

// Erase deletes the alerts that a run covers. If such an alert is reported again, it counts as a new one.
func Erase(tx store.Tx, runID string) error {
	for _, table := range []string{"coalesce_keys", "coalesce_items", "coalesce_calls"} {
		if err := tx.Exec("DELETE FROM "+table+" WHERE run_id = ?", runID); err != nil {
			return fmt.Errorf("forget the alerts of run %s: %w", runID, err)
		}
	}
	return nil
}

// known reads what is on record before a call, and lets no other call of the client in until the commit.
func (s storage) known(key string, rules Rules, now time.Time) (k Known, err error) {
	if s.shared {
		if err := s.tx.Exec("SELECT pg_advisory_xact_lock(18, hashtext(?))", s.clientID); err != nil {
			return k, fmt.Errorf("lock the keys of a client: %w", err)
		}
	}
	row, found, err := store.Row[struct {
		RunID  string
		Closed bool
		SeenAt int64
	}](s.tx, "SELECT run_id, closed, seen_at FROM coalesce_keys WHERE client_id = ? AND key = ?", s.clientID, key)
	if err != nil {
		return k, fmt.Errorf("read a key: %w", err)
	}
	switch {
	case found && row.SeenAt <= now.Add(-Life).UnixMilli():
		if err := s.drop(key); err != nil {
			return k, err
		}
	case found:
		k.RunID, k.Open = row.RunID, !row.Closed
		if k.Items, err = s.items(key); err != nil {
			return k, err
		}
	}
	starts, err := store.Rows[int64](s.tx,
		"SELECT due_at FROM coalesce_runs WHERE client_id = ? AND due_at > ? ORDER BY due_at DESC LIMIT ?",
		s.clientID, now.Add(-rules.Per).UnixMilli(), rules.MaxRuns)
	if err != nil {
		return k, fmt.Errorf("read the starts of a client's runs: %w", err)
	}
	for _, at := range starts {
		k.Starts = append(k.Starts, time.UnixMilli(at).UTC())
	}
	return k, s.gathering(&k)
}

func (s storage) items(key string) (map[identity]bool, error) {
	rows, err := store.Rows[struct{ Fingerprint, StartsAt, State string }](s.tx,
		"SELECT fingerprint, starts_at, state FROM coalesce_items WHERE client_id = ? AND key = ?", s.clientID, key)
	if err != nil {
		return nil, fmt.Errorf("read the items of a key: %w", err)
	}
	all := make(map[identity]bool, len(rows))
	for _, r := range rows {
		all[identity{r.Fingerprint, r.StartsAt}] = r.State == senders.Resolved
	}
	return all, nil
}

// gathering reads the key's run and the client's storm, where they gather. On PostgreSQL neither leaves the queue
// before the commit.
func (s storage) gathering(k *Known) error {
	query := `SELECT c.run_id, c.storm, c.accepted_at, c.items, c.bytes FROM coalesce_runs c
		WHERE c.client_id = ? AND c.gathering AND (c.run_id = ? OR c.storm)
			AND NOT EXISTS (SELECT 1 FROM runs r
				WHERE r.id = c.run_id AND (r.status <> 'QUEUED' OR r.cancel_requested_at IS NOT NULL))
		ORDER BY c.run_id`
	if s.shared {
		query += " FOR UPDATE OF c"
	}
	rows, err := store.Rows[gatheringRow](s.tx, query, s.clientID, k.RunID)
	if err != nil {
		return fmt.Errorf("read the runs that gather: %w", err)
	}
	for _, r := range rows {
		g := &Gathering{
			RunID:      r.RunID,
			Storm:      r.Storm,
			AcceptedAt: time.UnixMilli(r.AcceptedAt).UTC(),
			Items:      r.Items,
			Bytes:      r.Bytes,
		}
		if g.RunID == k.RunID {
			k.Gathering = g
		}
		if g.Storm {
			k.Storm = g // the last of them
		}
	}
	return nil
}

// gatheringOf returns the run of that id, where it gathers.
func (k Known) gatheringOf(runID string) *Gathering {
	for _, g := range []*Gathering{k.Gathering, k.Storm} {
		if g != nil && g.RunID == runID {
			return g
		}
	}
	return nil
}

// addCall keeps what a call says for the prompt of its run. joined is nil for a run that starts with it.
func (s storage) addCall(
	r *runs.Run, a *Arrival, d Decision, joined *Gathering, runID string, kept said, size, items int,
) error {
	gathers := true
	if joined == nil {
		gathers = size < maxBytes // one that is larger has its prompt already
		r.NotBefore = time.Time{}
		if d.Storm {
			r.NotBefore = d.At
		}
		err := s.tx.Exec(`INSERT INTO coalesce_runs (run_id, client_id, storm, accepted_at, due_at,
				gathering, calls, items, bytes)
			VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)`,
			runID, s.clientID, d.Storm, r.CreatedAt.UnixMilli(), d.At.UnixMilli(), gathers, items, size)
		if err != nil {
			return err
		}
	} else if err := s.tx.Exec(`UPDATE coalesce_runs SET calls = calls + 1, items = items + ?, bytes = bytes + ?
		WHERE run_id = ?`, items, size, runID); err != nil {
		return err
	}
	if !gathers {
		return nil
	}
	return s.tx.Exec(`INSERT INTO coalesce_calls (run_id, place, event, prompt, spans)
		SELECT ?, COALESCE(MAX(place), 0) + 1, ?, ?, ? FROM coalesce_calls
		WHERE run_id = ?`, runID, kept.Event, kept.Prompt, kept.Spans, runID)
}

// addInputs lists items that a run answers for. An item that it has already keeps its place.
func (s storage) addInputs(runID string, inputs []runs.Input, taken []int, joined *Gathering) error {
	place := 0
	if joined != nil {
		place = joined.Items
	}
	return s.insert("INSERT INTO run_inputs (run_id, key, fingerprint, starts_at, state, place) VALUES ", 6,
		" ON CONFLICT (run_id, key, fingerprint, starts_at) DO UPDATE SET state = excluded.state",
		once(inputs, taken), func(i int) []any {
			place++
			in := inputs[i]
			return []any{runID, in.Key, in.Fingerprint, in.StartsAt, in.State, place}
		})
}

// resolve says of items that they are resolved, where they are listed as well.
func (s storage) resolve(key string, inputs []runs.Input, which []int) error {
	for part := range slices.Chunk(which, rowsTogether) {
		condition, args := "", []any{s.clientID, key}
		for i, at := range part {
			if i > 0 {
				condition += " OR "
			}
			condition += "(fingerprint = ? AND starts_at = ?)"
			args = append(args, inputs[at].Fingerprint, inputs[at].StartsAt)
		}
		rows, err := store.Rows[struct{ RunID, Fingerprint, StartsAt string }](s.tx,
			"UPDATE coalesce_items SET state = 'resolved' WHERE client_id = ? AND key = ? AND ("+condition+
				") RETURNING run_id, fingerprint, starts_at", args...)
		if err != nil {
			return err
		}
		for _, r := range rows {
			err := s.tx.Exec(`UPDATE run_inputs SET state = 'resolved'
				WHERE run_id = ? AND key = ? AND fingerprint = ? AND starts_at = ?`,
				r.RunID, key, r.Fingerprint, r.StartsAt)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// keep writes the state of the key after a call. A closed key that fires again loses its known items.
func (s storage) keep(key, runID string, inputs []runs.Input, d Decision, now time.Time) error {
	reopens := len(d.Taken) > 0 && !d.Closes
	if reopens {
		if err := s.tx.Exec(`DELETE FROM coalesce_items WHERE client_id = ? AND key = ?
			AND EXISTS (SELECT 1 FROM coalesce_keys k
				WHERE k.client_id = ? AND k.key = ? AND k.closed)`, s.clientID, key, s.clientID, key); err != nil {
			return err
		}
	}
	closed := d.Closes
	if !reopens && !d.Closes { // it stays as it is
		return s.tx.Exec("UPDATE coalesce_keys SET seen_at = ? WHERE client_id = ? AND key = ?",
			now.UnixMilli(), s.clientID, key)
	}
	err := s.tx.Exec(`INSERT INTO coalesce_keys (client_id, key, run_id, closed, seen_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (client_id, key) DO UPDATE
		SET run_id = excluded.run_id, closed = excluded.closed, seen_at = excluded.seen_at`,
		s.clientID, key, runID, closed, now.UnixMilli())
	if err != nil {
		return err
	}
	if closed { // whatever its sender does not tell of any more is resolved with it
		if err := s.tx.Exec("UPDATE coalesce_items SET state = 'resolved' WHERE client_id = ? AND key = ?",
			s.clientID, key); err != nil {
			return err
		}
	}
	return s.insert("INSERT INTO coalesce_items (client_id, key, fingerprint, starts_at, state, run_id) VALUES ", 6,
		" ON CONFLICT (client_id, key, fingerprint, starts_at) DO UPDATE SET state = excluded.state, "+
			"run_id = excluded.run_id", once(inputs, d.Taken), func(i int) []any {
			in := inputs[i]
			return []any{s.clientID, key, in.Fingerprint, in.StartsAt, in.State, runID}
		})
}

// once leaves out items that are there twice, of which the last counts.
func once(inputs []runs.Input, taken []int) []int {
	last := make(map[identity]int, len(taken))
	for _, i := range taken {
		last[identity{inputs[i].Fingerprint, inputs[i].StartsAt}] = i
	}
	return slices.DeleteFunc(slices.Clone(taken), func(i int) bool {
		return last[identity{inputs[i].Fingerprint, inputs[i].StartsAt}] != i
	})
}

// insert inserts a row of so many columns for each of the items.
func (s storage) insert(head string, columns int, tail string, items []int, row func(i int) []any) error {
	marks := "(?" + strings.Repeat(", ?", columns-1) + ")"
	for part := range slices.Chunk(items, rowsTogether) {
		args := make([]any, 0, columns*len(part))
		for _, i := range part {
			args = append(args, row(i)...)
		}
		if err := s.tx.Exec(head+marks+strings.Repeat(", "+marks, len(part)-1)+tail, args...); err != nil {
			return err
		}
	}
	return nil
}

// said is what a call of a run says.
type said struct {
	Event, Prompt string
	Spans         *string
}

// prompt is the prompt with its parts. Where these cannot be read, all of it is data.
func (s said) prompt() fence.Text {
	text := fence.Text{Text: s.Prompt}
	if s.Spans == nil || json.Unmarshal([]byte(*s.Spans), &text.Spans) != nil {
		return fence.Data(s.Prompt)
	}
	return text
}

// ask lets a run take no more, and returns what its calls say where they are several.
func (s storage) ask(runID string) (list []said, err error) {
	calls, _, err := store.Row[int](s.tx,
		"UPDATE coalesce_runs SET gathering = ? WHERE run_id = ? RETURNING calls", false, runID)
	if err != nil {
		return nil, fmt.Errorf("let a run gather no more: %w", err)
	}
	if calls > 1 {
		if list, err = store.Rows[said](s.tx,
			"SELECT event, prompt, spans FROM coalesce_calls WHERE run_id = ? ORDER BY place", runID); err != nil {
			return nil, fmt.Errorf("read the calls of run %s: %w", runID, err)
		}
	}
	return list, s.tx.Exec("DELETE FROM coalesce_calls WHERE run_id = ?", runID)
}

// drop forgets a key.
func (s storage) drop(key string) error {
	for _, table := range []string{"coalesce_items", "coalesce_keys"} {
		if err := s.tx.Exec("DELETE FROM "+table+" WHERE client_id = ? AND key = ?", s.clientID, key); err != nil {
			return err
		}
	}
	return nil
}

// forget removes keys without a call for so long, and what nothing needs any more of runs.
func forget(tx store.Tx, now time.Time) error {
	over := now.Add(-Life).UnixMilli()
	if err := tx.Exec(`DELETE FROM coalesce_items WHERE EXISTS (SELECT 1 FROM coalesce_keys k
			WHERE k.client_id = coalesce_items.client_id AND k.key = coalesce_items.key AND k.seen_at <= ?)`, over); err != nil {
		return err
	}
	if err := tx.Exec("DELETE FROM coalesce_keys WHERE seen_at <= ?", over); err != nil {
		return err
	}
	if err := tx.Exec(`DELETE FROM coalesce_calls
		WHERE run_id IN (SELECT c.run_id FROM coalesce_runs c JOIN runs r ON r.id = c.run_id
		WHERE c.gathering AND r.status <> 'QUEUED')`); err != nil {
		return err
	}
	return tx.Exec(`DELETE FROM coalesce_runs
		WHERE due_at <= ? AND NOT EXISTS (SELECT 1 FROM runs r
			WHERE r.id = coalesce_runs.run_id AND r.status = 'QUEUED')`, over)
}
