package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
)

// The breakers are those of what is in force. A change that is refused makes none, and forgets none.
func TestBreakersOfWhatIsInForce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, recordsFile, storetest.Default(t)), 0o600))
	log, ctx := slog.New(slog.DiscardHandler), t.Context()
	c, err := config.Load(file, os.LookupEnv, nouns(log, nil))
	require.NoError(t, err)
	db, err := openDatabase(ctx, c, log)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.store.Close()) })
	l := newLive(db, log, new(slog.LevelVar), telemetry.NewMetrics("test"))
	l.use, l.useTLS = func(context.Context, []deliveries.Endpoint) error { return nil }, func(*egress.TLS) {}
	require.NoError(t, l.editor.Use(ctx, c))
	asked := func() (ids []string) {
		for _, state := range l.breakers.States() {
			ids = append(ids, state.Provider)
		}
		return ids
	}
	require.Equal(t, []string{"offline"}, asked())

	providers, list := catalog.Of[agents.Provider](l.editor), catalog.Of[agents.Agent](l.editor)
	for _, id := range []string{"first", "second"} {
		_, _, err = providers.Create(ctx, "mia", agents.Provider{ID: id, Type: "template", Template: "Hi."})
		require.NoError(t, err)
	}
	one := agents.Agent{ID: "one", Provider: "first", Fallbacks: []agents.Fallback{{Provider: "second"}}}
	_, _, err = list.Create(ctx, "mia", one)
	require.NoError(t, err)
	require.Equal(t, []string{"first", "offline", "second"}, asked())

	err = providers.Delete(ctx, "mia", "second", 0)
	require.Equal(t, "in_use", problem.Of(err).Code)
	_, _, err = list.Create(ctx, "mia", agents.Agent{ID: "two", Provider: "gone"})
	require.Equal(t, problem.Invalid, problem.Of(err).Kind)
	require.Equal(t, []string{"first", "offline", "second"}, asked())

	require.NoError(t, list.Delete(ctx, "mia", "one", 0))
	require.Equal(t, []string{"offline"}, asked())
}
