package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"beckon/agents"
	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/web"
)

// Someone who has configured nothing gets something that works: a provider, an agent, and a client to call it by.
const (
	firstAgent  = "assistant"
	firstClient = "demo"
	ollamaURL   = "http://localhost:11434"
	// ollamaPatience bounds how long the first start waits for a model server that may not be there.
	ollamaPatience = 100 * time.Millisecond
)

// knownProviders are the vendors whose usual variable is looked for, in this order. Their models are the small ones:
// https://platform.openai.com/docs/models, https://docs.claude.com/en/docs/about-claude/models,
// https://ai.google.dev/gemini-api/docs/models
var knownProviders = []struct{ id, variable, url, model string }{
	{"openai", "OPENAI_API_KEY", "https://api.openai.com/v1", "gpt-5-mini"},
	{"anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1", "claude-haiku-4-5"},
	{"gemini", "GEMINI_API_KEY", "https://generativelanguage.googleapis.com/v1beta/openai", "gemini-2.5-flash"},
}

// firstStart makes what is missing, and returns what to print: a password where none is configured, and in an empty
// database without a configuration file something to call. On later starts there is nothing to make, and nothing to
// print.
func firstStart(ctx context.Context, c *config.Config, editor *catalog.Editor, url string) (welcome string, err error) {
	if c.File() == "" {
		if welcome, err = firstResources(ctx, editor, url); err != nil {
			return "", err
		}
	}
	password := ""
	if c.Admin.Password == "" {
		if password, err = web.EnsurePassword(ctx, editor.Store); err != nil {
			return "", err
		}
	}
	if welcome != "" || password != "" {
		welcome += greetAdministrator(url, password)
	}
	return welcome, nil
}

// firstResources fills an empty database, and leaves any other alone.
func firstResources(ctx context.Context, editor *catalog.Editor, url string) (welcome string, err error) {
	empty, err := catalog.IsEmpty(ctx, editor.Store)
	if err != nil || !empty {
		return "", err
	}
	provider, model := firstProvider(ctx)
	var token secret.String
	err = editor.Store.Write(ctx, func(tx store.Tx) error {
		if _, err := catalog.Of[agents.Provider](editor).Insert(tx, provider); err != nil {
			return err
		}
		agent := agents.Agent{ID: firstAgent, Name: "Assistant", Provider: provider.ID, Model: model,
			SystemPrompt: "You answer calls of other programs. Be correct and brief."}
		if _, err := catalog.Of[agents.Agent](editor).Insert(tx, agent); err != nil {
			return err
		}
		client := clients.Client{ID: firstClient, Name: "Demo", Passthrough: true, AllowedAgents: []string{firstAgent}}
		token, err = catalog.Of[clients.Client](editor).Insert(tx, client.Prepared())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("make the first resources: %w", err)
	}
	return greet(url, provider, model, token), nil
}

// firstProvider is the first of these that is there: a vendor whose key is in the environment, Ollama on its usual
// port, the template that says that there is no model.
func firstProvider(ctx context.Context) (p agents.Provider, model string) {
	for _, k := range knownProviders {
		if os.Getenv(k.variable) != "" {
			// The key itself stays in the environment.
			return agents.Provider{
				ID:     k.id,
				Type:   "openai",
				URL:    k.url,
				APIKey: secret.String("${" + k.variable + "}"),
				Exempt: agents.ExemptFirstStart,
			}, k.model
		}
	}
	if model := ollamaModel(ctx, ollamaURL); model != "" {
		return agents.Provider{ID: "ollama", Name: "Ollama", Type: "openai", URL: ollamaURL + "/v1"}, model
	}
	return agents.Provider{ID: "offline", Name: "Offline", Type: "template"}, ""
}

// ollamaModel returns the first model that an Ollama server has: https://docs.ollama.com/api/tags
func ollamaModel(ctx context.Context, base string) string {
	ctx, cancel := context.WithTimeout(ctx, ollamaPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/tags", nil)
	if err != nil {
		return ""
	}
	// Not through a proxy: it is this machine that is asked.
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	var tags struct {
		Models []struct {
			Name string `json:"name"`
		} `json:"models"`
	}
	if answer.StatusCode != http.StatusOK ||
		json.NewDecoder(http.MaxBytesReader(nil, answer.Body, 1<<20)).Decode(&tags) != nil || len(tags.Models) == 0 {
		return ""
	}
	return tags.Models[0].Name
}

func greet(url string, p agents.Provider, model string, token secret.String) string {
	var b strings.Builder
	b.WriteString("\nBeckon is ready. Call it:\n\n")
	fmt.Fprintf(&b,
		"  curl -sS %s/api/v1/webhooks/%s -H 'Authorization: Bearer %s' -H 'Content-Type: "+
			"application/json' -d '{\"prompt\":\"Say hello\"}'\n\n",
		url, firstClient, token.Reveal())
	if model == "" {
		fmt.Fprintf(&b,
			"No model is configured: the agent %q answers from a template. Set OPENAI_API_KEY, "+
				"ANTHROPIC_API_KEY or GEMINI_API_KEY,\n"+
				"or start Ollama, and begin again with an empty data folder; "+
				"or write a config.yaml (config.example.yaml shows how).\n", firstAgent)
	} else {
		fmt.Fprintf(&b, "The agent %q uses %s at %s.\n", firstAgent, model, p.URL)
	}
	fmt.Fprintf(&b, "The token is shown this once. For a new one: beckon clients token %s\n\n", firstClient)
	return b.String()
}

// greetAdministrator says where the page is. The password is empty when it is the configured one.
func greetAdministrator(url, password string) string {
	if password == "" {
		return fmt.Sprintf("The admin page is at %s/admin. Its password is the one that you have configured "+
			"(admin.password).\n\n", url)
	}
	return fmt.Sprintf("The admin page is at %s/admin, and its password is\n\n  %s\n\n"+
		"It is shown this once. For one of your own, set admin.password in the configuration or "+
		"BECKON_ADMIN_PASSWORD, and start again.\n\n", url, password)
}
