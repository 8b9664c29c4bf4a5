package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func requireUnavailable(t *testing.T, err error, about ...any) {
	t.Helper()
	require.True(t, problem.Is(err, problem.Unavailable), "%v %v", err, about)
	require.Equal(t, "storage_unavailable", problem.Of(err).Code)
	require.NotZero(t, problem.Of(err).RetryAfter)
}

func TestBrokenConnectionsAreUnavailable(t *testing.T) {
	pool, err := sql.Open("pgx", "postgres://127.0.0.1/x")
	require.NoError(t, err)
	require.NoError(t, pool.Close())
	_, err = pgx.Connect(t.Context(), "postgres://u@127.0.0.1:1/x")
	require.Error(t, err)

	for _, err := range []error{
		err,
		pool.PingContext(t.Context()),
		pgconn.ErrConnClosed,
		pgx.ErrTxClosed,
		driver.ErrBadConn,
		sql.ErrConnDone,
		sql.ErrTxDone,
		io.EOF,
		io.ErrUnexpectedEOF,
		net.ErrClosed,
		errors.New("closed pool"),
		&net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)},
		&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)},
		&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded},
		&pgconn.PgError{Code: "57P01"},
		&pgconn.PgError{Code: "25006"},
		&pgconn.PgError{Code: "40P01"},
	} {
		requireUnavailable(t, store.Classify(fmt.Errorf("read a run: %w", err)), err)
	}
	doubt := store.Classify(fmt.Errorf("%w: %w", store.ErrInDoubt, driver.ErrBadConn))
	requireUnavailable(t, doubt)
	require.Contains(t, problem.Of(doubt).Detail, "not known whether the change was recorded")
	require.NotContains(t, problem.Of(doubt).Detail, "Nothing was recorded")
	for _, err := range []error{
		errMine,
		context.Canceled,
		fmt.Errorf("timeout: %w", context.DeadlineExceeded),
		&pgconn.PgError{Code: "42P01"},
		problem.New(problem.Unavailable, "overloaded", "The queue is full."),
	} {
		require.Equal(t, err, store.Classify(err))
	}
}

func TestADatabaseThatRefusesConnectionsIsUnavailable(t *testing.T) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, url)
	restore := storetest.CutOff(t, url)
	tx := s.Read(t.Context())
	requireUnavailable(t, tx.Exec("SELECT 1"))
	_, err := store.Rows[string](tx, "SELECT id FROM runs")
	requireUnavailable(t, err)
	_, _, err = store.Row[int64](tx, "SELECT COUNT(*) FROM runs")
	requireUnavailable(t, err)
	requireUnavailable(t, tx.Each(func(func(...any) error) error { return errMine }, "SELECT id FROM runs"))
	_, err = catalog.Revision(t.Context(), s)
	requireUnavailable(t, err)
	requireUnavailable(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "x") }))
	requireUnavailable(t, s.Health(t.Context()))
	restore()
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "x") }))
	require.NoError(t, s.Health(t.Context()))
}

// What pgx says of a connection that is closed already ("conn closed") is an error of the connection as well.
func TestAConnectionThatBreaksWithinAWriteIsUnavailable(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	err := s.Write(t.Context(), func(tx store.Tx) error {
		if err := tx.Exec("SELECT pg_terminate_backend(pg_backend_pid())"); err == nil {
			return errors.New("the connection is still there")
		}
		return insert(tx, "x")
	})
	requireUnavailable(t, err)
	err = s.Write(t.Context(), func(tx store.Tx) error {
		_ = tx.Exec("SELECT pg_terminate_backend(pg_backend_pid())")
		return nil
	})
	requireUnavailable(t, err)
}

func TestACallerWhoLeavesSaysNothingAboutTheDatabase(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	ctx, leave := context.WithCancel(t.Context())
	err := s.Write(ctx, func(tx store.Tx) error {
		leave()
		_ = tx.Exec("SELECT pg_sleep(60)")
		return tx.Exec("SELECT 1")
	})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, problem.Is(err, problem.Unavailable), "%v", err)
	err = s.Read(ctx).Exec("SELECT 1")
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, problem.Is(err, problem.Unavailable), "%v", err)
	require.NoError(t, s.Health(t.Context()))
}
