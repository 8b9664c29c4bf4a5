package chat_test

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
)

// aimock starts a mock of model providers that others have written, and returns its URL. It needs Node.js and what make
// test gets by npm.
func aimock(t *testing.T, flags ...string) string {
	folder := filepath.Join("testdata", "aimock")
	program := filepath.Join(folder, "node_modules", "@copilotkit", "aimock", "dist", "cli.js")
	require.FileExists(t, program, "aimock is not installed: run make test, or npm ci --prefix agents/chat/testdata/aimock")
	node := exec.Command("node", append([]string{program, "--port", "0", "--fixtures", filepath.Join(folder, "fixtures.json")}, flags...)...)
	out, err := node.StdoutPipe()
	require.NoError(t, err)
	node.Stderr = node.Stdout
	require.NoError(t, node.Start())
	t.Cleanup(func() {
		_ = node.Process.Kill()
		_ = node.Wait()
	})
	lines, listening := bufio.NewScanner(out), regexp.MustCompile(`listening on (http://\S+)`)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return m[1]
		}
	}
	t.Fatal("aimock did not start")
	return ""
}

// What somebody else holds OpenAI's API to be is understood, whole and streamed.
func TestAimock(t *testing.T) {
	url := aimock(t)
	p := serve(t, abort)
	for prompt, want := range map[string]struct {
		agent  agents.Agent
		output string
		code   string
		used   []string
	}{
		"plain": {output: "All is well."},
		"think": {output: "All is well."},
		"work":  {output: "Done.", used: []string{`{"a":1}`, `{"b":2}`}},
		"cut":   {output: "All is", code: "completion_truncated"},
		"busy":  {code: "provider_rate_limited"},
		"json":  {output: `{"ok":true}`, agent: agents.Agent{Output: &agents.Output{Schema: agents.OutputSchema{"type": "object", "required": []any{"ok"}}}}},
		"what?": {code: "provider_rejected"},
	} {
		for _, streamed := range []bool{false, true} {
			t.Run(prompt, func(t *testing.T) {
				agent := p.agent(t, want.agent, func(p *agents.Provider) { p.URL = url + "/v1" })
				var used []string
				var passed strings.Builder
				look := note(&used)
				look.Name = "look"
				call := agents.Call{Prompt: prompt, Tools: []agents.Tool{note(&used), look}}
				if streamed {
					call.Text = func(piece string) { passed.WriteString(piece) }
				}
				result, err := agent.Invoke(t.Context(), call)
				require.Equal(t, want.code, code(err), "%v", err)
				require.Equal(t, want.output, result.Output)
				require.Equal(t, want.used, used)
				if err == nil {
					require.Positive(t, result.Usage.TotalTokens)
				}
				if streamed && err == nil && want.agent.Output == nil {
					require.Equal(t, want.output, passed.String())
				}
			})
		}
	}
	names, err := modelsOf(t, agents.Provider{ID: "aimock", URL: url + "/v1"})
	require.NoError(t, err)
	require.NotEmpty(t, names)
}

// A provider that fails in half of all cases answers in the end, or the failure says why.
func TestAimockInTrouble(t *testing.T) {
	for trouble, codes := range map[string][]string{
		"--chaos-drop":       {"", "provider_error"},
		"--chaos-disconnect": {"", "provider_unreachable"},
		"--chaos-ratelimit":  {"", "provider_rate_limited"},
		"--chaos-malformed":  {"", "provider_invalid_response"},
	} {
		t.Run(trouble, func(t *testing.T) {
			url := aimock(t, trouble, "0.5")
			agent := serve(t, abort).agent(t, agents.Agent{}, func(p *agents.Provider) { p.URL = url + "/v1" })
			seen := map[string]bool{}
			for i := range 30 {
				call := agents.Call{Prompt: "plain"}
				if i%2 == 1 {
					call.Text = func(string) {}
				}
				result, err := agent.Invoke(t.Context(), call)
				require.Contains(t, codes, code(err), "%v", err)
				seen[code(err)] = true
				if err == nil {
					require.Equal(t, "All is well.", result.Output)
				}
			}
			require.True(t, seen[""])
		})
	}
}
