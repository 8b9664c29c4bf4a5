package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

const ticketsFile = `
database: {url: %q}
server: {secretsKey: "a key of this test"}
providers:
  - {id: echo, type: template, template: '{{ .agent }}: {{ .prompt }}'}
agents:
  - {id: engineer, provider: echo}
  - {id: writer, provider: echo}
  - {id: critic, provider: echo}
flows:
  - id: tickets
    root:
      type: sequential
      steps:
        - {type: set, set: {bugs: "input.tickets.filter(t, t.kind == 'bug')", urgent: "size(input.tickets) > 2"}}
        - type: foreach
          over: input.tickets
          as: ticket
          maxParallel: 2
          outputKey: answers
          steps:
            - type: router
              steps: [{when: "ticket.kind == 'bug'", type: agent, agentId: engineer, prompt: "{{ .ticket.text }}"}]
              otherwise: {type: agent, agentId: writer, prompt: "{{ .ticket.text }} ({{ .index }})"}
        - {type: agent, agentId: critic, prompt: "{{ json .state.answers }} {{ len .state.bugs }} {{ .state.urgent }}"}
clients: [{id: desk, token: t0ken, passthrough: true, allowedAgents: [tickets]}]
`

func TestAFlowChoosesAndGoesOverAList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		g := start(t, load(t, fmt.Sprintf(ticketsFile, url)))
		do := func(method, path, body string) *httptest.ResponseRecorder {
			r, err := http.NewRequest(method, g.url+path, strings.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer t0ken")
			r.Header.Set("Content-Type", "application/json")
			response, err := g.client.Do(r)
			require.NoError(t, err)
			defer response.Body.Close()
			recorded := httptest.NewRecorder()
			recorded.Code = response.StatusCode
			_, err = recorded.Body.ReadFrom(response.Body)
			require.NoError(t, err)
			return recorded
		}
		called := do(http.MethodPost, "/api/v1/webhooks/desk", `{"tickets":[{"kind":"bug","text":"It is slow"},{"kind":"praise","text":"Thanks"}]}`)
		require.Equal(t, http.StatusOK, called.Code, called.Body)
		var answer struct{ Response, RunID string }
		require.NoError(t, json.Unmarshal(called.Body.Bytes(), &answer))
		require.Equal(t, `critic: ["engineer: It is slow","writer: Thanks (2)"] 1 false`, answer.Response)

		var run struct {
			Nodes []struct{ NodeID, NodeType, Status, Via string }
		}
		require.NoError(t, json.Unmarshal(do(http.MethodGet, "/api/v1/runs/"+answer.RunID, "").Body.Bytes(), &run))
		found := map[string]string{}
		for _, n := range run.Nodes {
			found[n.NodeID] = strings.Join([]string{n.NodeType, n.Status, n.Via}, " ")
		}
		require.Equal(t, map[string]string{"engineer[1]": "engineer COMPLETED ticket.kind == 'bug'", "writer[2]": "writer COMPLETED otherwise", "critic": "critic COMPLETED "}, found)
	})
}
