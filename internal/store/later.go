package store

import (
	"context"
	"database/sql"
	"slices"

	"gorm.io/gorm"
)

// laterTogether bounds what is written with one statement: to bind many values costs the driver the square of their
// number.
const laterTogether = 32

// leftOver is what one write leaves to be written at the end of its transaction.
type leftOver struct {
	key   string
	item  any
	write func(tx *gorm.DB, items []any) error
}

// Later has item written at the end of the transaction of the Write whose tx it is, together with what other
// Writes in it have left under the same key: on SQLite they share a transaction, and a statement for all is cheaper than
// one for each. An item whose Write fails is left out; when what is written at the end fails, all of them fail. On
// PostgreSQL, item is written at once.
func (s *Store) Later(tx *gorm.DB, key string, item any, write func(tx *gorm.DB, items []any) error) error {
	w, ok := s.writer.(*groupedWriter)
	if !ok {
		return write(tx, []any{item})
	}
	w.later = append(w.later, leftOver{key, item, write})
	return nil
}

// writeLater writes what the group has left, key by key in the order in which they came up.
func (w *groupedWriter) writeLater() error {
	left := w.later
	for len(left) > 0 {
		first := left[0]
		var items []any
		var others []leftOver
		for _, l := range left {
			if l.key == first.key {
				items = append(items, l.item)
			} else {
				others = append(others, l)
			}
		}
		for part := range slices.Chunk(items, laterTogether) {
			if err := call(func(tx *gorm.DB) error { return first.write(tx, part) }, w.forOne(context.Background())); err != nil {
				return err
			}
		}
		left = others
	}
	return nil
}

// forgetLater lets go of what the transaction has written, and of its last context: they may hold megabytes, and the next
// transaction may be hours away.
func (w *groupedWriter) forgetLater() {
	clear(w.later[:cap(w.later)])
	w.later = w.later[:0]
	w.forOne(context.Background())
}

// Exec runs a statement of a Write without what gorm adds to it, which is a tenth of what a small statement costs on
// SQLite. Its placeholders are question marks.
func Exec(tx *gorm.DB, statement string, values ...any) error {
	_, err := ExecCount(tx, statement, values...)
	return err
}

// ExecCount is Exec that returns how many rows it has changed.
func ExecCount(tx *gorm.DB, statement string, values ...any) (int64, error) {
	if _, ok := tx.Statement.ConnPool.(*sql.Conn); !ok {
		done := tx.Exec(statement, values...)
		return done.RowsAffected, done.Error
	}
	result, err := tx.Statement.ConnPool.ExecContext(tx.Statement.Context, statement, values...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
