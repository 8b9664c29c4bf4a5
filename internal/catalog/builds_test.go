package catalog_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// A change makes one View, which is the one that it was checked by, and another one only to find all that is wrong with
// it. To read makes none, nor does it to see one's own change.
func TestAChangeIsBuiltOnce(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx, how, built, applied := t.Context(), factories(), 0, 0
		how.Providers["openai"] = func(agents.Provider, agents.Agent) (agents.Invoker, problem.Fields) {
			built++
			return silent{}, nil
		}
		e := gatewaytest.Editor(t, s, gatewaytest.Setup{File: "agents: [{id: counted, provider: p}]\nproviders: [{id: p, type: openai}]", How: &how,
			Apply: func(context.Context, *catalog.View) error { applied++; return nil }})
		step := func(what string, builds, applies int, do func() error) {
			built, applied = 0, 0
			require.NoError(t, do(), what)
			require.Equal(t, []int{builds, applies}, []int{built, applied}, what)
		}
		all := catalog.Of[commands.Command](e)
		step("create", 1, 1, func() error {
			_, _, err := all.Create(ctx, "mia", commands.Command{ID: "c", Prompt: "x"})
			return err
		})
		step("update", 1, 1, func() error {
			_, err := all.Update(ctx, "mia", commands.Command{ID: "c", Prompt: "y"}, 0)
			return err
		})
		step("read", 0, 0, func() error {
			_, err := all.List(ctx)
			return err
		})
		step("refresh", 0, 0, func() error { return e.Refresh(ctx) })
		step("refuse", 2, 0, func() error {
			_, _, err := all.Create(ctx, "mia", commands.Command{ID: "d"})
			require.True(t, problem.Is(err, problem.Invalid))
			return nil
		})
		step("delete", 1, 1, func() error { return all.Delete(ctx, "mia", "c", 0) })
		_, _, err := catalog.Of[clients.Client](e).Create(ctx, "mia", clients.Client{ID: "c", Passthrough: true, AllowedAgents: []string{"counted"}})
		require.NoError(t, err)
		step("a token", 1, 1, func() error {
			_, err := clients.RotateToken(ctx, catalog.Of[clients.Client](e), "mia", "c", 0)
			return err
		})
		step("by another gateway", 1, 1, func() error {
			other := catalog.NewEditor(catalog.EditorConfig{Nouns: e.Nouns, Store: s, Sealer: e.Sealer})
			require.NoError(t, s.Write(ctx, func(tx store.Tx) error {
				_, err := catalog.Of[commands.Command](other).Insert(tx, commands.Command{ID: "o", Prompt: "x"})
				return err
			}))
			list, err := all.List(ctx)
			require.NoError(t, err)
			require.Len(t, list, 1, "it is seen before it is in force")
			return e.Refresh(ctx)
		})
	})
}

// What cannot be put in force at once is tried again, and is kept all the same.
func TestAChangeThatCannotBePutInForce(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		var broken error
		applied := 0
		e := gatewaytest.Editor(t, s, gatewaytest.Setup{Apply: func(context.Context, *catalog.View) error {
			if broken == nil {
				applied++
			}
			return broken
		}})
		broken, applied = errors.New("no"), 0
		_, _, err := catalog.Of[commands.Command](e).Create(t.Context(), "mia", commands.Command{ID: "c", Prompt: "x"})
		require.NoError(t, err)
		require.ErrorIs(t, e.Refresh(t.Context()), broken)
		broken = nil
		require.NoError(t, e.Refresh(t.Context()))
		require.NoError(t, e.Refresh(t.Context()))
		require.Equal(t, 1, applied)
	})
}

// What the database gives back is what is in force, to the letter.
func TestAChangeIsInForceAsItIsKept(t *testing.T) {
	editing(t, func(t *testing.T, b *editorBench, ctx context.Context) {
		b.fill(ctx)
		_, err := b.endpoints().Update(ctx, "mia", deliveries.Endpoint{ID: "e", URL: "https://example.com/hook", Agents: []string{}, Clients: []string{"c"}, Events: []string{}}, 0)
		require.NoError(t, err)
		_, err = b.agents().Update(ctx, "mia", agents.Agent{ID: "a", Provider: "p", Model: "m", Params: agents.Object{"seed": 9007199254740993, "top_p": 1.0, "user": nil},
			Fallbacks: []agents.Fallback{}, Output: &agents.Output{Schema: agents.OutputSchema{"type": []any{"object"}, "maxProperties": 2.0}}}, 0)
		require.NoError(t, err)
		at, err := b.View(ctx)
		require.NoError(t, err)
		again, err := b.Join(ctx, at.File)
		require.NoError(t, err)
		require.Equal(t, catalog.Records[deliveries.Endpoint](again), catalog.Records[deliveries.Endpoint](at))
		require.Equal(t, catalog.Records[clients.Client](again), catalog.Records[clients.Client](at))
		require.Equal(t, catalog.Records[agents.Provider](again), catalog.Records[agents.Provider](at))
		require.Equal(t, catalog.Records[agents.Agent](again), catalog.Records[agents.Agent](at))
	})
}
