package crash_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// PostgreSQL crashes and recovers, again and again.
func crashingPostgres(t *testing.T, table *results) {
	eachPostgres(t, func(t *testing.T, replicas int) {
		server, crashes := storetest.NewServer(t), times(5, 30)
		l := newLab(t, server.URL(), server.URL(), replicas)
		back := l.interrupt(func() {
			for i := range crashes {
				if i > 0 {
					l.load.awaitAccepted(20)
				}
				require.NoError(t, server.Crash())
			}
		})
		l.conclude(table, "PostgreSQL crashes"+often(crashes), back)
	})
}

// repeat does something every so often, for a while.
func repeat(every, during time.Duration, do func()) {
	tick, end := time.NewTicker(every), time.After(during)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			do()
		case <-end:
			return
		}
	}
}

// Somebody ends all sessions of the gateways, as a failover or an impatient administrator does.
func terminatedSessions(t *testing.T, table *results) {
	eachPostgres(t, func(t *testing.T, replicas int) {
		url, seconds := storetest.Postgres(t), times(3, 60)
		l := newLab(t, url, url, replicas)
		back := l.interrupt(func() {
			repeat(100*time.Millisecond, time.Duration(seconds)*time.Second, func() {
				_, err := l.record.db.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
				_ = err // a look of the lab may have been ended too
			})
		})
		l.conclude(table, fmt.Sprintf("all sessions are terminated, ten times a second for %d s", seconds), back)
	})
}

// What says that the gateways live is deleted all the time: each seems dead, to the others and to itself.
func deletedInstances(t *testing.T, table *results) {
	each(t, func(t *testing.T, url string, replicas int) {
		l, seconds := newLab(t, url, url, replicas), times(12, 60)
		back := l.interrupt(func() {
			repeat(200*time.Millisecond, time.Duration(seconds)*time.Second, func() {
				_, err := l.record.db.ExecContext(t.Context(), "DELETE FROM instances")
				require.NoError(t, err)
			})
		})
		l.conclude(table, fmt.Sprintf("the rows of the instances are deleted, five times a second for %d s", seconds), back)
	})
}
