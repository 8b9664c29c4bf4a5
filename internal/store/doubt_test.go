package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// A transaction that was committed is reported as committed, also when the answer to its COMMIT is lost.
func TestACommitWhoseAnswerIsLost(t *testing.T) {
	proxy := storetest.NewProxy(t, storetest.Postgres(t))
	s := storetest.Open(t, proxy.URL)
	followed := 0
	proxy.LoseCommit()
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
		tx.AfterCommit(func() { followed++ })
		return insert(tx, "a")
	}))
	require.True(t, proxy.Lost())
	require.Equal(t, 1, followed)
	require.EqualValues(t, 1, count(t, s))
}

// A transaction that was not committed is reported as such: the connection broke before the COMMIT arrived.
func TestATransactionWhoseConnectionBreaks(t *testing.T) {
	proxy := storetest.NewProxy(t, storetest.Postgres(t))
	s := storetest.Open(t, proxy.URL)
	err := s.Write(t.Context(), func(tx store.Tx) error {
		tx.AfterCommit(func() { t.Error("nothing was committed") })
		defer proxy.Cut()
		return insert(tx, "a")
	})
	require.Error(t, err)
	require.EqualValues(t, 0, count(t, s))
}

// What must not be lost is written when the database is back, and once.
func TestAWriteThatIsTriedUntilItSucceeds(t *testing.T) {
	proxy := storetest.NewProxy(t, storetest.Postgres(t))
	s := storetest.Open(t, proxy.URL)
	proxy.Refuse()
	begun, outcome := make(chan struct{}), make(chan error, 1)
	go func() {
		close(begun)
		outcome <- s.WriteUntil(context.Background(), func(tx store.Tx) error { return insert(tx, "a") })
	}()
	<-begun
	require.True(t, problem.Is(s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, "b") }), problem.Unavailable))
	proxy.LoseCommit()
	proxy.Accept()
	require.NoError(t, <-outcome)
	require.EqualValues(t, 1, count(t, s))

	proxy.Refuse()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.Error(t, s.WriteUntil(ctx, func(tx store.Tx) error { return insert(tx, "c") }), "it gives up with its context")
	proxy.Accept()
}

// Two transactions that PostgreSQL can't both commit are both written.
func TestConflictsAreTriedAgain(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	for _, id := range []string{"a", "b"} {
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return insert(tx, id) }))
	}
	update := func(tx store.Tx, id string) error {
		return tx.Exec("UPDATE runs SET attempts = attempts + 1 WHERE id = ?", id)
	}
	has := map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{})}
	outcome := make(chan error, 2)
	for first, second := range map[string]string{"a": "b", "b": "a"} {
		go func() {
			tries := 0
			outcome <- s.Write(context.Background(), func(tx store.Tx) error {
				tries++
				if err := update(tx, first); err != nil {
					return err
				}
				if tries == 1 {
					close(has[first])
					<-has[second] // now each has what the other one wants
				}
				return update(tx, second)
			})
		}()
	}
	require.NoError(t, <-outcome)
	require.NoError(t, <-outcome)
	require.Equal(t, []int{3, 3}, storetest.Rows[int](t, s, "SELECT attempts FROM runs"))
}

// What follows a commit does not follow a write that failed, though others in its group are committed.
func TestWhatFollowsACommit(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		followed := make(chan string, 100)
		outcome := make(chan error, 100)
		for i := range 100 {
			fails := i%2 == 1
			s.Go(t.Context(), func(tx store.Tx) error {
				tx.AfterCommit(func() { followed <- map[bool]string{true: "failed", false: "written"}[fails] })
				if fails {
					return errMine
				}
				return nil
			}, func(err error) { outcome <- err })
		}
		for range 100 {
			<-outcome
		}
		require.ErrorIs(t, s.Write(t.Context(), func(tx store.Tx) error { // in a group of its own
			tx.AfterCommit(func() { followed <- "failed" })
			return errMine
		}), errMine)
		close(followed)
		n := 0
		for what := range followed {
			require.Equal(t, "written", what)
			n++
		}
		require.Equal(t, 50, n)
	})
}
