package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// When the connection breaks during COMMIT, the transaction may have been committed or not. So every transaction
// leaves a mark: it writes a number of its own into a row that no other transaction under way uses. When the answer
// to its COMMIT is lost, the row says whether that number was committed. PostgreSQL's own numbers of transactions
// do not serve: after a crash it gives those again that it has not written down.

const (
	// doubtPatience is how long a write waits for the database to say what came of its commit. A write that is tried
	// until its context ends waits as long as that.
	doubtPatience  = 10 * time.Second
	doubtFirstWait = 10 * time.Millisecond
	doubtMaxWait   = 500 * time.Millisecond
)

// errInDoubt is the error of a write that may have been committed: the database did not say so and cannot be asked.
var errInDoubt = errors.New("it is not known whether the transaction was committed")

// errRolledBack is the error of a COMMIT that PostgreSQL answered with a rollback, because a statement had failed.
var errRolledBack = errors.New("the transaction was rolled back, because one of its statements had failed")

// patient marks the context of a write that is tried until the context ends.
type patient struct{}

// onDriver calls fn with the driver's own connection.
func onDriver(conn *sql.Conn, fn func(*pgx.Conn) error) error {
	return conn.Raw(func(c any) error {
		under, ok := c.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver's connection is a %T, not pgx's", c)
		}
		return fn(under.Conn())
	})
}

// marks are the rows for the marks of this process.
type marks struct {
	process string
	numbers atomic.Int64
	mu      sync.Mutex
	free    []string // rows that no transaction uses
	rows    int
}

// mark is what one transaction writes.
type mark struct {
	row    string
	number int64
}

// newMark returns a mark for a transaction, which has its row to itself until it gives it back.
func (m *marks) newMark() mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.free) == 0 {
		m.rows++
		m.free = append(m.free, fmt.Sprintf("%s/%d", m.process, m.rows))
	}
	row := m.free[len(m.free)-1]
	m.free = m.free[:len(m.free)-1]
	return mark{row, m.numbers.Add(1)}
}

func (m *marks) giveBack(used mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = append(m.free, used.row)
}

// begin begins a transaction and leaves its mark, in one round trip.
func begin(ctx context.Context, conn *sql.Conn, m mark) error {
	return onDriver(conn, func(c *pgx.Conn) error {
		return c.PgConn().Exec(ctx,
			fmt.Sprintf("BEGIN; INSERT INTO commit_marks (owner, number, at) VALUES ('%s', %d, now()) "+
				"ON CONFLICT (owner) DO UPDATE SET number = excluded.number, at = excluded.at",
				m.row, m.number)).Close()
	})
}

// forgetMarks deletes what processes have left that are long gone. A database that has not been migrated yet has
// none, and on a standby the primary deletes them.
func forgetMarks(ctx context.Context, pool *sql.DB) error {
	var exists bool
	const ask = "SELECT to_regclass('commit_marks') IS NOT NULL AND current_setting('transaction_read_only') = 'off'"
	if err := pool.QueryRowContext(ctx, ask).Scan(&exists); err != nil || !exists {
		return err
	}
	_, err := pool.ExecContext(ctx, "DELETE FROM commit_marks WHERE at < now() - INTERVAL '1 day'")
	return err
}

// commit commits the transaction. It goes on when the caller leaves: the outcome has to be known.
func commit(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactionTimeout)
	defer cancel()
	return onDriver(conn, func(c *pgx.Conn) error {
		tag, err := c.Exec(ctx, "COMMIT", pgx.QueryExecModeSimpleProtocol)
		if err == nil && tag.String() == "ROLLBACK" {
			return errRolledBack
		}
		return err
	})
}

// rollBack ends the transaction that failed with err, and says when that was because its connection broke. Such a
// connection is not used again.
func rollBack(ctx context.Context, conn *sql.Conn, err error) error {
	rollback, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	failed := onDriver(conn, func(c *pgx.Conn) error {
		if c.IsClosed() {
			return driver.ErrBadConn
		}
		if _, err := c.Exec(rollback, "ROLLBACK", pgx.QueryExecModeSimpleProtocol); err != nil {
			return driver.ErrBadConn
		}
		return nil
	})
	if failed != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", driver.ErrBadConn, err)
	}
	return err
}

// lookUpCommit returns nil when the transaction whose COMMIT failed with cause was committed after all.
func lookUpCommit(ctx context.Context, pool *sql.DB, m mark, cause error) error {
	if errors.Is(cause, errRolledBack) || refusedCommit(cause) {
		return cause
	}
	if isPatient := ctx.Value(patient{}) != nil; !isPatient {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), doubtPatience)
		defer cancel()
	}
	for wait := doubtFirstWait; ; wait = min(2*wait, doubtMaxWait) {
		// FOR UPDATE waits for the transaction, should it still be under way.
		var number int64
		err := pool.QueryRowContext(ctx,
			"SELECT number FROM commit_marks WHERE owner = $1 FOR UPDATE", m.row).Scan(&number)
		switch {
		case err == nil && number == m.number:
			return nil
		case err == nil, errors.Is(err, sql.ErrNoRows):
			return cause
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w (%v)", errInDoubt, driver.ErrBadConn,
				cause) //nolint:errorlint // the cause decides nothing
		}
	}
}

// refusedCommit reports whether the server itself said that the transaction is not committed.
func refusedCommit(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Severity == "ERROR"
}

// isConflict reports whether PostgreSQL rolled the transaction back because of another one, so that it may be tried
// again at once.
func isConflict(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}
