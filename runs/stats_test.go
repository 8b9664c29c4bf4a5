package runs_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
)

const insertRuns = `INSERT INTO runs (id, status, client_id, workflow_id, source, input, output, error_code, error_message, total_tokens, created_at, started_at, completed_at) `

// plantRun puts a run on record as it would be after so long; 0 is one that still goes on.
func plantRun(t *testing.T, s *store.Store, id string, status runs.Status, at time.Time, took time.Duration) {
	var end, code any
	if took > 0 {
		end = at.Add(took).UnixMilli()
	}
	if status == runs.Failed {
		code = "provider_failed"
	}
	require.NoError(t, s.Write(context.Background(), func(tx store.Tx) error {
		return tx.Exec(insertRuns+"VALUES (?, ?, 'ci', 'triage', 'webhook', 'in', 'out', ?, 'It failed.', 10, ?, ?, ?)",
			"run_"+id, string(status), code, at.UnixMilli(), at.UnixMilli(), end)
	}))
}

func TestSuccessRate(t *testing.T) {
	for _, row := range []struct {
		counts map[runs.Status]int64
		want   float64
		ok     bool
	}{
		{nil, 0, false},
		{map[runs.Status]int64{runs.Canceled: 3, runs.Queued: 1, runs.Running: 1}, 0, false},
		{map[runs.Status]int64{runs.Completed: 3, runs.Failed: 1, runs.Canceled: 4}, 0.75, true},
	} {
		got, ok := runs.Tally{ByStatus: row.counts}.SuccessRate()
		require.Equal(t, row.ok, ok)
		require.InDelta(t, row.want, got, 1e-9)
	}
}

func TestStatistics(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		now := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
		statistics := runs.NewStatistics(s, func() time.Time { return now })
		for i := range 20 { // 100 ms, 200 ms, … 2 s
			plantRun(t, s, fmt.Sprintf("A%02d", i), runs.Completed, now.Add(-2*time.Hour), time.Duration(i+1)*100*time.Millisecond)
		}
		plantRun(t, s, "B", runs.Failed, now.Add(-time.Hour), time.Minute)
		plantRun(t, s, "C", runs.Running, now.Add(-time.Hour), 0)
		plantRun(t, s, "D", runs.Completed, now, 7*time.Millisecond)
		plantRun(t, s, "old", runs.Failed, now.Add(-30*time.Hour), time.Second)

		check := func() *runs.Stats {
			stats, err := statistics.Since(ctx, now.Add(-24*time.Hour))
			require.NoError(t, err)
			require.Equal(t, time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC), stats.Since)
			require.Len(t, stats.Hours, 25)
			return stats
		}
		stats := check()
		require.Equal(t, map[runs.Status]int64{runs.Completed: 21, runs.Failed: 1, runs.Running: 1}, stats.Total.ByStatus)
		require.EqualValues(t, 230, stats.Total.Tokens)
		require.Equal(t, time.Second, stats.Total.P50)
		require.Equal(t, 1900*time.Millisecond, stats.Total.P95)
		require.EqualValues(t, 20, stats.Hours[22].ByStatus[runs.Completed])
		require.Equal(t, 7*time.Millisecond, stats.Hours[24].P95)
		require.Zero(t, stats.Hours[0].P50)
		require.Len(t, stats.Failures, 1)
		require.Equal(t, "run_B", stats.Failures[0].RunID)
		require.Equal(t, "provider_failed", stats.Failures[0].Error.Code)

		// What still goes on is counted anew, and so is what comes in now.
		require.NoError(t, s.Write(ctx, func(tx store.Tx) error {
			return tx.Exec("UPDATE runs SET status = 'COMPLETED', completed_at = started_at + 1 WHERE id = 'run_C'")
		}))
		plantRun(t, s, "E", runs.Canceled, now, time.Millisecond)
		stats = check()
		require.Equal(t, map[runs.Status]int64{runs.Completed: 22, runs.Failed: 1, runs.Canceled: 1}, stats.Total.ByStatus)
		now = now.Add(time.Hour)
		stats, err := statistics.Since(ctx, now.Add(-3*time.Hour))
		require.NoError(t, err)
		require.Len(t, stats.Hours, 4)
		require.EqualValues(t, 22, stats.Total.ByStatus[runs.Completed], "the hours of before are still there")
	})
}

// The counts of an hour are saved when all its runs have ended. They survive a restart, and the deletion of the runs.
func TestHoursAreWrittenDown(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		now := time.Date(2026, 3, 1, 12, 30, 0, 0, time.UTC)
		clock := func() time.Time { return now }
		plantRun(t, s, "A", runs.Completed, now.Add(-26*time.Hour), 2*time.Second)
		plantRun(t, s, "B", runs.Failed, now.Add(-5*time.Hour), time.Second)
		plantRun(t, s, "C", runs.Waiting, now.Add(-4*time.Hour), 0)
		plantRun(t, s, "D", runs.Completed, now.Add(-3*time.Hour), 3*time.Second)
		plantRun(t, s, "E", runs.Completed, now, time.Second)
		require.NoError(t, s.Write(ctx, func(tx store.Tx) error { return tx.Exec("UPDATE runs SET cost = 7 WHERE id = 'run_D'") }))
		written := func() (n int) {
			n, _, err := store.Row[int](s.Read(ctx), "SELECT COUNT(*) FROM run_hours")
			require.NoError(t, err)
			return n
		}
		since := func(of *runs.Statistics) *runs.Stats {
			stats, err := of.Since(ctx, now.Add(-30*time.Hour))
			require.NoError(t, err)
			return stats
		}
		statistics := runs.NewStatistics(s, clock)
		before := since(statistics)
		const over = 31*24 - 1 // hours: all of 31 days, but the last that is over, which may still get runs
		for range 2 {
			require.NoError(t, statistics.RollUp(ctx))
			require.Equal(t, over-1, written(), "all but the one with a run that waits")
		}
		started := runs.NewStatistics(s, clock)
		require.Equal(t, before, since(started))
		require.NoError(t, s.Write(ctx, func(tx store.Tx) error { return tx.Exec("DELETE FROM runs WHERE id <> 'run_C'") }))
		deleted := since(runs.NewStatistics(s, clock))
		require.Equal(t, map[runs.Status]int64{runs.Completed: 2, runs.Failed: 1, runs.Waiting: 1}, deleted.Total.ByStatus)
		require.Equal(t, 3*time.Second, deleted.Total.P95)
		require.EqualValues(t, 7, *deleted.Total.Cost.OrNil())

		// The waiting run ends. An hour whose counts cannot be read is counted again.
		require.NoError(t, s.Write(ctx, func(tx store.Tx) error {
			if err := tx.Exec("UPDATE run_hours SET counts = 'x' WHERE counts LIKE '%FAILED%'"); err != nil {
				return err
			}
			return tx.Exec("UPDATE runs SET status = 'CANCELED' WHERE id = 'run_C'")
		}))
		started = runs.NewStatistics(s, clock)
		require.Equal(t, map[runs.Status]int64{runs.Completed: 2, runs.Canceled: 1}, since(started).Total.ByStatus)
		require.NoError(t, started.RollUp(ctx))
		require.Equal(t, over, written())

		now = now.Add(runs.MaxStats)
		require.NoError(t, started.RollUp(ctx))
		require.Equal(t, over, written(), "older ones are deleted")
	})
}

// How long the overview of a busy day takes, when nothing of it has been counted before.
func BenchmarkStatistics(b *testing.B) {
	s := storetest.Open(b, storetest.Default(b))
	ctx := context.Background()
	const series = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
	begin := time.Now().Add(-23 * time.Hour).UnixMilli()
	text := strings.Repeat("x", 1000)
	require.NoError(b, s.Write(ctx, func(tx store.Tx) error {
		return tx.Exec(insertRuns+series+`SELECT 'run_' || CAST(1000000 + i AS TEXT), CASE WHEN i % 10 = 0 THEN 'FAILED' ELSE 'COMPLETED' END, 'ci', 'triage', 'webhook', ?, ?, 'x', 'y', 10,
			? + CAST(i AS BIGINT) * 800, ? + CAST(i AS BIGINT) * 800, ? + CAST(i AS BIGINT) * 800 + (CAST(i AS BIGINT) * 7919) % 5000 FROM n`, text, text, begin, begin, begin)
	}))
	for b.Loop() {
		stats, err := runs.NewStatistics(s, nil).Since(ctx, time.Now().Add(-24*time.Hour))
		require.NoError(b, err)
		require.EqualValues(b, 90_000, stats.Total.ByStatus[runs.Completed])
		require.Len(b, stats.Failures, 10)
	}
}
