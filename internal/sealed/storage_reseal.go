package sealed

import (
	"context"
	"fmt"

	"beckon/internal/secret"
	"beckon/internal/store"
)

// member is a column that may hold what is sealed. Its rows are known by one or two keys, and what is in them is
// sealed for a place.
type member struct {
	table, first, second string // second is empty for a table with one key
	column, place        string // an expression of SQL
}

// members are all of them. A test looks for what is sealed in any other column.
var members = []member{
	{"resources", "kind", "id", "spec", "kind || '/' || id"},
	{"runs", "id", "", "callback", "'callbacks/' || client_id"},
	{"deliveries", "id", "", "callback", "'callbacks/' || client_id"},
	{"sealed_content", "run_id", "place", "content", "'runs/' || run_id || '/' || place"},
	{"coalesce_calls", "run_id", "place", "event", "'runs/' || run_id || '/calls'"},
}

// resealTogether bounds the rows that are changed in one transaction.
const resealTogether = 100

// Resealed counts rows.
type Resealed struct {
	Changed int      `json:"changed"` // their secrets were, or are to be, sealed with the key in use
	Lost    []string `json:"lost"`    // where something opens with neither key: "resources providers/openai"
}

// Reseal seals everything in a database with the key of the sealer that was sealed with its previous one. It goes
// from row to row: when it breaks off, both keys are needed until it was run again. A dry run only counts. What a
// gateway changes meanwhile, it seals with its own key.
func Reseal(ctx context.Context, s *store.Store, x *secret.Sealer, dry bool) (r Resealed, err error) {
	for _, m := range members {
		for first, second := "", ""; ; {
			rows, err := m.behind(s.Read(ctx), first, second)
			if err != nil {
				return r, err
			}
			if len(rows) == 0 {
				break
			}
			if err := m.reseal(ctx, s, x, rows, dry, &r); err != nil {
				return r, err
			}
			first, second = rows[len(rows)-1].First, rows[len(rows)-1].Second
		}
	}
	return r, nil
}

type sealedRow struct{ First, Second, Content, Place string }

func (m member) keys() (first, second string) {
	if m.second == "" {
		return m.first, "''"
	}
	return m.first, "CAST(" + m.second + " AS TEXT)"
}

func (m member) behind(tx store.Tx, first, second string) ([]sealedRow, error) {
	one, other := m.keys()
	statement := fmt.Sprintf(`SELECT %[1]s AS first, %[2]s AS second, %[3]s AS content, %[4]s AS place FROM %[5]s
		WHERE %[3]s LIKE ? AND (%[1]s > ? OR %[1]s = ? AND %[2]s > ?) ORDER BY 1, 2 LIMIT %[6]d`,
		one, other, m.column, m.place, m.table, resealTogether)
	rows, err := store.Rows[sealedRow](tx, statement, "%"+secret.SealedPrefix+"%", first, first, second)
	return rows, store.Wrap(err, "look for what is sealed in %s", m.table)
}

func (m member) reseal(
	ctx context.Context, s *store.Store, x *secret.Sealer, rows []sealedRow, dry bool, r *Resealed,
) error {
	var changes []func(tx store.Tx) error
	for _, row := range rows {
		content, lost, err := x.Reseal(row.Content, row.Place)
		if err != nil {
			return err
		}
		if lost > 0 {
			r.Lost = append(r.Lost, m.table+" "+row.First+"/"+row.Second)
		}
		if content != row.Content {
			changes = append(changes, func(tx store.Tx) error { return m.replace(tx, row, content) })
		}
	}
	r.Changed += len(changes)
	if dry || len(changes) == 0 {
		return nil
	}
	return s.Write(ctx, func(tx store.Tx) error {
		for _, change := range changes {
			if err := change(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// replace leaves a row alone that has been changed since it was read.
func (m member) replace(tx store.Tx, row sealedRow, content string) error {
	one, other := m.keys()
	statement := fmt.Sprintf("UPDATE %[1]s SET %[2]s = ? WHERE %[3]s = ? AND %[4]s = ? AND %[2]s = ?",
		m.table, m.column, one, other)
	return store.Wrap(tx.Exec(statement, content, row.First, row.Second, row.Content), "seal %s anew", m.table)
}
