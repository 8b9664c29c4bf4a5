package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/internal/store/storetest"
)

const leadFile = `
database: {url: %q}
server: {secretsKey: "a key of this test"}
egress: {allowPrivate: [127.0.0.1/32]}
providers:
  - {id: finds, type: template, template: '{"hits": 3}'}
  - {id: writes, type: template, template: '{"subject": "Hello", "body": "Dear Ada"}'}
agents:
  - {id: researcher, provider: finds, outputKey: research}
  - {id: writer, provider: writes}
flows:
  - id: lead
    share: true
    root: {type: sequential, steps: [{type: agent, agentId: researcher}, {type: agent, agentId: writer, outputKey: mail}, {type: agent, agentId: writer}]}
clients: [{id: crm, name: CRM, token: t0ken, passthrough: true, allowedAgents: [lead, researcher]}]
endpoints:
  - id: lead
    url: %q
    secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    events: [run.completed]
    format: |
      {
        "event": {{ json .type }},
        "project_id": {{ json .metadata.project_id }},
        "lead_id": {{ json .runId }},
        "client": {{ json .run.client.name }},
        "input_data": {{ json .run.input }},
        "research_results": {{ .run.outputs.research | fromJson | json }},
        "generated_content": {{ if .run.outputs.mail | default "" }}{"contentLength": {{ len (.run.outputs.mail | fromJson).body }}, "again": {{ json (index .run.outputs "writer-2" | fromJson).subject }}}{{ else }}null{{ end }},
        "nodes": [{{ range $i, $n := .run.nodes }}{{ if $i }}, {{ end }}{{ json (list $n.nodeId $n.nodeType $n.outputKey $n.status) }}{{ end }}],
        "page": {{ json .run.links.run }}, "share": {{ json .run.links.share }}, "files": {{ len .run.artifacts }}
      }
`

// The payload of another product is configuration alone: input, outputs, client and links of the run that an event is about.
func TestTemplatesSeeTheRun(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		bodies := make(chan string, 4)
		receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies <- string(body)
		}))
		t.Cleanup(receiver.Close)
		g := start(t, load(t, fmt.Sprintf(leadFile, url, receiver.URL)))
		got := func() (sent map[string]any) {
			select {
			case body := <-bodies:
				require.NoError(t, json.Unmarshal([]byte(body), &sent), body)
			case <-time.After(patience):
				require.Fail(t, "nothing came", "%s", failures(t, g))
			}
			return sent
		}
		post := func(body string) string {
			r, err := http.NewRequest(http.MethodPost, g.url+"/api/v1/runs", strings.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer t0ken")
			r.Header.Set("Content-Type", "application/json")
			response, err := g.client.Do(r)
			require.NoError(t, err)
			defer response.Body.Close()
			var accepted struct{ RunID string }
			require.NoError(t, json.NewDecoder(response.Body).Decode(&accepted))
			require.NotEmpty(t, accepted.RunID)
			return accepted.RunID
		}
		run := post(`{"workflowId":"lead","input":{"email":"ada@example.com","age":36},"metadata":{"project_id":"p1"}}`)
		sent := got()
		page, ok := sent["share"].(string)
		require.True(t, ok, "%v", sent["share"])
		require.True(t, strings.HasPrefix(page, g.publicURL()+"/r/"+run+"?expires="), page)
		opened, err := g.client.Get(page)
		require.NoError(t, err)
		require.NoError(t, opened.Body.Close())
		require.Equal(t, http.StatusOK, opened.StatusCode)
		require.Equal(t, map[string]any{"event": "run.completed", "project_id": "p1", "lead_id": run, "client": "CRM",
			"input_data":        map[string]any{"email": "ada@example.com", "age": 36.0},
			"research_results":  map[string]any{"hits": 3.0},
			"generated_content": map[string]any{"contentLength": 8.0, "again": "Hello"},
			"nodes": []any{[]any{"researcher", "researcher", "research", "COMPLETED"}, []any{"writer", "writer", "mail", "COMPLETED"},
				[]any{"writer-2", "writer", nil, "COMPLETED"}},
			"page": g.publicURL() + "/admin/runs/" + run, "share": page, "files": 0.0}, sent)

		run = post(`{"workflowId":"researcher","input":"ada@example.com","metadata":{"project_id":"p2"}}`)
		sent = got()
		require.Equal(t, run, sent["lead_id"])
		require.Equal(t, "ada@example.com", sent["input_data"])
		require.Equal(t, map[string]any{"hits": 3.0}, sent["research_results"])
		require.Nil(t, sent["share"])
	})
}

// failures are why deliveries were not accepted.
func failures(t *testing.T, g *started) (list []string) {
	all, _, err := g.deliveries.List(t.Context(), deliveries.Query{Limit: 10})
	require.NoError(t, err)
	for _, d := range all {
		if d.Error != nil {
			list = append(list, d.Error.Message)
		}
	}
	return list
}
