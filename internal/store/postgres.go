package store

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

const (
	postgresConns    = 32
	postgresIdleTime = 5 * time.Minute
)

// plainWriter is a transaction of its own for each write: PostgreSQL groups the syncs of concurrent commits itself.
type plainWriter struct{ db *gorm.DB }

func (w plainWriter) write(ctx context.Context, fn func(tx *gorm.DB) error, done func(error)) {
	go func() {
		done(w.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return call(fn, tx) }))
	}()
}

func openPostgres(ctx context.Context, url string, logger *slog.Logger) (*Store, error) {
	db, err := gorm.Open(postgres.Open(url), gormConfig())
	if err != nil {
		return nil, fmt.Errorf("open the PostgreSQL database: %w", redactURL(err, url))
	}
	pool, err := db.DB()
	if err != nil {
		return nil, fmt.Errorf("open the PostgreSQL database: %w", err)
	}
	pool.SetMaxOpenConns(postgresConns)
	pool.SetMaxIdleConns(postgresConns)
	pool.SetConnMaxIdleTime(postgresIdleTime)
	s := &Store{read: db, writer: plainWriter{db}, closers: []func() error{pool.Close}}
	if err := migratePostgres(ctx, pool, logger); err != nil {
		_ = s.Close()
		return nil, redactURL(err, url)
	}
	return s, nil
}
