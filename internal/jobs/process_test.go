package jobs_test

import (
	"bufio"
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/jobs"
	"beckon/internal/store/storetest"
)

// What a process had taken up when it was killed is lost; what it had not is taken up by the next one.
func TestJobsOfAKilledProcess(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		done := make(chan string, 10)
		next := newQueue(t, s, "next", map[string]jobs.Kind{"work": {Workers: 4, Handle: func(_ context.Context, ids []string) error {
			for _, id := range ids {
				done <- id
			}
			return nil
		}}})
		// Each in a write of its own, so that they are not one job to River.
		for _, id := range []string{"a", "b", "c"} {
			enqueue(t, s, next, jobs.Job{Kind: "work", ID: id})
		}

		victim := process(roleVictim, url)
		out, err := victim.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, victim.Start())
		var taken []string
		for lines := bufio.NewScanner(out); len(taken) < 2 && lines.Scan(); {
			taken = append(taken, lines.Text())
		}
		require.NoError(t, victim.Process.Kill())
		_ = victim.Wait() // it says that it was killed
		require.ElementsMatch(t, []string{"a", "b"}, taken)

		started(t, next)
		select {
		case got := <-done:
			require.Equal(t, "c", got)
		case <-time.After(patience):
			t.Fatal("nobody took up the job that was left")
		}
		lost, err := next.Lost(t.Context(), "work", []string{"next"})
		require.NoError(t, err)
		require.ElementsMatch(t, taken, lost)
		require.Empty(t, done, "what is lost is not begun again by itself")
		lost, err = next.Lost(t.Context(), "work", []string{"next", roleVictim})
		require.NoError(t, err)
		require.Empty(t, lost)
	})
}

func TestProcessesThatMigrateAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		migrators := make([]*exec.Cmd, 4)
		for i := range migrators {
			migrators[i] = process(roleMigrator, url)
			require.NoError(t, migrators[i].Start())
		}
		for _, m := range migrators {
			require.NoError(t, m.Wait())
		}
		s, taken := storetest.Open(t, url), make(chan string, 1)
		q := started(t, newQueue(t, s, "one", map[string]jobs.Kind{"work": {Workers: 1, Handle: func(_ context.Context, ids []string) error {
			taken <- ids[0]
			return nil
		}}}))
		enqueue(t, s, q, jobs.Job{Kind: "work", ID: "a"})
		select {
		case got := <-taken:
			require.Equal(t, "a", got)
		case <-time.After(patience):
			t.Fatal("nobody took up the job")
		}
	})
}
