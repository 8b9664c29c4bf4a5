package crash_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	_ "github.com/glebarez/go-sqlite" // the driver "sqlite"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// A kill -9 after the model has answered and before that is on disk: no caller has an answer that is not on record, and
// what was accepted ends once.
func TestKilledBetweenTheAnswerAndTheCommit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlant(t, url)
		release := p.model.hold("one")
		g := p.start()
		const each = 10
		var lost, retried []string
		for i := range each {
			lost = append(lost, g.accept("one", fmt.Sprint("lost ", i), "Prefer: wait=0"))
			retried = append(retried, g.accept("one-retried", fmt.Sprint("retried ", i), "Prefer: wait=0"))
			p.model.await(t, "one", fmt.Sprint("lost ", i))
			p.model.await(t, "one", fmt.Sprint("retried ", i))
		}
		var callers sync.WaitGroup
		statuses := make([]int, each)
		for i := range each {
			callers.Go(func() {
				statuses[i], _ = g.call("POST", "/api/v1/webhooks/ci", fmt.Sprintf(`{"agent":"one","prompt":"waits %d"}`, i))
			})
			p.model.await(t, "one", fmt.Sprint("waits ", i))
		}

		unlock := lockRuns(t, url)
		release()
		p.model.awaitAnswers(t, "one", 3*each)
		g.kill()
		callers.Wait()
		unlock()

		for i, status := range statuses {
			require.Zero(t, status, "call %d has an answer that is not on record", i)
		}
		g = p.start()
		for i := range each {
			require.Equal(t, "interrupted", code(g.ended(lost[i])))
			require.Equal(t, 1, p.model.count("one", fmt.Sprint("lost ", i)))
			run := g.ended(retried[i])
			require.Equal(t, "COMPLETED", run["status"])
			require.Equal(t, fmt.Sprint("one answers retried ", i), run["output"])
			require.Equal(t, 2, p.model.count("one", fmt.Sprint("retried ", i)))
		}
		requireNothingOpen(t, g)
	})
}

// lockRuns keeps all others from writing runs until unlock.
func lockRuns(t *testing.T, url string) (unlock func()) {
	driver, name, lock := "pgx", url, "BEGIN; LOCK TABLE runs IN EXCLUSIVE MODE"
	if path, isSQLite := strings.CutPrefix(url, "sqlite:"); isSQLite {
		driver, name, lock = "sqlite", path+"?_pragma=busy_timeout(30000)", "BEGIN IMMEDIATE"
	}
	db, err := sql.Open(driver, name)
	require.NoError(t, err)
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	for _, statement := range strings.Split(lock, "; ") {
		_, err = conn.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	return func() {
		_, err := conn.ExecContext(context.Background(), "ROLLBACK")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.NoError(t, db.Close())
	}
}
