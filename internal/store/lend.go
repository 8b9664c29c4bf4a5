package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"

	"gorm.io/gorm"
)

// A library that brings its own statements, such as River, gets the one writer of a SQLite file as a *sql.DB. With
// connections of its own it would fight with the writer for the file's lock, which both would wait for by sleeping.

// rawConn is what a borrower uses of the driver's connection.
type rawConn interface {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
}

// rawOf returns the driver's connection below conn, which stays open as long as conn does.
func rawOf(conn *sql.Conn) (raw rawConn, err error) {
	err = conn.Raw(func(c any) error {
		var ok bool
		if raw, ok = c.(rawConn); !ok {
			return fmt.Errorf("the driver's connection is a %T, which cannot be lent", c)
		}
		return nil
	})
	return raw, err
}

// Borrowed returns the writer of a SQLite file as a database of its own: each of its transactions, and each statement
// outside of one, waits for its turn among the writes. Inside returns the same for statements within a Write.
// Both are nil on PostgreSQL.
func (s *Store) Borrowed() *sql.DB { return s.borrowed }

// Inside returns a transaction of database/sql whose statements are part of the Write that tx belongs to, on SQLite.
// To commit it or to roll it back does nothing; that is the Write's.
func (s *Store) Inside(ctx context.Context) (*sql.Tx, error) { return s.inside.BeginTx(ctx, nil) }

// lend waits for the writer's turn. The connection is the caller's until it calls back.
//
// What a borrower commits is not synced at once, but together with the next Write: a crash may take it back, never a
// part of it. River can live with that, since its jobs may be done twice, and each of its many small transactions would
// keep everybody waiting for the disk.
func (w *groupedWriter) lend(ctx context.Context) (back func(), err error) {
	turn, over := make(chan struct{}), make(chan struct{})
	back = sync.OnceFunc(func() { close(over) })
	if !w.enqueue(&pendingWrite{lend: func() {
		_ = w.exec("PRAGMA synchronous = NORMAL") // cannot fail outside of a transaction
		close(turn)
		<-over
		_ = w.exec("PRAGMA synchronous = FULL")
	}}) {
		return nil, errClosed
	}
	select {
	case <-turn:
		return back, nil
	case <-ctx.Done():
		back()
		return nil, context.Cause(ctx)
	}
}

// connector makes connections that borrow the writer's.
type connector struct {
	writer *groupedWriter
	inside bool // within a Write, whose turn it is already
}

func (c connector) Connect(context.Context) (driver.Conn, error) {
	return &borrowedConn{connector: c}, nil
}
func (c connector) Driver() driver.Driver { return nil }

// borrowedConn is one user's view of the writer's connection.
type borrowedConn struct {
	connector
	back func() // set while a transaction has the writer's connection
}

// turn waits for the writer, unless it is this connection's already.
func (c *borrowedConn) turn(ctx context.Context) (back func(), err error) {
	if c.inside || c.back != nil {
		return func() {}, nil
	}
	return c.writer.lend(ctx)
}

// BeginTx implements driver.ConnBeginTx.
func (c *borrowedConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if c.inside {
		return insideTx{}, nil
	}
	back, err := c.writer.lend(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		back()
		return nil, err
	}
	c.back = back
	return borrowedTx{c}, nil
}

// exec runs without the caller's context: see groupedWriter.exec.
func (c *borrowedConn) exec(statement string) error {
	_, err := c.writer.raw.ExecContext(context.Background(), statement, nil)
	return err
}

// ExecContext implements driver.ExecerContext.
func (c *borrowedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	back, err := c.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer back()
	return c.writer.raw.ExecContext(context.Background(), query, args)
}

// QueryContext implements driver.QueryerContext. The connection is given back when the rows are closed.
func (c *borrowedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	back, err := c.turn(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := c.writer.raw.QueryContext(context.Background(), query, args)
	if err != nil {
		back()
		return nil, err
	}
	return borrowedRows{rows, back}, nil
}

// Prepare implements driver.Conn; the users of this connection prepare nothing.
func (c *borrowedConn) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("a borrowed connection cannot prepare statements")
}

// Begin implements driver.Conn; database/sql calls BeginTx instead.
func (c *borrowedConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// Close implements driver.Conn. The writer's connection stays open.
func (c *borrowedConn) Close() error { return nil }

// borrowedTx is a transaction that has the writer's connection to itself.
type borrowedTx struct{ conn *borrowedConn }

func (t borrowedTx) Commit() error {
	defer t.end()
	err := t.conn.exec("COMMIT")
	if err != nil {
		_ = t.conn.exec("ROLLBACK")
	}
	return err
}

func (t borrowedTx) Rollback() error {
	defer t.end()
	return t.conn.exec("ROLLBACK")
}

func (t borrowedTx) end() {
	t.conn.back()
	t.conn.back = nil
}

// insideTx is the transaction of a Write, which ends it.
type insideTx struct{}

func (insideTx) Commit() error   { return nil }
func (insideTx) Rollback() error { return nil }

type borrowedRows struct {
	driver.Rows
	back func()
}

func (r borrowedRows) Close() error {
	defer r.back()
	return r.Rows.Close()
}

// PostgresConn calls fn with the connection of the driver that the Write of tx uses, on PostgreSQL.
func PostgresConn(tx *gorm.DB, fn func(conn any) error) error {
	t, ok := tx.Statement.ConnPool.(postgresTx)
	if !ok {
		return errors.New("not within a Write on PostgreSQL")
	}
	return t.conn.Raw(fn)
}
