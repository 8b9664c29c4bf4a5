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
	"slices"
	"strings"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// ErrInUse is the error of a Load into a database that a gateway works on.
var ErrInUse = errors.New("a gateway works on the database: stop it first")

// loadGroup is how many rows are inserted with one statement; PostgreSQL and SQLite take 32,766 values at least.
const loadGroup = 200

// Load creates a database from what fill provides, with the tables of the migration number schema, and then applies
// the later migrations. It replaces the database at the URL only after all of it was loaded. kept is where the
// previous database was moved to; empty if there was none.
func Load(
	ctx context.Context, url string, schema int64, logger *slog.Logger, fill func(Sink) error,
) (kept string, err error) {
	if path, isSQLite := strings.CutPrefix(url, "sqlite:"); isSQLite {
		return loadSQLite(ctx, path, schema, logger, fill)
	}
	return loadPostgres(ctx, url, schema, logger, fill)
}

// loadSQLite fills a new file beside the database, and renames both.
func loadSQLite(
	ctx context.Context, path string, schema int64, logger *slog.Logger, fill func(Sink) error,
) (kept string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the database: %w", err)
	}
	fresh := path + ".restoring"
	remove := func() {
		for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
			_ = os.Remove(fresh + suffix)
		}
	}
	remove()
	defer remove()
	// The database that is there is held from here on, so that no gateway begins to work on it.
	isThere := false
	if _, err := os.Stat(path); err == nil {
		release, err := holdFile(ctx, path)
		if err != nil {
			return "", err
		}
		defer release()
		isThere = true
	}
	f, err := openFile(fresh)
	if err != nil {
		return "", err
	}
	defer f.Close()
	// Until it is renamed nobody reads it: one sync at the end does.
	db, err := sql.Open(sqlite.DriverName,
		fresh+"?"+newFilePragma+"&_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=foreign_keys(OFF)")
	if err != nil {
		return "", err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err := fillDatabase(ctx, db, goose.DialectSQLite3, schema, logger, fill); err != nil {
		return "", err
	}
	if err := errors.Join(db.Close(), f.Sync()); err != nil {
		return "", fmt.Errorf("write %s: %w", fresh, err)
	}
	if isThere {
		kept = path + ".before-" + time.Now().UTC().Format("20060102-150405.000")
		for _, suffix := range []string{"-wal", "-shm", ""} {
			if err := os.Rename(path+suffix, kept+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
		}
	}
	return kept, os.Rename(fresh, path)
}

// holdFile keeps gateways from a SQLite file, whatever version has written it, and puts its write-ahead log into it.
func holdFile(ctx context.Context, path string) (release func(), err error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	held := &Store{file: f}
	release = func() { _ = held.Close() }
	if err := held.claimFile(); err != nil {
		release()
		return nil, ErrInUse
	}
	db, err := sql.Open(sqlite.DriverName, f.path+"?_pragma=busy_timeout(5000)")
	if err == nil {
		_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		release()
		return nil, fmt.Errorf("read %s before it is replaced: %w", path, err)
	}
	return release, nil
}

// loadPostgres fills a schema of its own, and lets it change places with the one in use.
func loadPostgres(
	ctx context.Context, url string, schema int64, logger *slog.Logger, fill func(Sink) error,
) (kept string, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return "", fmt.Errorf("open the PostgreSQL database: %w", redactURL(err, url))
	}
	inUse := stdlib.OpenDB(*config)
	defer inUse.Close()
	var current, name string
	if err := inUse.QueryRowContext(ctx,
		"SELECT current_schema(), current_schema() || '_restoring'").Scan(&current, &name); err != nil {
		return "", redactURL(err, url)
	}
	if served, err := isServedPostgres(ctx, inUse); err != nil || served {
		return "", errors.Join(err, ErrInUse)
	}
	if err := errors.Join(runOn(ctx, inUse, "DROP SCHEMA IF EXISTS %s CASCADE", name),
		runOn(ctx, inUse, "CREATE SCHEMA %s", name)); err != nil {
		return "", fmt.Errorf("make a schema to restore into: %w", redactURL(err, url))
	}
	defer func() { err = errors.Join(err, runOn(ctx, inUse, "DROP SCHEMA IF EXISTS %s CASCADE", name)) }()
	if config.RuntimeParams == nil {
		config.RuntimeParams = map[string]string{}
	}
	config.RuntimeParams["search_path"] = pgx.Identifier{name}.Sanitize()
	fresh := stdlib.OpenDB(*config)
	defer fresh.Close()
	if err := fillDatabase(ctx, fresh, goose.DialectPostgres, schema, logger, fill); err != nil {
		return "", redactURL(err, url)
	}
	return swapSchemas(ctx, inUse, current, name)
}

// swapSchemas moves the tables of the schema restored into the current one, and what is there under their names
// into one that is kept.
func swapSchemas(ctx context.Context, db *sql.DB, current, restored string) (kept string, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	fresh, err := tableNames(ctx, tx, restored)
	if err != nil {
		return "", err
	}
	old, err := tableNames(ctx, tx, current)
	if err != nil {
		return "", err
	}
	// others may have tables there too
	old = slices.DeleteFunc(old, func(table string) bool { return !slices.Contains(fresh, table) })
	if len(old) > 0 {
		kept = current + "_before_" + strings.ReplaceAll(time.Now().UTC().Format("20060102_150405.000"), ".", "_")
		if err := runOn(ctx, tx, "CREATE SCHEMA %s", kept); err != nil {
			return "", err
		}
	}
	for _, table := range old {
		if err := runOn(ctx, tx, "ALTER TABLE %s.%s SET SCHEMA %s", current, table, kept); err != nil {
			return "", err
		}
	}
	for _, table := range fresh {
		if err := runOn(ctx, tx, "ALTER TABLE %s.%s SET SCHEMA %s", restored, table, current); err != nil {
			return "", err
		}
	}
	return kept, tx.Commit()
}

// runOn runs a statement with names in it.
func runOn(ctx context.Context, db interface {
	ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error)
}, format string, names ...string,
) error {
	sanitized := make([]any, len(names))
	for i, name := range names {
		sanitized[i] = pgx.Identifier{name}.Sanitize()
	}
	_, err := db.ExecContext(ctx, fmt.Sprintf(format, sanitized...))
	return err
}

// isServedPostgres reports whether a gateway has been seen within the last seconds.
func isServedPostgres(ctx context.Context, db *sql.DB) (served bool, err error) {
	var exists bool
	err = db.QueryRowContext(ctx, "SELECT to_regclass('instances') IS NOT NULL").Scan(&exists)
	if err != nil || !exists {
		return false, err
	}
	err = db.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM instances
			WHERE seen_at > (extract(epoch FROM clock_timestamp()) - 10) * 1000)`).Scan(&served)
	return served, err
}

func tableNames(ctx context.Context, tx *sql.Tx, schema string) (names []string, err error) {
	rows, err := tx.QueryContext(ctx,
		"SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename", schema)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// fillDatabase makes the tables of a schema's number in an empty database, fills them, and migrates them to the
// last one.
func fillDatabase(
	ctx context.Context, db *sql.DB, dialect goose.Dialect, schema int64, logger *slog.Logger, fill func(Sink) error,
) error {
	provider, err := newProvider(dialect, db)
	if err != nil {
		return err
	}
	if _, newest, err := provider.GetVersions(ctx); err != nil || schema > newest {
		return errors.Join(err,
			fmt.Errorf("the backup is of version %d of the database, and this Beckon knows only %d: "+
				"restore it with the Beckon that made it, or a newer one", schema, newest))
	}
	if _, err := provider.UpTo(ctx, schema); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	l := &loader{ctx: ctx, tx: tx, shared: dialect == goose.DialectPostgres}
	if l.tables, err = readTables(ctx, tx, l.shared); err != nil {
		return err
	}
	for _, t := range l.tables { // migrations have put rows into some
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+quoted([]string{t.name})); err != nil {
			return err
		}
	}
	if err := errors.Join(fill(l), l.flush()); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate the restored database: %w", err)
	}
	logger.Debug("restored the tables", "rows", l.rows)
	return nil
}

// loader inserts rows, several with one statement.
type loader struct {
	ctx    context.Context
	tx     *sql.Tx
	shared bool
	tables []*table

	into    *table
	isBool  []bool // by column of the rows
	columns []string
	waiting []any
	rows    int
}

// Table implements Sink.
func (l *loader) Table(name string, columns []string) error {
	if err := l.flush(); err != nil {
		return err
	}
	i := slices.IndexFunc(l.tables, func(t *table) bool { return t.name == name })
	if i < 0 {
		return fmt.Errorf("the backup has a table %q, which this database does not have", name)
	}
	l.into, l.columns, l.isBool = l.tables[i], slices.Clone(columns), make([]bool, len(columns))
	for k, column := range columns {
		at := slices.Index(l.into.columns, column)
		if at < 0 {
			return fmt.Errorf("the backup has a column %q in the table %q, which this database does not have",
				column, name)
		}
		l.isBool[k] = l.into.isBool[at]
	}
	return nil
}

// Row implements Sink.
func (l *loader) Row(values []any) error {
	if len(values) != len(l.columns) {
		return fmt.Errorf("a row of the table %q has %d values in place of %d",
			l.into.name, len(values), len(l.columns))
	}
	for i, value := range values {
		l.waiting = append(l.waiting, l.converted(value, l.isBool[i]))
	}
	l.rows++
	if len(l.waiting) >= loadGroup*len(l.columns) {
		return l.flush()
	}
	return nil
}

// converted returns a value as this kind of database has it: SQLite has 0 and 1 in place of false and true.
func (l *loader) converted(value any, isBool bool) any {
	switch v := value.(type) {
	case bool:
		if !l.shared {
			return map[bool]int64{true: 1}[v]
		}
	case int64:
		if isBool {
			return v != 0
		}
	}
	return value
}

func (l *loader) flush() error {
	if len(l.waiting) == 0 {
		return nil
	}
	var statement strings.Builder
	fmt.Fprintf(&statement, "INSERT INTO %s (%s) VALUES ", quoted([]string{l.into.name}), quoted(l.columns))
	for i := range l.waiting {
		switch {
		case i == 0:
			statement.WriteString("(")
		case i%len(l.columns) == 0:
			statement.WriteString("), (")
		default:
			statement.WriteString(", ")
		}
		if l.shared {
			fmt.Fprintf(&statement, "$%d", i+1)
		} else {
			statement.WriteString("?")
		}
	}
	statement.WriteString(")")
	_, err := l.tx.ExecContext(l.ctx, statement.String(), l.waiting...)
	l.waiting = l.waiting[:0]
	return Wrap(err, "insert into the table %s", l.into.name)
}
