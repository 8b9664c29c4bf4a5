package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

const costFile = `
database: {url: %q}
admin: {password: "a password", token: adm1n}
prices:
  - {model: "acme-*", input: 2, cachedInput: 0.5, output: 10}
  - {model: acme-dear, input: 100, output: 100}
providers:
  - {id: p, type: openai, url: "%s/v1", apiKey: k}
  - {id: offline, type: template, template: "re: {{.prompt}}"}
agents:
  - {id: a, provider: p, model: acme-small}
  - {id: unknown, provider: p, model: nobody-knows}
  - {id: offline, provider: offline}
flows:
  - {id: both, root: {type: sequential, steps: [{type: agent, agentId: a}, {type: agent, agentId: unknown}]}}
clients: [{id: ci, token: t0ken, passthrough: true, allowedAgents: [a, unknown, offline, both]}]
`

// What a run has cost is in the answer, in the run and its nodes, in lists, statistics and metrics, and does not change with
// the prices.
func TestWhatRunsCost(t *testing.T) {
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],
			"usage":{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,"prompt_tokens_details":{"cached_tokens":400},"completion_tokens_details":{"reasoning_tokens":20}}}`)
	}))
	t.Cleanup(model.Close)
	storetest.Each(t, func(t *testing.T, url string) {
		s := callers{start(t, load(t, fmt.Sprintf(costFile, url, model.URL)))}
		const cost = 0.0012 + 0.0002 + 0.0005
		ask := func(agent string) (answer map[string]any) {
			status, text := s.call("ci?agent="+agent, "t0ken", "hi")
			require.Equal(t, http.StatusOK, status, text)
			require.NoError(t, json.Unmarshal([]byte(text), &answer))
			return answer
		}
		read := func(path string) (document map[string]any) {
			require.NoError(t, json.Unmarshal([]byte(s.admin(t, path)), &document))
			return document
		}
		answer := ask("a")
		require.InDelta(t, cost, answer["cost"], 1e-12)
		require.Equal(t, map[string]any{"promptTokens": 1000.0, "completionTokens": 50.0, "totalTokens": 1050.0, "cachedTokens": 400.0, "reasoningTokens": 20.0}, answer["usage"])
		run := read("/api/v1/admin/runs/" + answer["runId"].(string))
		require.InDelta(t, cost, run["cost"], 1e-12)
		require.Equal(t, answer["usage"], run["usage"])
		require.InDelta(t, cost, run["nodes"].([]any)[0].(map[string]any)["cost"], 1e-12)

		require.NotContains(t, ask("unknown"), "cost", "a model without a price has no cost")
		require.NotContains(t, ask("offline"), "cost", "a template asks no model")
		both := ask("both")
		require.InDelta(t, cost, both["cost"], 1e-12, "the parts that have a price")
		nodes := read("/api/v1/admin/runs/" + both["runId"].(string))["nodes"].([]any)
		require.InDelta(t, cost, nodes[0].(map[string]any)["cost"], 1e-12)
		require.NotContains(t, nodes[1], "cost")

		stats := read("/api/v1/admin/stats")["runs"].(map[string]any)
		require.InDelta(t, 2*cost, stats["cost"], 1e-12)
		require.Len(t, strings.Split(s.admin(t, "/api/v1/admin/runs"), `"cost":0.0019`), 3, "two of the list")
		require.Contains(t, s.admin(t, "/metrics"), `beckon_cost_usd_total{agent="a",client="ci",model="acme-small"} 0.0038`)
	})
}
