package store

import (
	"strings"
	"sync"
	"time"

	zombiezen "zombiezen.com/go/sqlite"
)

// NewRow is a row to be inserted, column by column.
type NewRow struct {
	tx      Tx
	table   string
	columns []string
	values  []rowValue
}

// rowValue is the value of a column. Texts and numbers, which nearly all are, need no memory of their own in it.
type rowValue struct {
	kind   valueKind
	text   string
	number int64
	other  any
}

type valueKind uint8

const (
	nullValue valueKind = iota
	textValue
	numberValue
	otherValue
)

// arg returns the value as drivers take it.
func (v *rowValue) arg() any {
	switch v.kind {
	case textValue:
		return v.text
	case numberValue:
		return v.number
	}
	return v.other
}

// bind gives a question mark of a statement the value.
func (v *rowValue) bind(s *zombiezen.Stmt, at int) error {
	switch v.kind {
	case nullValue: // as it is without a value
	case textValue:
		s.BindText(at, v.text)
	case numberValue:
		s.BindInt64(at, v.number)
	default:
		return bind(s, at, v.other)
	}
	return nil
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

func (r *NewRow) set(column string, value rowValue) {
	r.columns = append(r.columns, column)
	r.values = append(r.values, value)
}

// Value sets a column to anything that the driver takes.
func (r *NewRow) Value(column string, value any) {
	r.set(column, rowValue{kind: otherValue, other: value})
}

// Text sets a column to a text; an empty one is null.
func (r *NewRow) Text(column, text string) {
	if text == "" {
		r.Null(column)
		return
	}
	r.TextOrEmpty(column, text)
}

// TextOrEmpty sets a column to a text, also to an empty one.
func (r *NewRow) TextOrEmpty(column, text string) {
	r.set(column, rowValue{kind: textValue, text: text})
}

// Number sets a column to a number.
func (r *NewRow) Number(column string, n int64) {
	r.set(column, rowValue{kind: numberValue, number: n})
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
func (r *NewRow) Null(column string) { r.set(column, rowValue{}) }

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

// args are the values as drivers take them.
func (r *NewRow) args() []any {
	args := make([]any, len(r.values))
	for i := range r.values {
		args[i] = r.values[i].arg()
	}
	return args
}

func (r *NewRow) insert() error {
	prepared := r.tx.write.prepared
	if prepared == nil {
		return r.tx.Exec(r.statement(), r.args()...)
	}
	if r.tx.store.watcher.Load() != nil {
		r.tx.store.tellWatcher(r.statement(), r.args())
	}
	return prepared.insert(r)
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
