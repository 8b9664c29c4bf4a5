package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/oklog/ulid/v2"
	"gorm.io/driver/postgres"
)

const (
	postgresConns    = 32
	postgresIdleTime = 5 * time.Minute

	// transactionTimeout ends a transaction on a connection over which nothing comes any more.
	transactionTimeout = 30 * time.Second
	connectTimeout     = 10 * time.Second
	// maxConflicts is how often a transaction is tried that PostgreSQL rolls back because of another one.
	maxConflicts = 5
	// maxStale is how many connections of the pool are tried that turn out to be broken.
	maxStale = 3
)

// plainWriter is a transaction of its own for each write: PostgreSQL groups the syncs of concurrent commits itself.
type plainWriter struct {
	store *Store
	pool  *sql.DB
	marks *marks
}

func (w plainWriter) write(ctx context.Context, fn func(tx Tx) error, done func(error)) {
	go func() {
		var err error
		for range maxConflicts {
			if err = w.transact(ctx, fn); !isConflict(err) {
				break
			}
		}
		done(err)
	}()
}

// How far a transaction came before it failed.
type stage int

const (
	beginning stage = iota // nothing was done
	working
	committing
)

// transact runs fn in one transaction. An error says that nothing was committed, except errInDoubt.
func (w plainWriter) transact(ctx context.Context, fn func(tx Tx) error) error {
	t, m := &transaction{}, w.marks.newMark()
	at, err := w.try(ctx, t, m, fn)
	for n := 0; n < maxStale && at == beginning && errors.Is(err, driver.ErrBadConn) && ctx.Err() == nil; n++ {
		at, err = w.try(ctx, t, m, fn) // the connection had waited in the pool, and broke there
	}
	if at == committing && err != nil {
		err = w.lookUpCommit(ctx, m, err)
	}
	if !errors.Is(err, errInDoubt) {
		w.marks.giveBack(m)
	}
	if err != nil {
		t.undo(0)
		return err
	}
	for _, f := range t.afterCommit {
		f()
	}
	return nil
}

// try runs fn in a transaction and gives its connection back.
func (w plainWriter) try(ctx context.Context, t *transaction, m mark, fn func(tx Tx) error) (at stage, err error) {
	bounded, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() == nil && bounded.Err() != nil {
			err = fmt.Errorf("%w: it did not answer for %s", driver.ErrBadConn, transactionTimeout)
		}
	}()
	conn, err := w.pool.Conn(bounded)
	if err != nil {
		return beginning, err
	}
	defer func() { _ = conn.Close() }()
	if err = begin(bounded, conn, m); err != nil {
		return beginning, rollBack(ctx, conn, err)
	}
	if err := call(fn, Tx{store: w.store, ctx: bounded, conn: conn, write: t}); err != nil {
		return working, rollBack(ctx, conn, err)
	}
	return committing, commit(ctx, conn)
}

func openPostgres(ctx context.Context, url string, logger *slog.Logger, prepare prepare) (*Store, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open the PostgreSQL database: %w", redactURL(err, url))
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(postgresConns)
	pool.SetMaxIdleConns(postgresConns)
	pool.SetConnMaxIdleTime(postgresIdleTime)
	s := &Store{read: pool, closers: []func() error{pool.Close}}
	s.writer = plainWriter{s, pool, &marks{process: ulid.Make().String()}}
	if s.gorm, err = openGorm(postgres.New(postgres.Config{Conn: pool})); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open the PostgreSQL database: %w", redactURL(err, url))
	}
	if err := migratePostgres(ctx, pool, logger, prepare); err != nil {
		_ = s.Close()
		return nil, redactURL(err, url)
	}
	if err := forgetMarks(ctx, pool); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("delete the marks of earlier processes: %w", err)
	}
	return s, nil
}
