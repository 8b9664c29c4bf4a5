package jobs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"beckon/internal/jobs"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func nothing(context.Context, []string) error { return nil }

// A job that cannot be enqueued fails the write that wants it, and none of those in the same transaction.
func TestABadJobFailsAlone(t *testing.T) {
	for name, bad := range map[string]jobs.Job{"kind": {Kind: "nobody", ID: "x"}, "priority": {Kind: "work", ID: "x", Priority: 9}} {
		t.Run(name, func(t *testing.T) {
			storetest.EachStore(t, func(t *testing.T, s *store.Store) {
				q := started(t, newQueue(t, s, "one", map[string]jobs.Kind{"work": {Workers: 1, Handle: nothing}}))
				var group sync.WaitGroup
				errs := make([]error, 100)
				for i := range errs {
					group.Go(func() {
						errs[i] = s.Write(context.Background(), func(tx *gorm.DB) error {
							if i%10 == 3 {
								return q.Enqueue(tx, bad)
							}
							return q.Enqueue(tx, jobs.Job{Kind: "work", ID: fmt.Sprint(i)})
						})
					})
				}
				group.Wait()
				for i, err := range errs {
					if i%10 == 3 {
						require.ErrorContains(t, err, "enqueue: ")
					} else {
						require.NoError(t, err)
					}
				}
			})
		})
	}
}

// A job that is due at once is due before any clock's now, by how River compares: what it had stored is moved an hour
// ahead here, as it is when the clock jumps back an hour.
func TestAJobIsTakenUpAfterTheClockHasJumpedBack(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		taken := make(chan string, 1)
		q := newQueue(t, s, "one", map[string]jobs.Kind{"work": {Workers: 1, Handle: func(_ context.Context, ids []string) error {
			taken <- ids[0]
			return nil
		}}})
		enqueue(t, s, q, jobs.Job{Kind: "work", ID: "a"})
		ahead := "UPDATE river_job SET scheduled_at = strftime('%Y-%m-%d %H:%M:%f', scheduled_at, '+1 hour')"
		if s.Shared() {
			ahead = "UPDATE river_job SET scheduled_at = scheduled_at + interval '1 hour'"
		}
		require.NoError(t, s.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec(ahead).Error }))
		started(t, q)
		select {
		case got := <-taken:
			require.Equal(t, "a", got)
		case <-time.After(patience):
			t.Fatal("the job waits for the clock")
		}
	})
}

// A handler that doesn't listen keeps nobody from stopping.
func TestStopEndsByItsDeadline(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		entered, release := make(chan struct{}), make(chan struct{})
		q := newQueue(t, s, "one", map[string]jobs.Kind{"work": {Workers: 1, Handle: func(context.Context, []string) error {
			close(entered)
			<-release
			return nil
		}}})
		require.NoError(t, q.Start(context.Background()))
		enqueue(t, s, q, jobs.Job{Kind: "work", ID: "a"})
		<-entered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		stopped := make(chan error, 1)
		go func() { stopped <- q.Stop(ctx) }()
		select {
		case err := <-stopped:
			require.ErrorContains(t, err, "still being done")
		case <-time.After(patience):
			t.Error("Stop waits for a handler that does not listen")
		}
		close(release)
		require.NoError(t, q.Stop(context.Background()), "once the handler has ended")
	})
}

func TestJobsThatAreDoneAreDeleted(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		q := newQueue(t, s, "one", map[string]jobs.Kind{"work": {Workers: 1, Handle: nothing}})
		const rows = 2000
		fill := "INSERT INTO river_job (args, kind, queue, state, max_attempts, priority, finalized_at, scheduled_at) " +
			"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < %d) " +
			"SELECT %s, 'work', 'work', 'completed', 1, 1, %s, %s FROM c"
		past, empty := "datetime('now', 'subsec', '-5 minutes')", "jsonb('{}')"
		if s.Shared() {
			past, empty = "now() - interval '5 minutes'", "CAST('{}' AS jsonb)"
		}
		require.NoError(t, s.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec(fmt.Sprintf(fill, rows, empty, past, past)).Error }))
		left := func() (n int64) {
			require.NoError(t, s.Read(t.Context()).Raw("SELECT COUNT(*) FROM river_job").Scan(&n).Error)
			return n
		}
		require.EqualValues(t, rows, left())
		enqueue(t, s, q, jobs.Job{Kind: "work", ID: "later", At: time.Now().Add(time.Hour)})
		started(t, q)
		require.Eventually(t, func() bool { return left() == 1 }, patience, 50*time.Millisecond)
	})
}
