package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/glebarez/sqlite"
)

const (
	busyTimeout = 5 * time.Second
	// In WAL mode every commit is synced, so that what was acknowledged survives a power cut.
	sqlitePragmas = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)"
	// A file that is new gives space back (see GiveSpaceBack). This has to come before anything is written to it.
	newFilePragma = "_pragma=auto_vacuum(INCREMENTAL)"
	// Migrations are not synced one by one: after a power cut the file is as it was after one of them, and the next start makes the
	// others. The first commit that is synced syncs what is in the log before it.
	unsyncedPragma = "_pragma=synchronous(NORMAL)"
	sqliteReaders  = 8
)

func openSQLite(ctx context.Context, path string, logger *slog.Logger, prepare prepare) (_ *Store, err error) {
	if path == "" || strings.ContainsAny(path, "?#\x00") {
		return nil, fmt.Errorf("database.url: %q is not a file name that SQLite can take", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the database: %w", err)
	}
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{file: f}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()

	warnOfLostCommits(f.path, logger)
	if err := migrateSQLite(ctx, f.path, logger, prepare); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	prepared, err := openPrepared(f.path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	writes := sql.OpenDB(connectorOf{prepared})
	s.closers = append(s.closers, writes.Close)
	grouped, err := newGroupedWriter(ctx, writes, prepared, s)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s.writer = grouped
	s.closers = append([]func() error{grouped.close}, s.closers...)

	reads, err := sql.Open(sqlite.DriverName, path+"?"+sqlitePragmas+"&_pragma=query_only(ON)")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s.closers = append(s.closers, reads.Close)
	reads.SetMaxOpenConns(sqliteReaders)
	reads.SetMaxIdleConns(sqliteReaders)
	s.read = reads
	if s.gorm, err = openGorm(sqlite.Dialector{Conn: reads}); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f.remember()
	return s, nil
}
