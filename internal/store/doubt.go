package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// When the connection breaks during COMMIT, the transaction may have been committed or not. PostgreSQL remembers what
// came of a transaction for some time, so every transaction asks for its id when it begins, and looks itself up when
// the answer to its COMMIT is lost.

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

// begin begins a transaction and returns its id, in one round trip.
func begin(ctx context.Context, conn *sql.Conn) (xid string, err error) {
	err = onDriver(conn, func(c *pgx.Conn) error {
		results, err := c.PgConn().Exec(ctx, "BEGIN; SELECT pg_current_xact_id()").ReadAll()
		if err != nil {
			return err
		}
		if len(results) != 2 || len(results[1].Rows) != 1 {
			return errors.New("PostgreSQL did not say the id of a transaction")
		}
		xid = string(results[1].Rows[0][0])
		return nil
	})
	return xid, err
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

// broken ends the transaction that failed with err, and says when that was because its connection broke. Such a connection
// is not used again.
func broken(ctx context.Context, conn *sql.Conn, err error) error {
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

// askWhatCameOf returns nil when the transaction whose COMMIT failed with cause was committed after all.
func (w plainWriter) askWhatCameOf(ctx context.Context, xid string, cause error) error {
	if errors.Is(cause, errRolledBack) || refusedCommit(cause) {
		return cause
	}
	isPatient := ctx.Value(patient{}) != nil
	if !isPatient {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), doubtPatience)
		defer cancel()
	}
	for wait := doubtFirstWait; ; wait = min(2*wait, doubtMaxWait) {
		var status sql.NullString
		err := w.pool.QueryRowContext(ctx, "SELECT pg_xact_status($1::text::xid8)", xid).Scan(&status)
		switch {
		case err == nil && status.String == "committed":
			return nil
		case err == nil && status.String != "in progress", isForeign(err):
			return cause
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w (%v)", errInDoubt, driver.ErrBadConn, cause)
		}
	}
}

// refusedCommit reports whether the server itself said that the transaction is not committed.
func refusedCommit(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Severity == "ERROR"
}

// isForeign reports whether the server does not know the transaction: another one has taken its place, without it.
func isForeign(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "22023" // invalid_parameter_value: the transaction is in the future
}

// isConflict reports whether PostgreSQL rolled the transaction back because of another one, so that it may be tried
// again at once.
func isConflict(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}
