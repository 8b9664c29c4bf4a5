package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	_ "github.com/glebarez/go-sqlite"  // the driver "sqlite"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// checkRuns returns an error unless the database has want runs, all of them completed: an answer that was sent before
// its run was on record would have cost less than it should.
func checkRuns(ctx context.Context, database string, want int) error {
	counts, err := countRuns(ctx, database)
	if err != nil {
		return err
	}
	all := 0
	for _, n := range counts {
		all += n
	}
	if all != want || counts["COMPLETED"] != want {
		return fmt.Errorf("the gateway answered %d calls, and has %d runs on record, of which %d are completed",
			want, all, counts["COMPLETED"])
	}
	return nil
}

// countRuns counts the runs on record by their status.
func countRuns(ctx context.Context, database string) (map[string]int, error) {
	counts := map[string]int{}
	err := query(ctx, database, "SELECT status, count(*) FROM runs GROUP BY status", func(rows *sql.Rows) error {
		var status string
		var n int
		err := rows.Scan(&status, &n)
		counts[status] = n
		return err
	})
	return counts, err
}

// runTimes are the moments of a run, in Unix milliseconds.
type runTimes struct{ created, started, completed int64 }

// timesOf returns those of the runs since a moment, in the order in which they were accepted.
func timesOf(ctx context.Context, database string, since int64) (list []runTimes, err error) {
	err = query(ctx, database,
		"SELECT created_at, started_at, completed_at FROM runs WHERE created_at >= ? ORDER BY created_at", func(rows *sql.Rows) error {
			var r runTimes
			err := rows.Scan(&r.created, &r.started, &r.completed)
			list = append(list, r)
			return err
		}, since)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("there are no runs on record")
	}
	return list, err
}

// outcome is how a run ended.
type outcome struct{ status, code string }

// outcomesOf returns how all runs have ended, by their ids.
func outcomesOf(ctx context.Context, database string) (map[string]outcome, error) {
	outcomes := map[string]outcome{}
	err := query(ctx, database, "SELECT id, status, coalesce(error_code, '') FROM runs", func(rows *sql.Rows) error {
		var id string
		var o outcome
		err := rows.Scan(&id, &o.status, &o.code)
		outcomes[id] = o
		return err
	})
	return outcomes, err
}

// openDatabase opens a PostgreSQL database by its URL, or SQLite's file for reading.
func openDatabase(database string) (*sql.DB, error) {
	if strings.HasPrefix(database, "postgres:") {
		return sql.Open("pgx", database)
	}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(database), RawQuery: "mode=ro"}).String())
}

func query(ctx context.Context, database, statement string, row func(*sql.Rows) error, values ...any) error {
	db, err := openDatabase(database)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, statement, values...)
	if err != nil {
		return fmt.Errorf("look at the runs on record: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return fmt.Errorf("look at the runs on record: %w", err)
		}
	}
	return rows.Err()
}

// plantDeliveries gives every run that has none the deliveries of its two events, as an endpoint "ops" would have had them.
// One of a hundred has failed. No gateway may be working on the database.
func plantDeliveries(ctx context.Context, database string) error {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(database)}).String())
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{
		`INSERT INTO deliveries (id, lane, endpoint_id, run_id, event_id, type, client_id, workflow_id, status, reason, attempts, tries,
			first_at, due_at, status_code, error_code, error, created_at, completed_at)
		 SELECT 'dlv_' || substr(id, 5, 10) || n || substr(id, 16), 'endpoint:ops', 'ops', id,
			'evt_' || substr(id, 5, 10) || n || substr(id, 16),
			CASE n WHEN 'A' THEN 'run.started' ELSE 'run.completed' END, client_id, workflow_id,
		 CASE bad WHEN 1 THEN 'FAILED' ELSE 'DELIVERED' END, 'first', 1, 1, created_at, created_at, CASE bad WHEN 1 THEN 500 ELSE 200 END,
		 CASE bad WHEN 1 THEN 'status' END, CASE bad WHEN 1 THEN 'It answered 500 Internal Server Error.' END, created_at, created_at
		 FROM (SELECT *, rowid % 100 = 0 AS bad FROM runs WHERE true), (SELECT 'A' AS n UNION SELECT 'B')
		WHERE id NOT IN (SELECT run_id FROM deliveries)`,
		`INSERT INTO attempts (delivery_id, number, reason, url, request_headers, status_code, response_body, started_at, duration_us)
		 SELECT id, 1, 'first', 'https://ops.example/hook', '{"Content-Type":"application/json"}', status_code, 'ok', created_at, 12000
		FROM deliveries
		 WHERE id NOT IN (SELECT delivery_id FROM attempts)`,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("put deliveries on record: %w", err)
		}
	}
	return nil
}
