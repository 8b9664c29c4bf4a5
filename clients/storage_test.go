package clients_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/units"
)

func newStorage(s *store.Store) *clients.Storage {
	return clients.NewStorage(s, secret.NewSealer(func() (secret.String, error) { return "", errors.New("clients have nothing to seal") }))
}

func TestClientsAreKept(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		storage, ctx := newStorage(s), t.Context()
		c := clients.Client{ID: "ci", Name: "CI", Passthrough: true, Template: "{{ .text }}", AllowedAgents: []string{"a", "b"},
			SyncTimeout: units.Duration(time.Minute), MaxBodyBytes: 5000, RateLimit: &clients.RateLimit{Requests: 5, Per: units.Duration(time.Second)}, MaxConcurrent: 3}
		before, err := catalog.Revision(ctx, s)
		require.NoError(t, err)
		token, err := storage.Create(ctx, c)
		require.NoError(t, err)
		after, err := catalog.Revision(ctx, s)
		require.NoError(t, err)
		require.Greater(t, after, before)

		list, err := storage.List(ctx)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), list[0].Since, time.Minute)
		c.Since = list[0].Since
		require.Equal(t, []clients.Client{c}, list)
		credentials, err := storage.Credentials(ctx)
		require.NoError(t, err)
		require.Equal(t, map[string][]clients.Credential{"ci": {{Hash: clients.HashOf(token.Reveal())}}}, credentials)

		_, err = storage.Create(ctx, c)
		require.True(t, problem.Is(err, problem.Conflict))
		for _, bad := range []clients.Client{{ID: "x"}, {ID: "Not a slug", Passthrough: true, AllowedAgents: []string{"a"}}} {
			_, err = storage.Create(ctx, bad)
			require.True(t, problem.Is(err, problem.Invalid), "%v", err)
		}
	})
}

func TestRotate(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		storage, ctx := newStorage(s), t.Context()
		first, err := storage.Create(ctx, clients.Client{ID: "ci", Passthrough: true, AllowedAgents: []string{"a"}})
		require.NoError(t, err)
		alive := func() (hashes []clients.Hash) {
			all, err := storage.Credentials(ctx)
			require.NoError(t, err)
			for _, c := range all["ci"] {
				hashes = append(hashes, c.Hash)
			}
			return hashes
		}
		hash := func(s secret.String) clients.Hash { return clients.HashOf(s.Reveal()) }

		second, err := storage.Rotate(ctx, "ci", time.Hour)
		require.NoError(t, err)
		require.ElementsMatch(t, []clients.Hash{hash(first), hash(second)}, alive(), "both are good for an hour")
		third, err := storage.Rotate(ctx, "ci", time.Hour)
		require.NoError(t, err)
		require.ElementsMatch(t, []clients.Hash{hash(second), hash(third)}, alive(), "never more than two")
		fourth, err := storage.Rotate(ctx, "ci", 0)
		require.NoError(t, err)
		require.Equal(t, []clients.Hash{hash(fourth)}, alive())
		_, err = storage.Rotate(ctx, "nobody", 0)
		require.True(t, problem.Is(err, problem.NotFound))
	})
}
