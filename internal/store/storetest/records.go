package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
)

// What Fill puts on record: 40 clients from client-10 on and 60 agents from agent-10 on, the first of which have
// the most runs, and some that make it hard to find a few among many.
const (
	Client      = "client-10"
	Agent       = "agent-10"
	IdleClient  = "idle"   // a quarter of the first tenth of all runs, and none since
	IdleAgent   = "idle"   // likewise
	BrokenAgent = "broken" // every 50th run; it has never completed one
	Endpoint    = "endpoint-10"
	IdleTarget  = "idle"       // an endpoint with old deliveries only
	IdleType    = "run.queued" // of old deliveries only
	LastType    = "run.completed"
)

// fillSpan is how far back the records of Fill reach.
const fillSpan = 29 * 24 * time.Hour

// fillAtOnce bounds the runs of one transaction.
const fillAtOnce = 200_000

// Fill puts runs on record as a busy gateway leaves them in a month: nine of ten have completed, 20 wait, 20 are
// running. There are two events, a node and an audit entry for each of them, and three deliveries and a key for
// ten.
func Fill(t testing.TB, s *store.Store, runs int) {
	require.NoError(t, fill(context.Background(), s, runs, 1))
}

// FillEnded is Fill with all runs and deliveries ended, so that a gateway that starts on them has nothing to do.
func FillEnded(ctx context.Context, s *store.Store, runs int) error { return fill(ctx, s, runs, 0) }

func fill(ctx context.Context, s *store.Store, runs, open int) error {
	for _, statement := range fillStatements(runs, open, s.Shared()) {
		if err := s.Write(ctx, func(tx store.Tx) error { return tx.Exec(statement) }); err != nil {
			return err
		}
	}
	return nil
}

// FillEarlier is Fill of a database that an earlier version has made: Fill names only columns that 0.1 had.
func FillEarlier(t testing.TB, db *sql.DB, isPostgres bool, runs int) {
	for _, statement := range fillStatements(runs, 1, isPostgres) {
		_, err := db.ExecContext(context.Background(), statement)
		require.NoError(t, err)
	}
}

// fillStatements put runs on record, the last of which have not ended where open is 1.
func fillStatements(runs, open int, isPostgres bool) (statements []string) {
	hex := "printf('%016X', i)"
	if isPostgres {
		hex = "lpad(upper(to_hex(CAST(i AS BIGINT))), 16, '0')"
	}
	step := max(fillSpan.Milliseconds()/int64(max(runs, 1)), 1)
	first := time.Now().Add(-fillSpan).UnixMilli()
	ulid := ""
	for shift := 45; shift >= 0; shift -= 5 {
		ulid += fmt.Sprintf("substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + CAST((at >> %d) & 31 AS INTEGER), 1) || ",
			shift)
	}
	for from := 0; from < runs; from += fillAtOnce {
		numbers := fmt.Sprintf(fillNumbers, runs, first, step, ulid+hex, open, from, min(from+fillAtOnce, runs))
		for _, statement := range []string{
			fillRuns, fillNodes, fillKeys, fillEvents, fillDeliveries, fillAttempts, fillAudit,
		} {
			statements = append(statements, fmt.Sprintf(statement, numbers))
		}
	}
	if isPostgres {
		statements = append(statements, "ANALYZE")
	}
	return statements
}

const (
	// Multiplying by primes scatters; squares are small more often than not.
	fillNumbers = `WITH RECURSIVE numbers (i) AS (SELECT CAST(%[6]d AS BIGINT)
			UNION ALL SELECT i + 1 FROM numbers WHERE i < %[7]d - 1),
		times AS (SELECT i, %[2]d + i * %[3]d AS at, i * 7919 %% 1000 AS x, i * 104729 %% 997 AS y, i * 31 %% 100 AS z,
			i * 10 < %[1]d AND i %% 4 = 0 AS idle, %[1]d - i AS left_over FROM numbers),
		made AS (SELECT i, at, left_over, idle, %[4]s AS ulid,
			CASE WHEN idle THEN 'idle' ELSE 'client-' || CAST(10 + x * x * 40 / 1000000 AS TEXT) END AS client,
			CASE WHEN i %% 50 = 7 THEN 'broken' WHEN idle THEN 'idle'
				ELSE 'agent-' || CAST(10 + y * y * 60 / 994009 AS TEXT) END AS agent,
			CASE WHEN left_over <= 20 * %[5]d THEN 'QUEUED' WHEN left_over <= 40 * %[5]d THEN 'RUNNING'
				WHEN i %% 50 = 7 OR z < 5 THEN 'FAILED' WHEN z = 99 THEN 'CANCELED'
				ELSE 'COMPLETED' END AS status,
			'endpoint-' || CAST(10 + x * x * 10 / 1000000 AS TEXT) AS endpoint,
			CASE WHEN left_over * 100 <= %[1]d * %[5]d THEN 'PENDING' WHEN z < 6 THEN 'FAILED'
				ELSE 'DELIVERED' END AS delivery
			FROM times) `

	fillRuns = `INSERT INTO runs (id, status, client_id, workflow_id, source, session_id, input, metadata, output,
			error_code, error_message, error_kind,
			instance_id, total_tokens, created_at, started_at, completed_at) %s
		SELECT 'run_' || ulid, status, client, agent, CASE WHEN i %% 4 = 3 THEN 'api' ELSE 'webhook' END,
			CASE WHEN i %% 5 = 0 THEN 'session-' || CAST(i %% 1000 AS TEXT) END,
			'What happened to build ' || CAST(i AS TEXT) ||
				'? It failed in the step that runs the tests, after two minutes.',
			CASE WHEN i %% 5 = 0 THEN '{"orderId":"order_' || CAST(i AS TEXT) || '"}' END,
			CASE WHEN status = 'COMPLETED'
				THEN 'A test has timed out because the database that it needs was not started. ' ||
					'Start it in the step before, and wait until it is ready.' END,
			CASE WHEN status = 'FAILED' THEN 'provider_failed' END,
			CASE WHEN status = 'FAILED' THEN 'The provider answered 500.' END,
			CASE WHEN status = 'FAILED' THEN 'upstream' END,
			CASE WHEN status <> 'QUEUED' THEN 'ins_gone' END, 500 + i %% 1000, at,
			CASE WHEN status <> 'QUEUED' THEN at END,
			CASE WHEN status NOT IN ('QUEUED', 'RUNNING') THEN at + 200 + i %% 8000 END
			FROM made`

	fillNodes = `INSERT INTO nodes (run_id, node_id, node_type, place, status, started_at, completed_at) %s
		SELECT 'run_' || ulid, 'writer', 'writer', 1, 'COMPLETED', at, at FROM made`

	fillKeys = `INSERT INTO idempotency_keys (client_id, key, request, run_id, expires_at) %s
		SELECT client, 'key-' || CAST(i AS TEXT), 'hash', 'run_' || ulid, at + 2678400000 FROM made WHERE i %% 10 = 0`

	fillAudit = `INSERT INTO audit (id, at, who, action, section, resource_id) %s
		SELECT 'aud_' || ulid, at, 'mia', 'update', CASE WHEN i %% 3 = 0 THEN 'agents' ELSE 'clients' END, client
		FROM made`

	fillEvents = `INSERT INTO events (run_id, id, type, payload) %s
		SELECT 'run_' || ulid, 'evt_' || ulid || kind, kind, '{"type":"' || kind || '","runId":"run_' || ulid || '"}'
		FROM made CROSS JOIN (SELECT 'run.started' AS kind UNION ALL SELECT 'run.completed') AS kinds`

	fillDeliveries = `INSERT INTO deliveries (id, lane, endpoint_id, run_id, event_id, type, client_id, workflow_id,
			status, reason, attempts, first_at, due_at,
			status_code, created_at, completed_at) %s
		SELECT 'dlv_' || ulid,
			CASE WHEN i %% 9 = 0 THEN 'callback:https://example.com'
				ELSE 'endpoint:' || CASE WHEN idle THEN 'idle' ELSE endpoint END END,
			CASE WHEN i %% 9 = 0 THEN NULL WHEN idle THEN 'idle' ELSE endpoint END,
			'run_' || ulid, 'evt_' || ulid || 'run.completed',
			CASE WHEN idle THEN 'run.queued' ELSE 'run.completed' END, client, agent,
			delivery, 'first', 1, at, at + 3600000, CASE WHEN delivery = 'DELIVERED' THEN 200 ELSE 500 END, at,
			CASE WHEN delivery <> 'PENDING' THEN at END FROM made WHERE i %% 10 < 3`

	fillAttempts = `INSERT INTO attempts (delivery_id, number, reason, url, request_headers, status_code, response_body,
			started_at, duration_us) %s
		SELECT 'dlv_' || ulid, 1, 'first', 'https://example.com/hook', '{"User-Agent":"Beckon/1"}', 200, 'ok', at, 1500
		FROM made WHERE i %% 10 < 3`
)
