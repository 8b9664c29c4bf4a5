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
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
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
	return config.Load(path, os.LookupEnv)
}

// factories are all the ways of invoking an agent.
func factories(log *slog.Logger) agents.Factories {
	return agents.Factories{
		Providers: map[string]agents.Factory{
			"openai":   chat.New(egress.NewProviders(), log),
			"template": reply.New(),
		},
		Flow: flow.New(),
	}
}

// database is the store with the storage of every noun on it.
type database struct {
	store     *store.Store
	providers *catalog.Documents[agents.Provider]
	agents    *catalog.Documents[agents.Agent]
	flows     *catalog.Documents[agents.Flow]
	commands  *catalog.Documents[commands.Command]
	endpoints *deliveries.Registry
	clients   *clients.Storage
	sealer    *secret.Sealer
}

func openDatabase(ctx context.Context, c *config.Config, log *slog.Logger) (*database, error) {
	s, err := store.Open(ctx, c.Database.URL.Reveal(), log)
	if err != nil {
		return nil, err
	}
	sealer := secret.NewSealer(func() (secret.String, error) { return secretsKey(ctx, c, s) })
	return &database{
		store:     s,
		providers: catalog.NewDocuments[agents.Provider](s, agents.SectionProviders, sealer),
		agents:    catalog.NewDocuments[agents.Agent](s, agents.SectionAgents, sealer),
		flows:     catalog.NewDocuments[agents.Flow](s, agents.SectionFlows, sealer),
		commands:  catalog.NewDocuments[commands.Command](s, config.SectionCommands, sealer),
		endpoints: deliveries.NewRegistry(s, sealer),
		clients:   clients.NewStorage(s, sealer),
		sealer:    sealer,
	}, nil
}

// editor is what changes the resources. inForce is the configuration, changed is told of every change.
func (d *database) editor(inForce func() *config.Config, changed func(context.Context)) *config.Editor {
	return config.NewEditor(config.EditorConfig{Store: d.store, Config: inForce, How: factories(slog.New(slog.DiscardHandler)), Env: os.LookupEnv, Providers: d.providers,
		Agents: d.agents, Flows: d.flows, Commands: d.commands, Clients: d.clients, Endpoints: d.endpoints, Changed: changed})
}

// resources reads what the database has of each noun.
func (d *database) resources(ctx context.Context) (r config.Resources, err error) {
	if r.Providers, err = d.providers.List(ctx); err != nil {
		return r, err
	}
	if r.Agents, err = d.agents.List(ctx); err != nil {
		return r, err
	}
	if r.Flows, err = d.flows.List(ctx); err != nil {
		return r, err
	}
	if r.Commands, err = d.commands.List(ctx); err != nil {
		return r, err
	}
	if r.Endpoints, err = d.endpoints.List(ctx); err != nil {
		return r, err
	}
	r.Clients, err = d.clients.List(ctx)
	return r, err
}
