package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/agents/flow"
	"beckon/agents/reply"
	"beckon/gateway"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/egress"
	"beckon/internal/secret"
	"beckon/internal/store"
)

const defaultConfigFile = "config.yaml"

// configFlag says where the configuration is.
type configFlag struct {
	Config string `help:"The configuration file. Without it, config.yaml where it exists, else none." placeholder:"FILE" type:"path"`
}

// path is the file to read; empty is none.
func (f configFlag) path() (string, error) {
	if f.Config != "" {
		return f.Config, nil
	}
	switch _, err := os.Stat(defaultConfigFile); {
	case err == nil:
		return defaultConfigFile, nil
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	default:
		return "", err
	}
}

// load reads the configuration with the environment over it.
func (f configFlag) load() (*config.Config, error) {
	path, err := f.path()
	if err != nil {
		return nil, err
	}
	return config.Load(path, os.LookupEnv, nouns(slog.New(slog.DiscardHandler), nil))
}

// nouns are all that people can name, with all the ways of invoking an agent. breakers are nil where nothing is invoked.
func nouns(log *slog.Logger, breakers *agents.Breakers) *catalog.Registry {
	return gateway.Nouns(agents.Factories{
		Providers: map[string]agents.Factory{
			"openai":    chat.New(egress.NewProviders(), log),
			"anthropic": chat.New(egress.NewProviders(), log),
			"responses": chat.New(egress.NewProviders(), log),
			"template":  reply.New(),
		},
		Flow:     flow.New(),
		Breakers: breakers,
	}, os.LookupEnv)
}

// database is the store, with what seals the secrets in it.
type database struct {
	store  *store.Store
	sealer *secret.Sealer
}

func openDatabase(ctx context.Context, c *config.Config, log *slog.Logger) (*database, error) {
	s, err := store.Open(ctx, c.Database.URL.Reveal(), log)
	if err != nil {
		return nil, err
	}
	return &database{s, secret.NewSealer(func() (secret.String, error) { return secretsKey(ctx, c, s) })}, nil
}

// editor is what changes the resources. apply puts them in force; nil for nobody. breakers are as for nouns.
func (d *database) editor(log *slog.Logger, breakers *agents.Breakers, apply func(context.Context, *catalog.View) error) *catalog.Editor {
	return catalog.NewEditor(catalog.EditorConfig{Nouns: nouns(log, breakers), Store: d.store, Sealer: d.sealer, Log: log, Apply: apply})
}
