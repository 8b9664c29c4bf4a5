package budgets

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"beckon/internal/store"
)

// rowsTogether bounds the rows of one statement.
const rowsTogether = 32

type storage struct{ store *store.Store }

// taken is what a window has, in the unit of its limit.
type taken struct {
	used, reserved    int64
	warned, exhausted int64 // the limit of which it was told, or 0
}

func (t taken) sum() int64 { return t.used + t.reserved }

type windowRow struct {
	ID                                string
	Used, Reserved, Warned, Exhausted int64
}

func (w windowRow) taken() taken { return taken{w.Used, w.Reserved, w.Warned, w.Exhausted} }

// lock makes the windows that are not there, and returns what all have. Nobody else changes them before the commit.
// They come sorted by id, so that two who lock several don't wait for each other.
func (storage) lock(tx store.Tx, windows []*window) (map[string]*taken, error) {
	all := make(map[string]*taken, len(windows))
	for some := range slices.Chunk(windows, rowsTogether) {
		var args []any
		for _, w := range some {
			args = append(args, w.id, w.unknown, textOrNull(w.runID), millisOrNull(w))
		}
		rows, err := store.Rows[windowRow](tx,
			`INSERT INTO budget_windows (id, used, reserved, run_id, ends_at) VALUES `+
				strings.Repeat("(?, ?, 0, ?, ?), ", len(some)-1)+`(?, ?, 0, ?, ?)
			ON CONFLICT (id) DO UPDATE SET used = budget_windows.used
			RETURNING id, used, reserved, warned, exhausted`, args...)
		if err != nil {
			return nil, store.Wrap(err, "lock the windows of budgets")
		}
		for _, row := range rows {
			has := row.taken()
			all[row.ID] = &has
		}
	}
	return all, nil
}

// put writes what the windows have, which are locked.
func (storage) put(tx store.Tx, ids []string, all map[string]*taken) error {
	for some := range slices.Chunk(ids, rowsTogether) {
		var args []any
		for _, id := range some {
			has := all[id]
			args = append(args, id, has.used, has.reserved, has.warned, has.exhausted)
		}
		err := tx.Exec(`INSERT INTO budget_windows (id, used, reserved, warned, exhausted) VALUES `+
			strings.Repeat("(?, ?, ?, ?, ?), ", len(some)-1)+`(?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET used = excluded.used, reserved = excluded.reserved, warned = excluded.warned,
				exhausted = excluded.exhausted`, args...)
		if err != nil {
			return store.Wrap(err, "write the windows of budgets")
		}
	}
	return nil
}

// add writes a reservation.
func (storage) add(tx store.Tx, r *reservation, instance string) error {
	amounts, err := json.Marshal(r.amounts)
	if err != nil {
		return store.Wrap(err, "encode a reservation")
	}
	row := tx.NewRow("budget_reservations")
	row.Text("id", r.id)
	row.Text("instance_id", instance)
	row.Text("run_id", r.runID)
	row.Number("claim", r.claim)
	row.Value("amounts", string(amounts))
	return row.Insert()
}

// remove deletes reservations, and returns the ids of those that were there.
func (storage) remove(tx store.Tx, ids []string) (map[string]bool, error) {
	there := map[string]bool{}
	for some := range slices.Chunk(ids, 4*rowsTogether) {
		rows, err := store.Rows[string](tx, "DELETE FROM budget_reservations WHERE id IN (?) RETURNING id", some)
		if err != nil {
			return nil, store.Wrap(err, "delete reservations")
		}
		for _, id := range rows {
			there[id] = true
		}
	}
	return there, nil
}

// take returns what the windows of these ids have; one that is not in the table has nothing.
func (s storage) take(ctx context.Context, ids []string) (map[string]taken, error) {
	all := map[string]taken{}
	rows, err := store.Rows[windowRow](s.store.Read(ctx),
		"SELECT id, used, reserved, warned, exhausted FROM budget_windows WHERE id IN (?)", ids)
	for _, row := range rows {
		all[row.ID] = row.taken()
	}
	return all, store.Wrap(err, "read the windows of budgets")
}

type reservationRow struct {
	ID, Amounts string
}

// reservedBy returns reservations of an instance.
func (s storage) reservedBy(ctx context.Context, instance string, limit int) ([]reservationRow, error) {
	rows, err := store.Rows[reservationRow](s.store.Read(ctx),
		"SELECT id, amounts FROM budget_reservations WHERE instance_id = ? ORDER BY id LIMIT ?", instance, limit)
	return rows, store.Wrap(err, "read reservations")
}

func (s storage) owners(ctx context.Context) ([]string, error) {
	ids, err := store.Rows[string](s.store.Read(ctx), "SELECT DISTINCT instance_id FROM budget_reservations")
	return ids, store.Wrap(err, "look for processes with reservations")
}

// removeOld deletes the windows that ended before a time, and those of runs that have ended. unknown is what the
// ids of runs are less than that may not be on record any more, or never were.
func (s storage) removeOld(ctx context.Context, before int64, unknown string) error {
	return s.store.Write(ctx, func(tx store.Tx) error {
		if err := tx.Exec("DELETE FROM budget_windows WHERE ends_at < ?", before); err != nil {
			return store.Wrap(err, "delete windows")
		}
		err := tx.Exec(`DELETE FROM budget_windows WHERE run_id IS NOT NULL AND reserved = 0 AND (
			EXISTS (SELECT 1 FROM runs WHERE runs.id = budget_windows.run_id AND runs.completed_at IS NOT NULL)
			OR run_id < ? AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = budget_windows.run_id))`, unknown)
		return store.Wrap(err, "delete the windows of runs")
	})
}

func textOrNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func millisOrNull(w *window) any {
	if w.endsAt.IsZero() {
		return nil
	}
	return w.endsAt.UnixMilli()
}

// end takes what was reserved away from windows; used says that it is used instead.
func (storage) end(tx store.Tx, ids []string, reserved map[string]int64, areUsed bool) error {
	for _, id := range ids {
		amount, used := reserved[id], int64(0)
		if areUsed {
			used = amount
		}
		if err := tx.Exec("UPDATE budget_windows SET reserved = reserved - ?, used = used + ? WHERE id = ?",
			amount, used, id); err != nil {
			return store.Wrap(err, "settle reservations")
		}
	}
	return nil
}
