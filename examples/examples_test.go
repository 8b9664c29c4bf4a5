// Package examples_test runs the examples as they stand there, without a network.
package examples_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/agents/flow"
	"beckon/agents/job"
	"beckon/agents/reply"
	"beckon/clients"
	"beckon/gateway"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/signature"
)

// nodes keeps what ran.
type nodes struct {
	mu   sync.Mutex
	list []string
}

func (n *nodes) Finished(string) (agents.Node, bool) { return agents.Node{}, false }
func (n *nodes) Begin(agents.Node)                   {}

func (n *nodes) Advance(agents.Node, int) {}

func (n *nodes) End(_ context.Context, node agents.Node) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, node.ID+": "+node.Output)
	return nil
}

func load(t *testing.T, path string) *catalog.View {
	t.Helper()
	env := func(name string) (string, bool) {
		switch {
		case name == "OPENAI_API_KEY":
			return "sk-test", true
		case strings.HasSuffix(name, "_TOKEN"):
			return "mgc_of_this_test_" + name, true
		case strings.HasSuffix(name, "_SECRET"):
			return signature.NewSecret(signature.Standard).Reveal(), true
		}
		return "", false
	}
	nouns := gateway.Nouns(agents.Factories{Flow: flow.New(), Providers: map[string]agents.Factory{
		"template": reply.New(), "openai": chat.New(http.DefaultTransport, slog.New(slog.DiscardHandler))},
		HTTP: job.New(http.DefaultTransport, nil, slog.New(slog.DiscardHandler))}, env)
	c, err := config.Load(path, env, nouns)
	require.NoError(t, err)
	v := nouns.View(c)
	require.Empty(t, v.Mistakes())
	return v
}

func TestExamplesRunOffline(t *testing.T) {
	for _, c := range []struct {
		folder, prompt string
		nodes          []string
		answer         string
	}{
		{"research-pipeline", "Are webhooks reliable?", []string{
			"planner: Background: what is known about it. Risks: what may go wrong with it.",
			`background: Three sources agree on the basics of "Are webhooks reliable?".`,
			`risks: Two sources warn: "Are webhooks reliable?" depends on who runs it.`,
		}, "REPORT\nQuestion: Are webhooks reliable?\n" +
			"Plan: Background: what is known about it. Risks: what may go wrong with it.\n" +
			"Background: Three sources agree on the basics of \"Are webhooks reliable?\".\n" +
			"Risks: Two sources warn: \"Are webhooks reliable?\" depends on who runs it."},
		{"critic-loop", "Why does Beckon store calls?", []string{
			"writer#1: Beckon stores a call before it answers.",
			"critic#1: Give an example.",
			"writer#2: Beckon stores a call before it answers. For example, a build that fails at night is a run in the morning.",
			"critic#2: Say what it costs.",
			"critic#3: approved",
		}, "Beckon stores a call before it answers. For example, a build that fails at night is a run in the morning. It costs one write to the disk."},
		{"debate", "Should we automate triage?", []string{
			"pro#1: It saves time every day.",
			"con#1: It is one more thing to keep running.",
			`pro#2: You say "It is one more thing to keep running.", but waiting costs more than trying.`,
			`con#2: You say "It saves time every day.", but nobody has measured it.`,
		}, "Yes, by the longer case.\nQuestion: Should we automate triage?\n" +
			"For it: You say \"It is one more thing to keep running.\", but waiting costs more than trying.\n" +
			"Against it: You say \"It saves time every day.\", but nobody has measured it."},
	} {
		t.Run(c.folder, func(t *testing.T) {
			v := load(t, filepath.Join(c.folder, "config.yaml"))
			flows := catalog.All[agents.Flow](v)
			require.Len(t, flows, 1)
			require.Equal(t, []string{flows[0].ID}, catalog.All[clients.Client](v)[0].AllowedAgents)
			var ran nodes
			result, err := agents.SetOf(v).Get(flows[0].ID).Invoker.Invoke(t.Context(), agents.Call{Prompt: c.prompt, Progress: &ran})
			require.NoError(t, err)
			require.Equal(t, c.answer, result.Output)
			for _, want := range c.nodes {
				require.Contains(t, ran.list, want)
			}
			require.Len(t, ran.list, len(c.nodes)+1, "the one that gives the answer is not in the list")

			page, err := os.ReadFile(filepath.Join(c.folder, "README.md"))
			require.NoError(t, err)
			require.Contains(t, string(page), "beckon serve --config examples/"+c.folder+"/config.yaml")
			require.Contains(t, string(page), "-d '"+c.prompt+"'")
			require.Contains(t, string(page), c.answer, "the page shows another answer")
		})
	}
}

// What the comment of each example that runs offline says to change is enough for a real model.
func TestExamplesCanAskAModel(t *testing.T) {
	configurations, err := filepath.Glob("*/config.yaml")
	require.NoError(t, err)
	offline := 0
	for _, path := range configurations {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		if !strings.Contains(string(text), "provider: offline") {
			continue
		}
		offline++
		changed := strings.NewReplacer("  # - {id: openai", "  - {id: openai", "provider: offline", "provider: openai").Replace(string(text))
		real := filepath.Join(t.TempDir(), "config.yaml")
		require.NoError(t, os.WriteFile(real, []byte(changed), 0o600))
		other := func(a agents.Agent) bool { return a.Kind != agents.KindHTTP && a.Provider != "openai" }
		require.False(t, slices.ContainsFunc(catalog.All[agents.Agent](load(t, real)), other), path)
	}
	require.GreaterOrEqual(t, offline, 5)
}
