package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
)

const (
	passes = `{"summary":"Fine.","verdict":"pass","findings":[{"severity":"low","title":"A typo","detail":"","file":"a.go","line":7}]}`
	fails  = `{"summary":"No.","verdict":"fail","findings":[{"severity":"high","title":"It leaks","detail":"Close it.","file":"a.go","line":7}]}`
)

// gated answers with what it is asked, and its clients have gates.
func gated(t *testing.T) *gateway {
	const gate = `data.findings.all(f, f.severity != "high")`
	return newGateway(t, setting{
		providers: []agents.Provider{{ID: "echo", Type: "template", Template: "{{ .prompt }}"}},
		agents: []agents.Agent{{ID: "reviewer", Provider: "echo", Output: &agents.Output{Schema: agents.OutputSchema{"$ref": "findings"}}},
			{ID: "talker", Provider: "echo"}},
		flows: []agents.Flow{{ID: "reviewed", Gate: `data.verdict == "pass"`, Root: agents.Step{Type: agents.StepSequential, Steps: []agents.Step{{Type: agents.StepAgent, AgentID: "reviewer"}}}}},
		clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"reviewer", "talker", "reviewed"}, Gate: gate},
			{ID: "strict", Passthrough: true, AllowedAgents: []string{"reviewer"}, Gate: gate, GateStatus: http.StatusUnprocessableEntity}},
	})
}

func TestAGateGivesAVerdict(t *testing.T) {
	g := gated(t)
	for name, row := range map[string]struct{ body, agent, verdict, reason string }{
		"passes":       {passes, "reviewer", "pass", "is met. Findings: 1 low."},
		"fails":        {fails, "reviewer", "fail", "is not met. Findings: 1 high."},
		"a flow":       {fails, "reviewed", "fail", `The gate data.verdict == "pass" is not met.`},
		"both":         {passes, "reviewed", "pass", "is met. Findings: 1 low."},
		"without data": {"All is well.", "talker", "fail", "The answer has no data for the gate to look at."},
	} {
		t.Run(name, func(t *testing.T) {
			request := g.request("/api/v1/webhooks/ci?agent="+row.agent, row.body, "Content-Type: text/plain")
			a := g.do(request)
			require.Equal(t, 200, a.StatusCode, a.body)
			require.Equal(t, row.verdict, a.Header.Get("Beckon-Verdict"))
			doc := a.json(t)
			require.Equal(t, []any{true, "COMPLETED", row.verdict}, []any{doc["ok"], doc["status"], doc["verdict"]})
			require.Contains(t, doc["verdictReason"], row.reason)

			id := doc["runId"].(string)
			run := g.get("/api/v1/runs/" + id).json(t)
			require.Equal(t, []any{"COMPLETED", row.verdict, doc["verdictReason"]}, []any{run["status"], run["verdict"], run["verdictReason"]})
			require.Contains(t, g.get("/api/v1/runs?limit=1").body, `"verdict":"`+row.verdict+`"`)
			list := g.follow(g.eventsRequest(id))
			require.Contains(t, list[len(list)-1].data, `"verdict":"`+row.verdict+`","verdictReason":"`)
		})
	}
}

// A failing gate has the status of its client, with the body as ever, also when the call is repeated.
func TestAGateMayHaveAStatus(t *testing.T) {
	g := gated(t)
	call := func(client, body string, headers ...string) answer {
		proof := "Authorization: Bearer " + token + client
		return g.do(g.request("/api/v1/webhooks/"+client, body, append(headers, proof, "Content-Type: text/plain")...))
	}
	require.Equal(t, 200, call("strict", passes).StatusCode)
	for range 2 {
		a := call("strict", fails, "Idempotency-Key: once")
		require.Equal(t, http.StatusUnprocessableEntity, a.StatusCode)
		require.Equal(t, "application/json", a.Header.Get("Content-Type"))
		require.Equal(t, []any{true, fails, "fail"}, []any{a.json(t)["ok"], a.json(t)["response"], a.json(t)["verdict"]})
	}
	long := strings.Replace(fails, "Close it.", strings.Repeat("Close it. ", 10_000), 1)
	a := call("strict", long)
	require.Equal(t, http.StatusUnprocessableEntity, a.StatusCode)
	require.Equal(t, long, a.json(t)["response"])
}

func TestFindingsAreRendered(t *testing.T) {
	g := gated(t)
	for accept, row := range map[string]struct{ contentType, has, hasWithoutData string }{
		"text/markdown":                     {"text/markdown; charset=utf-8", "| high | **It leaks**<br>Close it. | a.go:7 |", "\n\nAll is well."},
		"application/sarif+json":            {"application/sarif+json", `"startLine":7`, `"executionSuccessful":false`},
		"application/junit+xml":             {"application/junit+xml", `<failure message="It leaks" type="high">`, `<failure message="The answer has no data`},
		"text/x-github":                     {"text/x-github; charset=utf-8", "::error file=a.go,line=7,title=It leaks::Close it.\n", "::error title=talker::The answer has no data"},
		"application/sarif+json, */*;q=0.1": {"application/sarif+json", `"startLine":7`, `"executionSuccessful":false`},
		"text/plain":                        {"text/plain; charset=utf-8", fails, "All is well."},
		"*/*":                               {"application/json", `"verdict":"fail"`, `"verdict":"fail"`},
	} {
		t.Run(accept, func(t *testing.T) {
			a := g.do(g.request("/api/v1/webhooks/ci", fails, "Content-Type: text/plain", "Accept: "+accept))
			require.Equal(t, []any{200, row.contentType, "fail"}, []any{a.StatusCode, a.Header.Get("Content-Type"), a.Header.Get("Beckon-Verdict")})
			require.Contains(t, a.body, row.has)
			a = g.do(g.request("/api/v1/webhooks/ci?agent=talker", "All is well.", "Content-Type: text/plain", "Accept: "+accept))
			require.Equal(t, 200, a.StatusCode)
			require.Contains(t, a.body, row.hasWithoutData)
		})
	}
}
