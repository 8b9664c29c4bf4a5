// Package store opens and migrates the database, and runs the statements of everybody else: SQLite by default,
// PostgreSQL for several replicas. A Read runs queries, and only a Write changes anything.
//
// On SQLite one goroutine, groupedWriter.run, owns the one connection that writes:
//
//   - It takes the Writes that have come in meanwhile, a group, into one transaction, and calls their functions one
//     after the other. All of them return when it has been synced to the disk.
//   - A Write that fails takes back its own changes and no others. The group is run again for that, with a
//     savepoint around each of its Writes, so that a function may be called twice.
//   - Rows of NewRow are inserted at the end of the transaction. No statement of the same transaction finds them.
//   - It also calls what is to follow the commit, and the functions that Go tells of the outcome. None of them may
//     block.
//
// On PostgreSQL each Write has a goroutine, a connection and a transaction of its own. It is run again when
// PostgreSQL rolls it back because of another one. It leaves a mark, by which the outcome of a COMMIT is found
// whose answer was lost.
//
// A file has one gateway; see Claim. Health is what the last Writes say of the database, and what a watch finds by
// trying.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"gorm.io/gorm"
	gormlog "gorm.io/gorm/logger"
)

// Store is an open database. Reads go through Read, changes through Write and nothing else.
type Store struct {
	gorm     *gorm.DB // completes statements and scans rows
	read     *sql.DB
	plans    *plans   // of PostgreSQL
	replica  *replica // of PostgreSQL, where one is configured
	writer   writer
	siblings siblings
	file     *file // of SQLite
	health   health
	watcher  atomic.Pointer[func(statement string, args []any)]
	log      *slog.Logger
	closers  []func() error
	closed   atomic.Bool
}

// writer runs fn in a transaction and calls done once, when it is durable or rolled back.
type writer interface {
	write(ctx context.Context, fn func(tx Tx) error, done func(error))
}

// Options are what a PostgreSQL database may be used with. The zero Options are for any database.
type Options struct {
	ReadURL        string // of a read replica, for what may be a little behind; empty for none
	MaxConnections int    // to each of the two; 0 goes by the number of processors
	MustExist      bool   // no database is made: where no gateway has used one, the error is an fs.ErrNotExist
}

// Open opens the database of a URL, "sqlite:PATH" or "postgres://…", and migrates it. Several processes may open the
// same database at once.
func Open(ctx context.Context, url string, o Options, logger *slog.Logger) (*Store, error) {
	prepare := migrateUp
	if o.MustExist {
		if err := findFile(url); err != nil {
			return nil, err
		}
		prepare = migrateUsed
	}
	s, err := open(ctx, url, logger, prepare)
	if err != nil || !s.Shared() {
		return s, err
	}
	setConnections(s.read, o.MaxConnections)
	if o.ReadURL == "" {
		return s, nil
	}
	if s.replica, err = openReplica(o.ReadURL, s.plans, logger); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	setConnections(s.replica.pool, o.MaxConnections)
	s.closers = append(s.closers, s.replica.pool.Close)
	return s, nil
}

// OpenAsIs opens a database that a gateway has used, without migrating it. It refuses a database that a newer
// Beckon has migrated. The error is an fs.ErrNotExist if there is no database.
func OpenAsIs(ctx context.Context, url string, logger *slog.Logger) (*Store, error) {
	if err := findFile(url); err != nil {
		return nil, err
	}
	return open(ctx, url, logger, leaveAsIs)
}

// findFile says what to do where the file of a database does not exist.
func findFile(url string) error {
	path, isSQLite := strings.CutPrefix(url, "sqlite:")
	if !isSQLite {
		return nil
	}
	whole, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(whole)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return missing("there is no database at " + whole +
			". Run the command in the folder of the gateway, or name its configuration file with --config. " +
			"The first start of a gateway (beckon serve) creates the database")
	}
	return Wrap(err, "find the database")
}

// missing is the error of a database that no gateway has used.
type missing string

const errEmpty missing = "the database is empty: no gateway has used it yet. " +
	"See whether database.url names the database of the gateway"

func (m missing) Error() string { return string(m) }

// Is makes it an fs.ErrNotExist.
func (missing) Is(err error) bool { return err == fs.ErrNotExist }

// open opens a database and has prepare do with its tables what is to be done.
func open(ctx context.Context, url string, logger *slog.Logger, prepare prepare) (s *Store, err error) {
	switch path, isSQLite := strings.CutPrefix(url, "sqlite:"); {
	case isSQLite:
		s, err = openSQLite(ctx, path, logger, prepare)
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		s, err = openPostgres(ctx, url, logger, prepare)
	default:
		err = errors.New("database.url must start with sqlite: or postgres://")
	}
	if err != nil {
		return nil, err
	}
	s.log = logger
	return s, nil
}

// Read returns what runs queries. They see every change whose Write has returned. A damaged or unreachable database
// is a problem of kind Unavailable.
func (s *Store) Read(ctx context.Context) Tx {
	if s.Shared() {
		return Tx{store: s, ctx: ctx, conn: reader{s.read, s.plans}}
	}
	return Tx{store: s, ctx: ctx, conn: s.read, err: s.file.missing()}
}

// Write runs fn in a transaction, and returns nil only after the change is on disk. On SQLite, concurrent writes
// share a transaction; if fn returns an error, only its own changes are rolled back. fn may run more than once, so
// it must write only through tx, and results must come from its last run. If ctx ends before fn has started, fn
// does not run; if it ends later, Write waits for the outcome. A full, locked or unreachable database is a problem
// of kind Unavailable.
func (s *Store) Write(ctx context.Context, fn func(tx Tx) error) error {
	const begun, left = 1, 2
	var state atomic.Int32
	outcome := make(chan error, 1)
	s.Go(ctx, func(tx Tx) error {
		if !state.CompareAndSwap(0, begun) && state.Load() == left {
			return context.Cause(ctx)
		}
		return fn(tx)
	}, func(err error) { outcome <- err })
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		if state.CompareAndSwap(0, left) {
			return context.Cause(ctx)
		}
		return <-outcome
	}
}

// Go is Write without waiting. It calls done once, with the outcome; done must not block. If ctx ends before fn has
// started, fn does not run.
func (s *Store) Go(ctx context.Context, fn func(tx Tx) error, done func(error)) {
	if ctx.Err() != nil {
		done(context.Cause(ctx))
		return
	}
	if s.file != nil {
		if err := s.file.missing(); err != nil {
			done(err)
			return
		}
	}
	s.writer.write(ctx, fn, func(err error) { done(s.noteOutcome(ctx, err)) })
}

// Wrap adds to an error what was being done. It returns nil for nil.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// Shared reports whether other processes may be working on the same data. SQLite has one gateway: see Claim.
func (s *Store) Shared() bool { return s.file == nil }

// Close waits for the writes under way and closes the database.
func (s *Store) Close() error {
	s.closed.Store(true)
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c())
	}
	if s.file != nil {
		errs = append(errs, s.file.Close()) // the last, for the sake of SQLite's locks
	}
	return errors.Join(errs...)
}

func openGorm(dialect gorm.Dialector) (*gorm.DB, error) {
	// Errors come back as values and are logged where they are handled; gorm's own log would print values.
	return gorm.Open(dialect, &gorm.Config{Logger: gormlog.Discard, DisableAutomaticPing: true})
}
