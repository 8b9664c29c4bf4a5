package clients_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/units"
)

func eachDatabase(t *testing.T, test func(t *testing.T, s *store.Store, all catalog.Section[clients.Client])) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		test(t, s, catalog.Of[clients.Client](gatewaytest.Editor(t, s, gatewaytest.Setup{})))
	})
}

func insert(t *testing.T, s *store.Store, all catalog.Section[clients.Client], c clients.Client) (token secret.String, err error) {
	err = s.Write(t.Context(), func(tx store.Tx) error {
		token, err = all.Insert(tx, c.Prepared())
		return err
	})
	return token, err
}

func TestClientsAreKept(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *store.Store, all catalog.Section[clients.Client]) {
		ctx := t.Context()
		c := clients.Client{ID: "ci", Name: "CI", Passthrough: true, Template: "{{ .text }}", AllowedAgents: []string{"a", "b"},
			SyncTimeout: units.Duration(time.Minute), MaxBodyBytes: 5000, RateLimit: &clients.RateLimit{Requests: 5, Per: units.Duration(time.Second)}, MaxConcurrent: 3}
		before, err := catalog.Revision(ctx, s)
		require.NoError(t, err)
		token, err := insert(t, s, all, c)
		require.NoError(t, err)
		after, err := catalog.Revision(ctx, s)
		require.NoError(t, err)
		require.Greater(t, after, before)

		list, err := all.List(ctx)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), list[0].Item.Since, time.Minute)
		c.Since = list[0].Item.Since
		require.Equal(t, c, list[0].Item)
		credentials, err := clients.Credentials(s.Read(ctx))
		require.NoError(t, err)
		require.Equal(t, map[string][]clients.Credential{"ci": {{Hash: clients.HashOf(token.Reveal())}}}, credentials)

		_, err = insert(t, s, all, c)
		require.True(t, problem.Is(err, problem.Conflict))
		for _, bad := range []clients.Client{{ID: "x"}, {ID: "Not a slug", Passthrough: true, AllowedAgents: []string{"a"}}} {
			_, err = insert(t, s, all, bad)
			require.True(t, problem.Is(err, problem.Invalid), "%v", err)
		}
	})
}

func TestRotate(t *testing.T) {
	eachDatabase(t, func(t *testing.T, s *store.Store, all catalog.Section[clients.Client]) {
		first, err := insert(t, s, all, clients.Client{ID: "ci", Passthrough: true, AllowedAgents: []string{"a"}})
		require.NoError(t, err)
		alive := func() (hashes []clients.Hash) {
			credentials, err := clients.Credentials(s.Read(t.Context()))
			require.NoError(t, err)
			for _, c := range credentials["ci"] {
				hashes = append(hashes, c.Hash)
			}
			return hashes
		}
		rotate := func(overlap time.Duration) clients.Hash {
			issued, err := clients.RotateToken(t.Context(), all, "mia", "ci", overlap)
			require.NoError(t, err)
			return clients.HashOf(issued.Token.Reveal())
		}

		second := rotate(time.Hour)
		require.ElementsMatch(t, []clients.Hash{clients.HashOf(first.Reveal()), second}, alive(), "both are good for an hour")
		third := rotate(time.Hour)
		require.ElementsMatch(t, []clients.Hash{second, third}, alive(), "never more than two")
		fourth := rotate(0)
		require.Equal(t, []clients.Hash{fourth}, alive())
		_, err = clients.RotateToken(t.Context(), all, "mia", "nobody", 0)
		require.True(t, problem.Is(err, problem.NotFound))
	})
}
