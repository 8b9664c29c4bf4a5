package gateway

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
	"beckon/runs"
)

// earlierFile is what a file for 0.1 was allowed to have; what calls go to is in the database.
const earlierFile = `
database: {url: %q}
server: {secretsKey: "a key of this test"}
admin: {password: "a password", token: adm1n}
`

// earlierRuns is how many runs are on record.
const earlierRuns = 100_000

// A gateway takes over a database of 0.1: it has every run, event and delivery as it was, does what was waiting, and takes calls
// with the tokens that 0.1 has given.
func TestUpgradeFrom01(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		db := storetest.MigrateTo(t, url, storetest.Schema01)
		isPostgres := !strings.HasPrefix(url, "sqlite:")
		begun := time.Now()
		storetest.FillEarlier(t, db, isPostgres, earlierRuns)
		for _, statement := range []string{
			"CREATE TABLE river_job (id INTEGER)", // of the library that 0.1 queued with
			`INSERT INTO resources (kind, id, spec, version, created_at, updated_at) VALUES
				('providers', 'offline', '{"id":"offline","type":"template","template":"re: {{.prompt}}"}', 1, 1, 1),
				('agents', 'agent-10', '{"id":"agent-10","provider":"offline","retryOnCrash":false,"tools":false}', 1, 1, 1),
				('clients', 'client-10', '{"id":"client-10","since":"2026-01-02T03:04:05Z","passthrough":true,"allowedAgents":["agent-10"]}', 1, 1, 1)`,
			"INSERT INTO client_tokens (hash, client_id, created_at) VALUES ('" + digestOf("mgc_of01") + "', 'client-10', 1767323045000)",
		} {
			_, err := db.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		t.Logf("filled in %s", time.Since(begun).Round(time.Millisecond))

		// Runs and deliveries that have not ended are among the latest; all before them stays as it is.
		cut := earliest(t, db, "SELECT MIN(id) FROM runs WHERE status IN ('QUEUED', 'RUNNING')", "SELECT MIN(run_id) FROM deliveries WHERE status = 'PENDING'")
		tables := earlierTables(t, db, isPostgres)
		before, counts := digests(t, db, tables, cut), countsOf(t, db, tables)
		prompts := inputs(t, db)
		require.EqualValues(t, earlierRuns, counts["runs"])
		require.NoError(t, db.Close())

		begun = time.Now()
		g := start(t, load(t, fmt.Sprintf(earlierFile, url)))
		t.Logf("%d runs, %d events and %d deliveries upgraded and started in %s", counts["runs"], counts["events"], counts["deliveries"],
			time.Since(begun).Round(time.Millisecond))
		status, answer := g.call("client-10", "mgc_of01", "hi")
		require.Equal(t, 200, status, answer)
		require.Contains(t, answer, "re: hi")
		require.Eventually(t, func() bool {
			n := storetest.Row[int64](t, g.store, "SELECT COUNT(*) FROM runs WHERE status IN ('QUEUED', 'RUNNING')")
			return n == 0
		}, patience, 20*time.Millisecond, "what was waiting has ended")
		first := storetest.Row[string](t, g.store, "SELECT MIN(id) FROM runs WHERE client_id = 'client-10' AND status = 'COMPLETED'")
		run := g.document(first)
		require.Equal(t, "COMPLETED", run["status"])
		require.Contains(t, run["input"], "What happened to build")
		require.Contains(t, run["output"], "A test has timed out")
		g.end()

		db = storetest.OpenRaw(t, url)
		defer db.Close()
		require.Equal(t, before, digests(t, db, tables, cut))
		require.Equal(t, prompts, inputs(t, db), "what runs were asked")
		after := countsOf(t, db, tables)
		require.EqualValues(t, counts["runs"]+1, after["runs"])
		for table, n := range counts {
			require.GreaterOrEqual(t, after[table], n, table)
		}
		_, err := db.ExecContext(t.Context(), "SELECT 1 FROM river_job")
		require.Error(t, err, "the tables of the library are gone")

		requireNewerIsRefused(t, url, db, isPostgres)
	})
}

// requireNewerIsRefused has a newer Beckon leave its number in a database, which this one then refuses and leaves as it is.
func requireNewerIsRefused(t *testing.T, url string, db *sql.DB, isPostgres bool) {
	for _, statement := range []string{
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)",
		"ALTER TABLE runs ADD COLUMN of_the_future TEXT",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	tables := earlierTables(t, db, isPostgres)
	counts := countsOf(t, db, tables)
	c := load(t, fmt.Sprintf(earlierFile, url))
	const refused = "the database is at version 9999 and this Beckon knows only"
	_, err := Open(t.Context(), quiet(c, listen(t).Addr()))
	require.ErrorContains(t, err, refused)
	require.ErrorContains(t, err, "run that one, or restore a backup")
	_, err = PendingMigrations(t.Context(), c)
	require.ErrorContains(t, err, refused)
	_, err = Backup(t.Context(), c, "test", io.Discard)
	require.ErrorContains(t, err, refused)
	require.Equal(t, tables, earlierTables(t, db, isPostgres), "the tables and their columns")
	require.Equal(t, counts, countsOf(t, db, tables))
}

// A gateway that runs goes on while a newer one migrates the database and works beside it: columns that it does not know are none of
// its business. It is refused when it starts again.
func TestAnOlderReplicaBesideANewerOne(t *testing.T) {
	url := storetest.Postgres(t)
	c := load(t, fmt.Sprintf(smallFile, url))
	older := start(t, c)
	db := storetest.OpenRaw(t, url)
	defer db.Close()
	calls := func() {
		t.Helper()
		for range 20 { // over several connections, with the statements that they have prepared
			status, answer := older.call("ci", "t0ken", "hi")
			require.Equal(t, 200, status, answer)
			list, _, err := older.runs.List(t.Context(), runs.Query{ClientID: "ci", Limit: 5})
			require.NoError(t, err)
			require.NotEmpty(t, list)
			_, err = older.runs.Get(t.Context(), list[0].ID)
			require.NoError(t, err)
		}
	}
	calls()
	for _, table := range []string{"runs", "nodes", "events", "deliveries", "attempts", "audit", "resources", "client_tokens"} {
		_, err := db.ExecContext(t.Context(), "ALTER TABLE "+table+" ADD COLUMN of_the_future TEXT")
		require.NoError(t, err)
	}
	_, err := db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
	require.NoError(t, err)
	calls()
	require.NoError(t, older.store.Health(t.Context()))
	older.end()
	_, err = Open(t.Context(), quiet(c, listen(t).Addr()))
	require.ErrorContains(t, err, "a newer Beckon has used it")
}

func digestOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// document reads a run by the API, with the token that 0.1 has given.
func (s *started) document(id string) (run map[string]any) {
	r, err := http.NewRequest(http.MethodGet, s.url+"/api/v1/runs/"+id, nil)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer mgc_of01")
	response, err := s.client.Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	require.Equal(s.t, 200, response.StatusCode)
	require.NoError(s.t, json.NewDecoder(response.Body).Decode(&run))
	return run
}

// earlier is a table of 0.1 that keeps its rows.
type earlier struct {
	columns string // those that are not computed
	prefix  string // of ids, before their ULID
	id      string // the column by which rows belong to a time
}

// earlierTables are the tables of records, with the columns that they have.
func earlierTables(t *testing.T, db *sql.DB, isPostgres bool) map[string]earlier {
	list := map[string]earlier{
		"runs": {prefix: "run_", id: "id"}, "nodes": {prefix: "run_", id: "run_id"}, "events": {prefix: "run_", id: "run_id"},
		"deliveries": {prefix: "run_", id: "run_id"}, "attempts": {prefix: "dlv_", id: "delivery_id"}, "audit": {prefix: "aud_", id: "id"},
		"idempotency_keys": {prefix: "run_", id: "run_id"},
	}
	for name, table := range list {
		statement := "SELECT name FROM pragma_table_info($1) ORDER BY name"
		if isPostgres {
			statement = `SELECT column_name FROM information_schema.columns
				WHERE table_schema = current_schema() AND table_name = $1 AND is_generated = 'NEVER' ORDER BY column_name COLLATE "C"`
		}
		rows, err := db.QueryContext(t.Context(), statement, name)
		require.NoError(t, err)
		var columns []string
		for rows.Next() {
			var column string
			require.NoError(t, rows.Scan(&column))
			columns = append(columns, column)
		}
		require.NoError(t, rows.Err())
		require.NotEmpty(t, columns)
		table.columns = strings.Join(columns, ", ")
		list[name] = table
	}
	return list
}

// digests are of all rows before a ULID, by table.
func digests(t *testing.T, db *sql.DB, tables map[string]earlier, cut string) map[string]string {
	list := map[string]string{}
	for name, table := range tables {
		rows, err := db.QueryContext(t.Context(), fmt.Sprintf("SELECT %s FROM %s WHERE %s < $1 ORDER BY %s", table.columns, name, table.id, orderOf(name)), table.prefix+cut)
		require.NoError(t, err)
		list[name] = digestRows(t, rows)
	}
	return list
}

// inputs is a digest of what all runs of 0.1 were asked, those that had not ended too.
func inputs(t *testing.T, db *sql.DB) string {
	rows, err := db.QueryContext(t.Context(), "SELECT id, client_id, workflow_id, input, metadata, created_at FROM runs WHERE input <> 'hi' ORDER BY id")
	require.NoError(t, err)
	return digestRows(t, rows)
}

func digestRows(t *testing.T, rows *sql.Rows) string {
	defer rows.Close()
	columns, err := rows.Columns()
	require.NoError(t, err)
	values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	sum, n := sha256.New(), 0
	for rows.Next() {
		require.NoError(t, rows.Scan(into...))
		for _, value := range values {
			fmt.Fprintf(sum, "%t%d:%s", value == nil, len(value), value)
		}
		n++
	}
	require.NoError(t, rows.Err())
	require.NotZero(t, n)
	return fmt.Sprintf("%d rows %x", n, sum.Sum(nil))
}

func orderOf(table string) string {
	return map[string]string{"nodes": "run_id, node_id", "events": "run_id, id", "attempts": "delivery_id, number", "idempotency_keys": "client_id, key"}[table] +
		map[bool]string{true: "id"}[table == "runs" || table == "deliveries" || table == "audit"]
}

func countsOf(t *testing.T, db *sql.DB, tables map[string]earlier) map[string]int64 {
	list := map[string]int64{}
	for name := range tables {
		var n int64
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+name).Scan(&n))
		list[name] = n
	}
	return list
}

// earliest is the smallest ULID of the run ids that statements return.
func earliest(t *testing.T, db *sql.DB, statements ...string) string {
	least := "~"
	for _, statement := range statements {
		var id string
		require.NoError(t, db.QueryRowContext(t.Context(), statement).Scan(&id))
		least = min(least, strings.TrimPrefix(id, "run_"))
	}
	return least
}
