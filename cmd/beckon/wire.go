package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/agents/flow"
	"beckon/agents/reply"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
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
	providers *store.Resources[agents.Provider]
	agents    *store.Resources[agents.Agent]
	flows     *store.Resources[agents.Flow]
	commands  *store.Resources[commands.Command]
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
		providers: store.NewResources[agents.Provider](s, agents.SectionProviders, sealer),
		agents:    store.NewResources[agents.Agent](s, agents.SectionAgents, sealer),
		flows:     store.NewResources[agents.Flow](s, agents.SectionFlows, sealer),
		commands:  store.NewResources[commands.Command](s, config.SectionCommands, sealer),
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

// secretsKey returns what seals the stored secrets: server.secretsKey, or a file beside the database, which is made while
// there is nothing that another key has sealed.
func secretsKey(ctx context.Context, c *config.Config, s *store.Store) (secret.String, error) {
	if c.Server.SecretsKey != "" {
		return c.Server.SecretsKey, nil
	}
	path, ok := secretsKeyFile(c)
	if !ok {
		return "", errors.New("to keep secrets in PostgreSQL, set server.secretsKey to the same value on every replica")
	}
	key, err := secret.ReadKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	sealed, err := s.HasSealed(context.WithoutCancel(ctx))
	if err != nil {
		return "", err
	}
	if sealed {
		return "", fmt.Errorf("the key that sealed the stored secrets is missing: restore %s. When it is lost, put a new one there (openssl rand -base64 32), start again and give the secrets again", path)
	}
	return secret.KeyFile(path)
}

// settleSecretsKey makes the key at the first start, and says what is wrong with it later. Without it the gateway works, but
// for what needs the stored secrets.
func settleSecretsKey(ctx context.Context, c *config.Config, s *store.Store, log *slog.Logger) {
	path, ok := secretsKeyFile(c)
	if !ok || c.Server.SecretsKey != "" {
		return
	}
	if _, err := secretsKey(ctx, c, s); err != nil {
		log.Error("the stored secrets cannot be read", "error", err)
		return
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others than its owner may read the secrets key: chmod 600 it", "file", path, "mode", info.Mode().Perm().String())
	}
}

// secretsKeyFile is where the key is that a start without one makes; ok is false where it makes none.
func secretsKeyFile(c *config.Config) (path string, ok bool) {
	path, ok = strings.CutPrefix(c.Database.URL.Reveal(), "sqlite:")
	return filepath.Join(filepath.Dir(path), "secrets.key"), ok
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
