package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"

	_ "github.com/glebarez/go-sqlite" // the driver "sqlite"
)

// checkRuns returns an error unless the database has want runs, all of them completed: an answer that was sent before
// its run was on record would have cost less than it should.
func checkRuns(ctx context.Context, database string, want int) error {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: url.PathEscape(database), RawQuery: "mode=ro"}).String())
	if err != nil {
		return err
	}
	defer db.Close()
	var all, completed int
	err = db.QueryRowContext(ctx, "SELECT count(*), count(CASE WHEN status = 'COMPLETED' THEN 1 END) FROM runs").Scan(&all, &completed)
	if err != nil {
		return fmt.Errorf("count the runs on record: %w", err)
	}
	if all != want || completed != want {
		return fmt.Errorf("the gateway answered %d calls, and has %d runs on record, of which %d are completed", want, all, completed)
	}
	return nil
}
