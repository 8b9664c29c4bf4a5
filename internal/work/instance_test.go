package work

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// claims is a claimant that remembers what it was asked to do.
type claims struct {
	mu        sync.Mutex
	owners    []string
	recovered []string
	during    func() // called before confirm
}

func (c *claims) Owners(context.Context) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owners, nil
}

func (c *claims) RecoverFrom(_ context.Context, instance string, confirm func(tx store.Tx) error) error {
	if c.during != nil {
		c.during()
	}
	if err := confirm(store.Tx{}); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recovered = append(c.recovered, instance)
	c.owners = slices.DeleteFunc(c.owners, func(id string) bool { return id == instance })
	return nil
}

func (c *claims) Reconcile(context.Context) error { return nil }

// inTransaction is a claimant whose confirm runs in a transaction of the store.
type inTransaction struct {
	*claims
	store *store.Store
}

func (c inTransaction) RecoverFrom(ctx context.Context, instance string, confirm func(tx store.Tx) error) error {
	return c.claims.RecoverFrom(ctx, instance, func(store.Tx) error { return c.store.Write(ctx, confirm) })
}

func newInstance(t *testing.T, s *store.Store) (*Instance, *claims) {
	i, c := New(s, slog.New(slog.DiscardHandler)), &claims{}
	i.Claims(inTransaction{c, s})
	require.NoError(t, i.beat(t.Context()))
	return i, c
}

// seen changes when an instance was seen, by the clock of the database.
func seen(t *testing.T, i *Instance, id string, ago time.Duration) {
	require.NoError(t, i.store.Write(t.Context(), func(tx store.Tx) error {
		return tx.Exec("INSERT INTO instances (id, started_at, seen_at) VALUES (?, 1, "+i.databaseNow()+" - ?) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at", id, ago.Milliseconds())
	}))
}

func listed(t *testing.T, s *store.Store) []string {
	return storetest.Rows[string](t, s, "SELECT id FROM instances ORDER BY id")
}

func TestTheDeadAreRecovered(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	i, c := newInstance(t, s)
	i.steadySince = time.Now().Add(-deadAfter)
	seen(t, i, "dead", deadAfter+time.Second)
	seen(t, i, "alive", deadAfter-2*time.Second)
	require.NoError(t, i.recover(t.Context()))
	require.Equal(t, []string{"dead"}, c.recovered)
	require.Equal(t, []string{"alive", i.ID()}, listed(t, s))
}

// A process that was stopped itself, or whose database was, does not take others for dead: they were stopped too.
func TestAnInstanceThatWasStoppedJudgesNobody(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	i, c := newInstance(t, s)
	i.steadySince = time.Now().Add(-time.Hour)
	i.lastBeat = time.Now().Add(-20 * time.Second)
	seen(t, i, "stopped too", 20*time.Second)
	require.NoError(t, i.beat(t.Context()))
	require.NoError(t, i.recover(t.Context()))
	require.Empty(t, c.recovered)
	i.steadySince = time.Now().Add(-deadAfter)
	require.NoError(t, i.recover(t.Context()))
	require.Equal(t, []string{"stopped too"}, c.recovered, "it has not come back")
}

// Whoever comes back while it is being recovered keeps what it has.
func TestAnInstanceThatComesBackInTime(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	i, c := newInstance(t, s)
	i.steadySince = time.Now().Add(-deadAfter)
	seen(t, i, "late", time.Minute)
	c.during = func() { seen(t, i, "late", 0) }
	require.NoError(t, i.recover(t.Context()))
	require.Empty(t, c.recovered)
	require.Contains(t, listed(t, s), "late")
}

// An instance never recovers what it owns itself, also when it is not in the list any more.
func TestAnInstanceDoesNotRecoverItself(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		i, c := newInstance(t, s)
		i.steadySince = time.Now().Add(-deadAfter)
		c.owners = []string{i.ID()}
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return tx.Exec("DELETE FROM instances") }))
		require.NoError(t, i.recover(t.Context()))
		seen(t, i, i.ID(), time.Hour)
		require.NoError(t, i.recover(t.Context()))
		require.Empty(t, c.recovered)
		require.NoError(t, i.beat(t.Context()))
		require.Equal(t, []string{i.ID()}, listed(t, s))
	})
}

// On PostgreSQL an owner that is not in the list is given the time to come back. On SQLite there are no others.
func TestOwnersThatAreNotInTheList(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		i, c := newInstance(t, s)
		i.steadySince = time.Now().Add(-deadAfter)
		c.owners = []string{"unlisted"}
		require.NoError(t, i.recover(t.Context()))
		if s.Shared() {
			require.Empty(t, c.recovered)
			i.unlisted["unlisted"] = time.Now().Add(-deadAfter)
			require.NoError(t, i.recover(t.Context()))
		}
		require.Equal(t, []string{"unlisted"}, c.recovered)
	})
}

func TestHeld(t *testing.T) {
	var h Held
	h.Drop("a")
	require.False(t, h.Has("a"))
	h.Hold("a", "b")
	h.Hold("a")
	h.Drop("a", "b")
	require.True(t, h.Has("a"), "it was held twice")
	require.False(t, h.Has("b"))
	h.Drop("a")
	require.False(t, h.Has("a"))
}

func TestStartAndStop(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		i := New(s, slog.New(slog.DiscardHandler))
		called, ended := make(chan struct{}, 100), false
		i.Every(time.Millisecond, "call", func(context.Context) error { called <- struct{}{}; return nil })
		i.Go(func(ctx context.Context) { <-ctx.Done(); ended = true })
		require.NoError(t, i.Start(t.Context()))
		<-called
		<-called
		require.Equal(t, []string{i.ID()}, listed(t, s))
		i.Stop()
		require.True(t, ended)
		require.Empty(t, listed(t, s))
	})
}

// After a stop of the process or of its database, other instances may have what was claimed before.
func TestClaimsFromBeforeAStopAreNotTrusted(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		i, _ := newInstance(t, s)
		require.NoError(t, i.beat(t.Context()))
		claimed := time.Now()
		require.NoError(t, i.beat(t.Context()))
		require.True(t, i.Trusts(claimed))

		h := *i.heartbeat.Load()
		h.last = h.last.Add(-deadAfter)
		i.heartbeat.Store(&h)
		require.Equal(t, !s.Shared(), i.Trusts(time.Now()), "it has not been seen for as long as others wait")

		i.lastBeat = time.Now().Add(-20 * time.Second)
		require.NoError(t, i.beat(t.Context()))
		require.Equal(t, !s.Shared(), i.Trusts(claimed), "it was claimed before the stop")
		require.True(t, i.Trusts(time.Now()), "it was claimed since")
	})
}
