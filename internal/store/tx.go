package store

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"gorm.io/gorm"
)

// Tx runs statements: those of a Write in its transaction, those of a Read one by one. It must not be used any more
// when the function that a Write was given has returned.
//
// Placeholders are question marks on both databases, and a slice fills a list: "id IN (?)".
type Tx struct {
	store *Store
	ctx   context.Context
	conn  gorm.ConnPool
	write *transaction // nil for a Read
	err   error        // why nothing can be run
}

// transaction is what belongs to a transaction besides its statements. One goroutine at a time uses it: the one
// that calls the functions of its Writes.
type transaction struct {
	prepared *preparedConn // of SQLite: the connection that writes
	rows     []*NewRow     // to be inserted at its end, or on PostgreSQL before its first statement
	// of PostgreSQL: returns its connection, on which it begins when that is first asked for
	begin       func() (gorm.ConnPool, error)
	begun       bool // of PostgreSQL: begin has been called
	afterCommit []func()
	ifUndone    []func()
}

// undo calls what is to follow a transaction that was not committed, as far as it was added behind from.
func (t *transaction) undo(from int) {
	for _, fn := range t.ifUndone[from:] {
		fn()
	}
	clear(t.ifUndone[from:])
	t.ifUndone = t.ifUndone[:from]
}

// Context has the values of the caller of the Write or Read, such as a trace.
func (tx Tx) Context() context.Context { return tx.ctx }

// Exec runs a statement that returns no rows.
func (tx Tx) Exec(statement string, args ...any) error {
	_, err := tx.ExecCount(statement, args...)
	return err
}

// ExecCount is Exec that returns how many rows have been changed.
func (tx Tx) ExecCount(statement string, args ...any) (int64, error) {
	tx.store.tellWatcher(statement, args)
	if tx.err != nil {
		return 0, tx.err
	}
	// On SQLite, to have gorm complete a small statement is a tenth of what it costs.
	if tx.store.Shared() || slices.ContainsFunc(args, isList) {
		completed := tx.store.gorm.Raw(statement, args...).Statement
		statement, args = completed.SQL.String(), completed.Vars
	}
	if tx.write != nil && tx.write.prepared != nil {
		return tx.write.prepared.exec(statement, args)
	}
	conn, err := tx.connection()
	if err != nil {
		return 0, tx.classified(err)
	}
	result, err := conn.ExecContext(tx.ctx, statement, args...)
	if err != nil {
		return 0, tx.classified(err)
	}
	return result.RowsAffected()
}

// connection is what the next statement runs on.
func (tx Tx) connection() (gorm.ConnPool, error) {
	if tx.write == nil || tx.write.begin == nil {
		return tx.conn, tx.err
	}
	return tx.write.begin()
}

// Scrub runs fn of a Write, so that what it deletes or replaces is overwritten in SQLite's file, and not just space
// to be used again. PostgreSQL gives such space back by VACUUM.
func (tx Tx) Scrub(fn func() error) error {
	if tx.store.Shared() {
		return fn()
	}
	if err := tx.Exec("PRAGMA secure_delete = ON"); err != nil {
		return err
	}
	return errors.Join(fn(), tx.Exec("PRAGMA secure_delete = OFF"))
}

func isList(arg any) bool {
	t := reflect.TypeOf(arg)
	return t != nil && t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8
}

// Rows returns the rows of a query, or the rows that a statement with RETURNING has changed. T is either a struct
// whose fields are named after the columns (WorkflowID is workflow_id), or the type of a single column.
func Rows[T any](tx Tx, statement string, args ...any) ([]T, error) {
	var list []T
	err := tx.query(statement, args).Scan(&list).Error
	return list, tx.classified(err)
}

// Row returns the row of a query that has one at most; see Rows. found is false when it has none.
func Row[T any](tx Tx, statement string, args ...any) (row T, found bool, err error) {
	done := tx.query(statement, args).Scan(&row)
	return row, done.RowsAffected > 0, tx.classified(done.Error)
}

// Each calls each for every row of a query. scan reads the columns of the row into variables.
func (tx Tx) Each(each func(scan func(into ...any) error) error, statement string, args ...any) error {
	rows, err := tx.query(statement, args).Rows()
	if err != nil {
		return tx.classified(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return tx.classified(rows.Err())
}

func (tx Tx) query(statement string, args []any) *gorm.DB {
	tx.store.tellWatcher(statement, args)
	query := tx.store.gorm.Raw(statement, args...)
	query.Statement.Context = tx.ctx
	query.Statement.ConnPool, query.Error = tx.connection()
	return query
}

// classified classifies the errors of a Read. Those of a Write are classified when it ends.
func (tx Tx) classified(err error) error {
	if tx.write != nil {
		return err
	}
	return classify(err)
}

// AfterCommit calls fn when the transaction has been committed, before the Write returns. fn must not block.
func (tx Tx) AfterCommit(fn func()) { tx.write.afterCommit = append(tx.write.afterCommit, fn) }

// IfUndone calls fn when what the transaction has changed is undone, also when the function of its Write is going
// to be called again for that. fn must not block.
func (tx Tx) IfUndone(fn func()) { tx.write.ifUndone = append(tx.write.ifUndone, fn) }

// Watch calls fn for every statement from now on, with its placeholders and arguments. It replaces the previous fn.
// It is for tests.
func (s *Store) Watch(fn func(statement string, args []any)) { s.watcher.Store(&fn) }

// tellWatcher tells the fn of Watch, if there is one.
func (s *Store) tellWatcher(statement string, args []any) {
	if fn := s.watcher.Load(); fn != nil {
		(*fn)(statement, args)
	}
}
