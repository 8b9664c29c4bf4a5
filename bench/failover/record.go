package main

import (
	"context"
	"database/sql"
	"time"

	_ "github.com/glebarez/go-sqlite"  // the driver "sqlite"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// record is a look at the database, beside the gateways.
type record struct{ db *sql.DB }

func openRecord(driver, source string) (*record, error) {
	db, err := sql.Open(driver, source)
	return &record{db}, err
}

func (r *record) close() error { return r.db.Close() }

// outcome is how a run stands.
type outcome struct{ status, code string }

func (o outcome) isOpen() bool { return o.status == "QUEUED" || o.status == "RUNNING" }

// outcomes returns those of all runs, or of the open ones alone.
func (r *record) outcomes(ctx context.Context, openOnly bool) (map[string]outcome, error) {
	statement := "SELECT id, status, COALESCE(error_code, '') FROM runs"
	if openOnly {
		statement += " WHERE status IN ('QUEUED', 'RUNNING')"
	}
	found := map[string]outcome{}
	err := r.each(ctx, statement, func(rows *sql.Rows) error {
		var id string
		var o outcome
		if err := rows.Scan(&id, &o.status, &o.code); err != nil {
			return err
		}
		found[id] = o
		return nil
	})
	return found, err
}

// endedTwice returns the runs with two ends in the log of events.
func (r *record) endedTwice(ctx context.Context) (runs []string, err error) {
	const statement = `SELECT run_id FROM events WHERE type IN ('run.completed', 'run.failed', 'run.canceled')
		GROUP BY run_id HAVING COUNT(*) > 1`
	err = r.each(ctx, statement, func(rows *sql.Rows) error {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		runs = append(runs, id)
		return nil
	})
	return runs, err
}

// haveEnded reports whether none of some runs is open any more. A database that is away says nothing.
func (r *record) haveEnded(ctx context.Context, runs []string) bool {
	open, err := r.outcomes(ctx, true)
	if err != nil {
		return false
	}
	for _, id := range runs {
		if _, isOpen := open[id]; isOpen {
			return false
		}
	}
	return true
}

// awaitEnd waits until no run and no delivery is open.
func (r *record) awaitEnd(ctx context.Context) error {
	return eventually(ctx, recoveryPatience, "runs or deliveries are open", func() bool {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		var n int
		err := r.db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM runs WHERE status IN ('QUEUED', 'RUNNING')) +
			(SELECT COUNT(*) FROM deliveries WHERE status IN ('PENDING', 'SENDING'))`).Scan(&n)
		return err == nil && n == 0
	})
}

func (r *record) each(ctx context.Context, statement string, each func(*sql.Rows) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	rows, err := r.db.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
