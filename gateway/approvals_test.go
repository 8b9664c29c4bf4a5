package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

const approvalsFile = `
database: {url: %q}
admin: {password: "a password", token: adm1n}
prices: [{model: m, input: 2, output: 10}]
toolServers: [{id: deploy, url: %q}]
providers: [{id: p, type: openai, url: "%s/v1", apiKey: k}]
agents:
  - {id: reader, provider: p, model: m, tools: [deploy.status]}
  - {id: on-call, provider: p, model: m, tools: [deploy.*], approve: [deploy.rollback]}
flows: [{id: shift, root: {type: sequential, steps: [{type: agent, agentId: reader}, {type: agent, agentId: on-call}]}}]
clients: [{id: ci, token: t0ken, passthrough: true, allowedAgents: [reader, on-call, shift], tools: [deploy.*]}]
`

// deployer is a tool server: status reads, rollback changes something. It counts.
type deployer struct {
	*httptest.Server
	sessions, reads, rollbacks atomic.Int64
}

func newDeployer(t *testing.T) *deployer {
	d := &deployer{}
	server := mcp.NewServer(&mcp.Implementation{Name: "deploy", Version: "1"}, &mcp.ServerOptions{
		InitializedHandler: func(context.Context, *mcp.InitializedRequest) { d.sessions.Add(1) }})
	add := func(name string, reads bool, count *atomic.Int64) {
		server.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`), Annotations: &mcp.ToolAnnotations{ReadOnlyHint: reads}},
			func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				count.Add(1)
				return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: name + " is done"}}}, nil
			})
	}
	add("status", true, &d.reads)
	add("rollback", false, &d.rollbacks)
	d.Server = httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	t.Cleanup(d.Close)
	t.Cleanup(d.CloseClientConnections) // first: a stream would keep Close waiting
	return d
}

// newDeployingModel is a model that reads, then rolls back where it may, and answers. Each request takes 1,050 tokens.
func newDeployingModel(t *testing.T) *httptest.Server {
	const usage = `"usage":{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050}`
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		tool := ""
		switch asked := strings.Count(string(body), `"role":"tool"`); {
		case asked == 0:
			tool = "deploy__status"
		case asked == 1 && strings.Contains(string(body), "deploy__rollback"):
			tool = "deploy__rollback"
		default:
			fmt.Fprint(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":"All is well."},"finish_reason":"stop"}],`+usage+`}`)
			return
		}
		fmt.Fprintf(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":%q,"arguments":%q}}]},
			"finish_reason":"tool_calls"}],`+usage+`}`, tool, `{"note":"`+strings.Repeat("x", 400)+`"}`)
	}))
	t.Cleanup(model.Close)
	return model
}

const deployingRequest = 1000*2e-6 + 50*10e-6 // USD

type runOfTools struct {
	Status string
	Usage  struct{ TotalTokens int }
	Cost   float64
	Nodes  []struct {
		NodeID    string
		Usage     struct{ TotalTokens int }
		Cost      float64
		ToolCalls []map[string]any
	}
}

func (c callers) runOfTools(t *testing.T, id string) (run runOfTools) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(c.admin(t, "/api/v1/admin/runs/"+id)), &run))
	return run
}

// decide allows a call, by the path that the answer of its caller names.
func (c callers) decide(t *testing.T, path string) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, c.url+path, strings.NewReader(`{"allow":true}`))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer adm1n")
	answer, err := c.client.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	return answer.StatusCode
}

// Two replicas with the same tool server both call its tools. A run that waits says for what, and what it has cost until then. It goes on
// whichever replica the decision reaches, also when the one that has begun it is gone.
func TestReplicasShareToolsAndApprovals(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		deploy, model := newDeployer(t), newDeployingModel(t)
		open := func() callers {
			return callers{start(t, load(t, fmt.Sprintf(approvalsFile, url, deploy.URL, model.URL)))}
		}
		first := open()
		second := first
		if strings.HasPrefix(url, "postgres") {
			second = open()
		}
		for _, g := range []callers{first, second} {
			status, answer := g.call("ci?agent=reader", "t0ken", "hi")
			require.Equal(t, http.StatusOK, status, answer)
		}
		require.EqualValues(t, 2, deploy.reads.Load())
		if second.started != first.started {
			require.EqualValues(t, 2, deploy.sessions.Load(), "each replica has its own")
		}

		for i, agent := range []string{"on-call", "shift"} {
			status, text := first.call("ci?agent="+agent, "t0ken", "hi")
			require.Equal(t, http.StatusAccepted, status, text)
			var accepted struct {
				RunID, Status string
				WaitingFor    []struct{ ID, Tool, Arguments, ExpiresAt, DecideAt string }
			}
			require.NoError(t, json.Unmarshal([]byte(text), &accepted))
			require.Equal(t, "WAITING", accepted.Status)
			require.Len(t, accepted.WaitingFor, 1)
			waits := accepted.WaitingFor[0]
			require.Equal(t, "deploy.rollback", waits.Tool)
			require.Equal(t, `{"note":"`+strings.Repeat("x", 191)+"…", waits.Arguments)
			require.Equal(t, "/api/v1/runs/"+accepted.RunID+"/approvals/"+waits.ID, waits.DecideAt)
			until, err := time.Parse(time.RFC3339, waits.ExpiresAt)
			require.NoError(t, err)
			require.WithinDuration(t, time.Now().Add(24*time.Hour), until, time.Hour)

			requests := 2 + 2*i // the reader of the flow has made two
			run := second.runOfTools(t, accepted.RunID)
			require.Equal(t, requests*1050, run.Usage.TotalTokens)
			require.InDelta(t, float64(requests)*deployingRequest, run.Cost, 1e-9)
			node := run.Nodes[len(run.Nodes)-1]
			require.Equal(t, 2*1050, node.Usage.TotalTokens)
			require.InDelta(t, 2*deployingRequest, node.Cost, 1e-9)
			require.NotContains(t, node.ToolCalls[0], "expiresAt")
			require.Equal(t, waits.ExpiresAt, node.ToolCalls[1]["expiresAt"])

			if i == 1 { // the replica that has begun it is gone
				first.end()
				if second.started == first.started {
					second = open()
				}
			}
			require.Equal(t, http.StatusOK, second.decide(t, waits.DecideAt))
			require.Equal(t, http.StatusConflict, second.decide(t, waits.DecideAt))
			require.Eventually(t, func() bool { return second.runOfTools(t, accepted.RunID).Status == "COMPLETED" }, patience, 10*time.Millisecond)
			require.EqualValues(t, i+1, deploy.rollbacks.Load(), "once")
			run = second.runOfTools(t, accepted.RunID)
			require.Equal(t, (requests+1)*1050, run.Usage.TotalTokens)
			require.InDelta(t, float64(requests+1)*deployingRequest, run.Cost, 1e-9, "also of the requests before the decision")
			require.NotContains(t, run.Nodes[len(run.Nodes)-1].ToolCalls[1], "expiresAt")
		}
	})
}
