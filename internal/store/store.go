// Package store opens, migrates and transacts: SQLite by default, PostgreSQL for several replicas.
package store

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"gorm.io/gorm"
	gormlog "gorm.io/gorm/logger"
)

// Store is an open database. Reads go through Read, changes through Write and nothing else.
type Store struct {
	read    *gorm.DB
	writer  writer
	file    string // of SQLite
	closers []func() error
	closed  atomic.Bool
}

// writer runs fn in a transaction and calls done once, when it is durable or rolled back.
type writer interface {
	write(ctx context.Context, fn func(tx *gorm.DB) error, done func(error))
}

// Open opens the database of a URL, "sqlite:PATH" or "postgres://…", and migrates it. Several processes may open the
// same database at once.
func Open(ctx context.Context, url string, logger *slog.Logger) (*Store, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return openSQLite(ctx, path, logger)
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return openPostgres(ctx, url, logger)
	}
	return nil, fmt.Errorf("database.url must start with sqlite: or postgres://")
}

// Read returns a session for queries. It sees every change whose Write has returned.
func (s *Store) Read(ctx context.Context) *gorm.DB { return s.read.WithContext(ctx) }

// Write runs fn in a transaction, and returns nil only when the change is on disk. On SQLite the writes of concurrent
// callers share a transaction; an fn that returns an error takes back its own changes and no others. fn may run more
// than once, so it must only write through tx, and read its result from the last time. When ctx ends before fn has begun,
// fn is not run; when it ends later, Write still waits for what comes of it.
// A full, locked or unreachable database is a problem of kind Unavailable.
func (s *Store) Write(ctx context.Context, fn func(tx *gorm.DB) error) error {
	const begun, left = 1, 2
	var state atomic.Int32
	outcome := make(chan error, 1)
	s.Go(ctx, func(tx *gorm.DB) error {
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

// Go is Write for a caller who has something else to do meanwhile: done is called once with the outcome, and must not
// block. When ctx ends before fn has begun, fn is not run.
func (s *Store) Go(ctx context.Context, fn func(tx *gorm.DB) error, done func(error)) {
	s.writer.write(ctx, fn, func(err error) { done(unavailable(err)) })
}

// Shared reports whether other processes may be working on the same data. SQLite has one gateway: see Claim.
func (s *Store) Shared() bool { return s.file == "" }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return unavailable(s.Read(ctx).Raw("SELECT 1").Scan(&one).Error)
}

// Close waits for the writes under way and closes the database.
func (s *Store) Close() error {
	s.closed.Store(true)
	var first error
	for _, c := range s.closers {
		if err := c(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func gormConfig() *gorm.Config {
	// Errors come back as values and are logged where they are handled; gorm's own log would print values.
	return &gorm.Config{Logger: gormlog.Discard, SkipDefaultTransaction: true, DisableAutomaticPing: true}
}
