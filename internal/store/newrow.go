package store

import (
	"database/sql"
	"strings"
	"sync"
	"time"
)

// NewRow is a row to be inserted, column by column.
type NewRow struct {
	tx      Tx
	table   string
	columns []string
	values  []any
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
	*r = NewRow{columns: r.columns[:0], values: r.values[:0]}
	newRows.Put(r)
}

// Value sets a column to anything that the driver takes.
func (r *NewRow) Value(column string, value any) {
	r.columns = append(r.columns, column)
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
func (r *NewRow) Number(column string, n int64) { r.Value(column, n) }

// Time sets a column to a time in milliseconds; a zero one is null.
func (r *NewRow) Time(column string, t time.Time) {
	if t.IsZero() {
		r.Null(column)
		return
	}
	r.Number(column, t.UnixMilli())
}

// Null sets a column to null.
func (r *NewRow) Null(column string) { r.Value(column, nil) }

// Insert writes the row at the end of the transaction, and on PostgreSQL at once when there were other statements. The row of a Write
// that fails is left out.
func (r *NewRow) Insert() error {
	if r.tx.write.begun {
		return r.InsertNow()
	}
	r.tx.write.rows = append(r.tx.write.rows, r)
	return nil
}

// InsertNow writes the row at once, so that statements of the same transaction find it.
func (r *NewRow) InsertNow() error {
	defer r.release()
	return r.insert()
}

func (r *NewRow) statement() string {
	return "INSERT INTO " + r.table + " (" + strings.Join(r.columns, ", ") + ") VALUES (" + strings.Repeat(", ?", len(r.columns))[2:] + ")"
}

func (r *NewRow) insert() error {
	statement := r.statement()
	if conn, ok := r.tx.conn.(*sql.Conn); ok && r.tx.write.sqlite {
		r.tx.store.tellWatcher(statement, r.values)
		return insertPrepared(conn, statement, r.values)
	}
	return r.tx.Exec(statement, r.values...)
}

// insertRows inserts the rows that the transaction has gathered.
func (t *transaction) insertRows() error {
	for _, r := range t.rows {
		if err := r.insert(); err != nil {
			return err
		}
	}
	return nil
}

// forgetRows lets go of the rows of a transaction: the next one may be hours away.
func (t *transaction) forgetRows() {
	for _, r := range t.rows {
		r.release()
	}
	clear(t.rows[:cap(t.rows)])
	t.rows = t.rows[:0]
}
