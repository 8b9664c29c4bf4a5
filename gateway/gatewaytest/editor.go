// Package gatewaytest makes what tests of a gateway begin with.
package gatewaytest

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/agents/flow"
	"beckon/agents/job"
	"beckon/agents/reply"
	"beckon/gateway"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// Setup says what an editor is made of; the zero one has an empty file and the real ways of invoking agents.
type Setup struct {
	File  string // its content
	How   *agents.Factories
	Env   catalog.Env
	Nouns []catalog.Declaration // besides those of a gateway
	Apply func(context.Context, *catalog.View) error
}

// Editor returns an editor of all nouns in a store.
func Editor(t testing.TB, s *store.Store, setup Setup) *catalog.Editor {
	if setup.Env == nil {
		setup.Env = os.LookupEnv
	}
	if setup.How == nil {
		setup.How = &agents.Factories{
			Flow: flow.New(),
			Providers: map[string]agents.Factory{
				"openai":    chat.New(http.DefaultTransport, slog.New(slog.DiscardHandler)),
				"anthropic": chat.New(http.DefaultTransport, slog.New(slog.DiscardHandler)),
				"responses": chat.New(http.DefaultTransport, slog.New(slog.DiscardHandler)),
				"template":  reply.New(),
			},
			Media: chat.NewMedia(http.DefaultTransport, nil, slog.New(slog.DiscardHandler)),
			HTTP:  job.New(http.DefaultTransport, nil, slog.New(slog.DiscardHandler)),
		}
	}
	nouns := gateway.Nouns(*setup.How, setup.Env, setup.Nouns...)
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(setup.File), 0o600))
	file, err := config.Load(path, setup.Env, nouns)
	require.NoError(t, err)
	e := catalog.NewEditor(catalog.EditorConfig{Nouns: nouns, Store: s, Sealer: Sealer(), Apply: setup.Apply})
	require.NoError(t, e.Use(t.Context(), file))
	return e
}

// Sealer seals with a key that all tests have.
func Sealer() *secret.Sealer {
	return secret.NewSealer(func() (secret.String, error) { return "key", nil })
}
