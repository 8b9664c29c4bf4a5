package crash_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"
)

// record is the lab's own look at the database. It notes when it has first seen that a node had ended: a model that is asked
// for it later is asked for work that was done, and on record.
type record struct {
	db       *sql.DB
	database string // SQLite or PostgreSQL
	stop     context.CancelFunc
	stopped  chan struct{}

	mu   sync.Mutex
	done map[string]time.Time // by model and prompt
}

const (
	lookEvery = 100 * time.Millisecond
	notedFor  = 3 * time.Minute // after a run has begun; none takes as long
)

func newRecord(t testing.TB, url string) *record {
	r := &record{database: "PostgreSQL", stopped: make(chan struct{}), done: map[string]time.Time{}}
	driver, source := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		r.database, driver, source = "SQLite", sqlite.DriverName, "file:"+path+"?mode=rw&_pragma=busy_timeout(5000)"
	}
	var err error
	r.db, err = sql.Open(driver, source)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go r.look(ctx)
	t.Cleanup(func() {
		stop()
		<-r.stopped
		_ = r.db.Close()
	})
	return r
}

func (r *record) look(ctx context.Context) {
	defer close(r.stopped)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.note(ctx)
		}
	}
}

// note notes what has ended. A database that is away is looked at again.
func (r *record) note(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var oldest ulid.ULID
	_ = oldest.SetTime(uint64(time.Now().Add(-notedFor).UnixMilli())) // fails in the year 10889
	ended := fmt.Sprintf(`SELECT node_id, input FROM nodes JOIN runs ON id = run_id WHERE nodes.status = 'COMPLETED' AND run_id > 'run_%[1]s'
		UNION ALL SELECT workflow_id, input FROM runs WHERE kind = 'agent' AND status = 'COMPLETED' AND id > 'run_%[1]s'`, oldest)
	list, err := query(ctx, r.db, ended, func(rows *sql.Rows) (key string, err error) {
		var agent, prompt string
		err = rows.Scan(&agent, &prompt)
		return agent + " " + prompt, err
	})
	if err != nil {
		return
	}
	seen := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range list {
		if _, known := r.done[key]; !known {
			r.done[key] = seen
		}
	}
}

// seen is what was noted.
func (r *record) seen() map[string]time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.done)
}

// open counts the runs and deliveries that have not ended.
func (r *record) open() (runs, deliveries int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err = r.db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM runs WHERE status IN ('QUEUED', 'RUNNING')),
		(SELECT COUNT(*) FROM deliveries WHERE status IN ('PENDING', 'SENDING'))`).Scan(&runs, &deliveries)
	return runs, deliveries, err
}

// openBefore counts the runs that were accepted before a time and have not ended.
func (r *record) openBefore(at time.Time) (n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err = r.db.QueryRowContext(ctx, fmt.Sprintf("SELECT COUNT(*) FROM runs WHERE status IN ('QUEUED', 'RUNNING') AND created_at < %d", at.UnixMilli())).Scan(&n)
	return n, err
}

// runRow is how a run stands.
type runRow struct{ id, status, code, input, output string }

func (r *record) runs() ([]runRow, error) {
	return query(context.Background(), r.db, "SELECT id, status, COALESCE(error_code, ''), input, COALESCE(output, '') FROM runs", func(rows *sql.Rows) (w runRow, err error) {
		return w, rows.Scan(&w.id, &w.status, &w.code, &w.input, &w.output)
	})
}

// eventsTwice returns what is in the log of events more than once: a run begins once, and it and its nodes end once.
func (r *record) eventsTwice() (twice []told, err error) {
	list, err := query(context.Background(), r.db, "SELECT run_id, type, payload FROM events WHERE type IN ('run.started', 'run.completed', 'run.failed', 'run.canceled', 'node.completed', 'node.failed')",
		func(rows *sql.Rows) (event told, err error) {
			var text string
			var payload struct{ Data struct{ NodeID string } }
			if err = rows.Scan(&event.runID, &event.kind, &text); err == nil {
				err = json.Unmarshal([]byte(text), &payload)
			}
			event.nodeID = payload.Data.NodeID
			return event, err
		})
	before := map[told]string{}
	for _, event := range list {
		kind, what, _ := strings.Cut(event.kind, ".")
		same := told{runID: event.runID, nodeID: event.nodeID, kind: kind + " ended"}
		if what == "started" {
			same.kind = event.kind
		}
		if earlier := before[same]; earlier != "" {
			event.path = earlier
			twice = append(twice, event)
		}
		before[same] = event.kind
	}
	return twice, err
}

// deliveryRow is a delivery with how often it was attempted after an attempt that was accepted.
type deliveryRow struct {
	key, status string // of the receiver
	completed   time.Time
	again       int
}

func (r *record) deliveries() ([]deliveryRow, error) {
	const list = `SELECT CASE WHEN endpoint_id IS NULL THEN 'callback' ELSE 'endpoint' END, event_id, status, COALESCE(completed_at, 0),
		(SELECT COUNT(*) FROM attempts later JOIN attempts taken ON taken.delivery_id = later.delivery_id AND taken.number < later.number
			WHERE later.delivery_id = d.id AND taken.status_code BETWEEN 200 AND 299) FROM deliveries d`
	return query(context.Background(), r.db, list, func(rows *sql.Rows) (w deliveryRow, err error) {
		var path, id string
		var completed int64
		err = rows.Scan(&path, &id, &w.status, &completed, &w.again)
		w.key, w.completed = path+" "+id, time.UnixMilli(completed)
		return w, err
	})
}

// query reads all rows of a statement.
func query[T any](ctx context.Context, db *sql.DB, statement string, scan func(*sql.Rows) (T, error)) (list []T, err error) {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	return list, rows.Err()
}
