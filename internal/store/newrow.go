package store

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// rowsTogether bounds the rows of one INSERT: to bind many values costs SQLite's driver the square of their number.
const rowsTogether = 32

// NewRow is a row to be inserted, column by column. For SQLite numbers and nulls stand in the statement itself, because every
// value to bind makes all others cost more; PostgreSQL keeps statements by their text, which should not change from row to row.
type NewRow struct {
	tx      Tx
	table   string
	columns []string
	text    []byte // "?, NULL, 17"
	values  []any  // one for each question mark
}

// newRows are rows whose memory can be used again.
var newRows = sync.Pool{New: func() any { return new(NewRow) }}

// NewRow begins a row of a table. A column that it is not given has its default. The row belongs to its Insert from then on.
func (tx Tx) NewRow(table string) *NewRow {
	r := newRows.Get().(*NewRow)
	r.tx, r.table = tx, table
	return r
}

// release lets go of the row and its values, which may be megabytes.
func (r *NewRow) release() {
	clear(r.values)
	*r = NewRow{columns: r.columns[:0], text: r.text[:0], values: r.values[:0]}
	newRows.Put(r)
}

func (r *NewRow) add(column, text string) {
	if len(r.columns) > 0 {
		r.text = append(r.text, ", "...)
	}
	r.columns = append(r.columns, column)
	r.text = append(r.text, text...)
}

// Value sets a column to anything that the driver takes.
func (r *NewRow) Value(column string, value any) {
	r.add(column, "?")
	r.values = append(r.values, value)
}

// Text sets a column to a text; an empty one is null.
func (r *NewRow) Text(column, text string) {
	if text == "" {
		r.Null(column)
		return
	}
	r.Value(column, text)
}

// Number sets a column to a number.
func (r *NewRow) Number(column string, n int64) {
	if !r.tx.write.sqlite {
		r.Value(column, n)
		return
	}
	r.add(column, "")
	r.text = strconv.AppendInt(r.text, n, 10)
}

// Time sets a column to a time in milliseconds; a zero one is null.
func (r *NewRow) Time(column string, t time.Time) {
	if t.IsZero() {
		r.Null(column)
		return
	}
	r.Number(column, t.UnixMilli())
}

// Null sets a column to null.
func (r *NewRow) Null(column string) { r.add(column, "NULL") }

// Insert writes the row. On SQLite it is written at the end of the transaction, together with those that other Writes in it
// have for the same columns: a statement for all is cheaper than one for each. The row of a Write that fails is left out;
// when such a statement fails, all Writes of the transaction fail.
func (r *NewRow) Insert() error {
	if !r.tx.write.sqlite {
		return r.InsertNow()
	}
	r.tx.write.rows = append(r.tx.write.rows, r)
	return nil
}

// InsertNow writes the row at once, so that statements of the same transaction find it.
func (r *NewRow) InsertNow() error {
	defer r.release()
	return r.tx.insert([]*NewRow{r})
}

// insertRows inserts what the transaction has gathered, in the order in which the tables came up.
func (tx Tx) insertRows() error {
	for left := tx.write.rows; len(left) > 0; {
		var alike, others []*NewRow
		for _, r := range left {
			if r.table == left[0].table && slices.Equal(r.columns, left[0].columns) {
				alike = append(alike, r)
			} else {
				others = append(others, r)
			}
		}
		for rows := range slices.Chunk(alike, rowsTogether) {
			if err := tx.insert(rows); err != nil {
				return err
			}
		}
		left = others
	}
	return nil
}

// insert inserts rows of the same columns.
func (tx Tx) insert(rows []*NewRow) error {
	var statement strings.Builder
	values := make([]any, 0, len(rows)*len(rows[0].values))
	statement.WriteString("INSERT INTO " + rows[0].table + " (" + strings.Join(rows[0].columns, ", ") + ") VALUES ")
	for i, r := range rows {
		if i > 0 {
			statement.WriteString(", ")
		}
		statement.WriteString("(")
		statement.Write(r.text)
		statement.WriteString(")")
		values = append(values, r.values...)
	}
	return tx.Exec(statement.String(), values...)
}

// forgetRows lets go of the rows of a transaction: the next one may be hours away.
func (t *transaction) forgetRows() {
	for _, r := range t.rows {
		r.release()
	}
	clear(t.rows[:cap(t.rows)])
	t.rows = t.rows[:0]
}
