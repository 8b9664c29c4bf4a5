package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/oklog/ulid/v2"
	"github.com/pressly/goose/v3"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

const (
	// How many connections there are where nothing is said.
	fewestConns, connsPerProcessor, mostConns = 16, 8, 64
	postgresIdleTime                          = 5 * time.Minute

	// transactionTimeout ends a transaction on a connection over which nothing comes any more.
	transactionTimeout = 30 * time.Second
	connectTimeout     = 10 * time.Second
	// maxConflicts is how often a transaction is tried that PostgreSQL rolls back because of another one.
	maxConflicts = 5
	// maxStale is how many connections of the pool are tried that turn out to be broken.
	maxStale = 3
)

// plainWriter is a transaction of its own for each write: PostgreSQL groups the syncs of concurrent commits itself.
// Writes that do nothing but insert rows share one; see rowGroups.
type plainWriter struct {
	store  *Store
	pool   *sql.DB
	marks  *marks
	groups *rowGroups
}

func (w plainWriter) write(ctx context.Context, fn func(tx Tx) error, done func(error)) {
	go func() {
		var err error
		for range maxConflicts {
			if err = w.transact(ctx, fn); !isConflict(err) && !w.store.plans.outdated(err) {
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
	m := w.marks.newMark()
	t, at, err := w.try(ctx, m, fn)
	for n := 0; n < maxStale && at == beginning && errors.Is(err, driver.ErrBadConn) && !errors.Is(err, errInDoubt) &&
		ctx.Err() == nil; n++ {
		t.undo(0)
		t, at, err = w.try(ctx, m, fn) // the connection had waited in the pool, and broke there
	}
	if at == committing && err != nil {
		err = lookUpCommit(ctx, w.pool, m, err)
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

// try runs fn in a transaction and gives its connection back. The transaction begins with the first statement: one
// that has none but rows to insert is left to the groups.
func (w plainWriter) try(ctx context.Context, m mark, fn func(tx Tx) error) (t *transaction, at stage, err error) {
	bounded, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() == nil && bounded.Err() != nil {
			err = fmt.Errorf("%w: it did not answer for %s", driver.ErrBadConn, transactionTimeout)
		}
	}()
	o := &opening{writer: w, ctx: bounded, mark: m}
	t = &transaction{begin: o.begin}
	o.transaction = t
	defer t.forgetRows()
	defer o.close()
	err = call(fn, Tx{store: w.store, ctx: bounded, write: t})
	switch {
	case err == nil && !t.begun && len(t.rows) > 0:
		return t, beginning, w.groups.insert(ctx, t.rows)
	case err == nil && !t.begun:
		return t, working, nil
	case o.conn == nil:
		return t, beginning, err
	case err != nil:
		return t, working, rollBack(ctx, o.conn, err)
	}
	return t, committing, commit(ctx, o.conn)
}

// opening begins a transaction when its first statement needs a connection.
type opening struct {
	writer      plainWriter
	ctx         context.Context
	mark        mark
	transaction *transaction
	conn        *sql.Conn
	err         error
}

// begin returns the connection of the transaction. Rows that wait are inserted before anything else is done.
func (o *opening) begin() (gorm.ConnPool, error) {
	if o.transaction.begun {
		return o.conn, o.err
	}
	o.transaction.begun = true
	if o.conn, o.err = o.writer.pool.Conn(o.ctx); o.err != nil {
		return nil, o.err
	}
	if o.err = begin(o.ctx, o.conn, o.mark); o.err != nil {
		o.err = rollBack(o.ctx, o.conn, o.err)
		o.close()
		return nil, o.err
	}
	o.err = o.transaction.insertRows()
	return o.conn, o.err
}

func (o *opening) close() {
	if o.conn != nil {
		_ = o.conn.Close()
		o.conn = nil
	}
}

func postgresConfig(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open the PostgreSQL database: %w", redactURL(err, url))
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	return config, nil
}

// setConnections bounds the connections of a pool; 0 goes by the number of processors.
func setConnections(pool *sql.DB, most int) {
	if most == 0 {
		most = min(max(fewestConns, connsPerProcessor*runtime.GOMAXPROCS(0)), mostConns)
	}
	pool.SetMaxOpenConns(most)
	pool.SetMaxIdleConns(most)
	pool.SetConnMaxIdleTime(postgresIdleTime)
}

func openPostgres(ctx context.Context, url string, logger *slog.Logger, prepare prepare) (*Store, error) {
	config, err := postgresConfig(url)
	if err != nil {
		return nil, err
	}
	plans := &plans{}
	pool := plans.openPool(config)
	setConnections(pool, 0)
	s := &Store{read: pool, plans: plans, closers: []func() error{pool.Close}}
	marks := &marks{process: ulid.Make().String()}
	groups := newRowGroups(s, pool, marks)
	s.writer = plainWriter{s, pool, marks, groups}
	s.closers = append([]func() error{groups.close}, s.closers...)
	if s.gorm, err = openGorm(postgres.New(postgres.Config{Conn: pool})); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open the PostgreSQL database: %w", redactURL(err, url))
	}
	err = prepare(ctx, goose.DialectPostgres, pool, logger)
	if err == nil {
		err = Wrap(forgetMarks(ctx, pool), "delete the marks of earlier processes")
	}
	if err != nil {
		_ = s.Close()
		return nil, redactURL(explainPooler(err), url)
	}
	return s, nil
}
