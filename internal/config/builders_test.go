package config

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/tools"
)

// vars is an environment.
type vars map[string]string

func (v vars) get(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

// write puts a config.yaml into a folder of its own.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func load(t *testing.T, content string, env vars) *Config {
	t.Helper()
	c, err := Load(write(t, content), env.get, nouns(env))
	require.NoError(t, err)
	return c
}

// complaints returns what is wrong with a file, without its folder.
func complaints(t *testing.T, content string, env vars, database ...catalog.Resource) []string {
	t.Helper()
	path, all := write(t, content), nouns(env)
	_, err := Check(path, env.get, all, func(f catalog.File) (*catalog.View, error) { return all.View(f, database...), nil })
	if err == nil {
		return nil
	}
	var lines []string
	for _, m := range err.(*Error).Mistakes {
		if m.File != "" {
			require.Equal(t, path, m.File)
			m.File = "config.yaml"
		}
		lines = append(lines, m.String())
	}
	return lines
}

// nouns are those of the gateway.
func nouns(env vars) *catalog.Registry {
	how := factories()
	return catalog.NewRegistry(env.get, tools.Noun(), agents.ProviderNoun(how), agents.AgentNoun(), agents.FlowNoun(how), commands.Noun(), clients.Noun(), deliveries.Noun())
}

// declared are the resources of one noun in a file.
func declared[T catalog.Resource](c *Config) (list []T) {
	for _, kind := range c.nouns.Kinds() {
		for _, item := range c.Items(kind.Section) {
			if of, ok := item.(T); ok {
				list = append(list, of)
			}
		}
	}
	return list
}

// view joins a file with resources of the database.
func view(t *testing.T, c *Config, env vars, database ...catalog.Resource) *catalog.View {
	v := nouns(env).View(c, database...)
	require.Empty(t, v.Mistakes())
	return v
}

type silent struct{}

func (silent) Invoke(context.Context, agents.Call) (agents.Result, error) {
	return agents.Result{}, nil
}

// factories know the provider types of the real ones, and refuse what tests want to see refused.
func factories() agents.Factories {
	return agents.Factories{
		Providers: map[string]agents.Factory{
			"openai": func(p agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
				var fields problem.Fields
				if a.Model == "" {
					fields.Add("model", "is required")
				}
				return silent{}, fields
			},
			"template": func(p agents.Provider, _ agents.Agent) (agents.Invoker, problem.Fields) {
				var fields problem.Fields
				if p.Template == "" {
					fields.Add("provider.template", "is required")
				}
				return silent{}, fields
			},
		},
		Media: map[string]agents.Factory{
			agents.KindImage: func(agents.Provider, agents.Agent) (agents.Invoker, problem.Fields) { return silent{}, nil },
		},
		HTTP: func(agents.Agent) (agents.Invoker, problem.Fields) { return silent{}, nil },
		Flow: func(f agents.Flow, lookup func(string) *agents.Entry) (agents.Invoker, problem.Fields) {
			var fields problem.Fields
			if f.Root.Until == "bad(" {
				fields.Add("root.until", "is not a condition")
			}
			return silent{}, fields
		},
	}
}
