package store

import (
	"context"
	"database/sql"
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
type plainWriter struct {
	db   *gorm.DB
	pool *sql.DB
}

// postgresTx is a transaction together with the connection below it, for those who bring their own statements.
type postgresTx struct {
	*sql.Tx
	conn *sql.Conn
}

func (w plainWriter) write(ctx context.Context, fn func(tx *gorm.DB) error, done func(error)) {
	go func() { done(w.transact(ctx, fn)) }()
}

func (w plainWriter) transact(ctx context.Context, fn func(tx *gorm.DB) error) error {
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	session := w.db.Session(&gorm.Session{NewDB: true, Context: ctx})
	session.Statement.ConnPool = postgresTx{tx, conn}
	if err := call(fn, session); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
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
	s := &Store{read: db, writer: plainWriter{db, pool}, url: url, closers: []func() error{pool.Close}}
	if err := migratePostgres(ctx, pool, logger); err != nil {
		_ = s.Close()
		return nil, redactURL(err, url)
	}
	return s, nil
}
