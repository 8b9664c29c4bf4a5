package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Left out of a dump: what goose keeps, marks of transactions under way, which gateways live, and who is logged in
// on the page.
var undumped = []string{"goose_db_version", "commit_marks", "instances", "sessions"}

// Sink takes what a database holds, table by table.
type Sink interface {
	// Table begins a table. columns are sorted.
	Table(name string, columns []string) error
	// Row takes a row of the table that has begun: nil, bool, int64, string or []byte for each column.
	Row(values []any) error
}

// Schema returns the number of the last migration.
func (s *Store) Schema(ctx context.Context) (int64, error) {
	version, _, err := Row[int64](s.Read(ctx), "SELECT MAX(version_id) FROM goose_db_version")
	return version, Wrap(err, "read the version of the database")
}

// Dump gives all that the database holds to a sink, as it was at one moment, while others go on to write. On SQLite
// the write-ahead log grows until it is done.
func (s *Store) Dump(ctx context.Context, to Sink) error {
	options := &sql.TxOptions{}
	if s.Shared() {
		options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	} else if err := s.file.missing(); err != nil {
		return err
	}
	tx, err := s.read.BeginTx(ctx, options)
	if err != nil {
		return Wrap(err, "begin to read the database")
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	tables, err := readTables(ctx, tx, s.Shared())
	if err != nil {
		return err
	}
	for _, t := range tables {
		if err := t.dump(ctx, tx, to); err != nil {
			return Wrap(err, "read the table %s", t.name)
		}
	}
	return nil
}

// table is a table with the columns that are not computed.
type table struct {
	name    string
	columns []string
	isBool  []bool
}

const (
	sqliteColumns = `SELECT m.name, p.name, p.type FROM sqlite_master m JOIN pragma_table_info(m.name) p
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, p.name`
	postgresColumns = `SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
		JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
			AND t.table_type = 'BASE TABLE'
		WHERE c.table_schema = current_schema() AND c.is_generated = 'NEVER'
		ORDER BY c.table_name COLLATE "C", c.column_name COLLATE "C"`
)

func readTables(ctx context.Context, tx *sql.Tx, shared bool) (list []*table, err error) {
	statement := sqliteColumns
	if shared {
		statement = postgresColumns
	}
	rows, err := tx.QueryContext(ctx, statement)
	if err != nil {
		return nil, Wrap(err, "list the tables")
	}
	defer rows.Close()
	for rows.Next() {
		var name, column, kind string
		if err := rows.Scan(&name, &column, &kind); err != nil {
			return nil, Wrap(err, "list the tables")
		}
		if slices.Contains(undumped, name) {
			continue
		}
		if len(list) == 0 || list[len(list)-1].name != name {
			list = append(list, &table{name: name})
		}
		t := list[len(list)-1]
		t.columns, t.isBool = append(t.columns, column), append(t.isBool, kind == "boolean")
	}
	return list, Wrap(rows.Err(), "list the tables")
}

func (t *table) dump(ctx context.Context, tx *sql.Tx, to Sink) error {
	if err := to.Table(t.name, t.columns); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM %s", quoted(t.columns), quoted([]string{t.name})))
	if err != nil {
		return err
	}
	defer rows.Close()
	values, into := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := to.Row(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

func quoted(names []string) string { return `"` + strings.Join(names, `", "`) + `"` }
