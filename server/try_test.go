package server_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls"
	"beckon/clients"
	"beckon/commands"
	"beckon/internal/fence"
	"beckon/internal/problem"
	"beckon/internal/units"
	"beckon/runs"
	"beckon/server"
)

func sample(body, kind string) *calls.Request {
	r := &calls.Request{Header: http.Header{}, Query: url.Values{}, Body: []byte(body), ReceivedAt: time.Now()}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

func (g *gateway) try(ctx context.Context, clientID string, r *calls.Request) (runID string, err error) {
	r.ClientID = clientID
	return g.srv.Calls.Try(ctx, r)
}

func TestPreviewOfAClientThatIsNotSaved(t *testing.T) {
	g := newGateway(t, setting{commands: []commands.Command{{ID: "report", Prompt: "Write the report.", AgentID: "other"}}})
	both := []string{"triage", "other"}
	for name, row := range map[string]struct {
		client        clients.Client
		request       *calls.Request
		prompt, agent string
		wrong         problem.Kind
	}{
		"text":            {client: clients.Client{Passthrough: true, AllowedAgents: both}, request: sample("hello", "text/plain"), prompt: "hello", agent: "triage"},
		"JSON":            {client: clients.Client{Passthrough: true, AllowedAgents: both}, request: sample(`{"prompt":"p","agent":"other"}`, "application/json"), prompt: "p", agent: "other"},
		"template":        {client: clients.Client{Passthrough: true, AllowedAgents: both, Template: "See {{.body.a}}"}, request: sample(`{"a":1}`, "application/json"), prompt: "See 1", agent: "triage"},
		"command":         {client: clients.Client{CommandID: "report", AllowedAgents: both}, request: sample("ignored", ""), prompt: "Write the report.", agent: "other"},
		"no such command": {client: clients.Client{CommandID: "none", AllowedAgents: both}, request: sample("", ""), wrong: problem.Unavailable},
		"bad template":    {client: clients.Client{Passthrough: true, AllowedAgents: both, Template: "{{"}, request: sample("", ""), wrong: problem.Invalid},
		"no agents":       {client: clients.Client{Passthrough: true}, request: sample("x", ""), wrong: problem.Invalid},
		"empty":           {client: clients.Client{Passthrough: true, AllowedAgents: both}, request: sample("", ""), wrong: problem.Invalid},
		"too large":       {client: clients.Client{Passthrough: true, AllowedAgents: both, MaxBodyBytes: 3}, request: sample("four", ""), wrong: problem.TooLarge},
		"unknown type":    {client: clients.Client{Passthrough: true, AllowedAgents: both, Template: "x"}, request: sample("x", "image/png"), wrong: problem.Unsupported},
		"other agent":     {client: clients.Client{Passthrough: true, AllowedAgents: []string{"triage"}}, request: sample(`{"prompt":"p","agent":"other"}`, "application/json"), wrong: problem.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			prompt, agent, err := g.srv.Calls.Preview(row.client, row.request)
			if row.wrong != "" {
				require.True(t, problem.Is(err, row.wrong), "%v", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.prompt, prompt.Text)
			require.Equal(t, row.agent, agent)
		})
	}
	require.Zero(t, g.countRuns())
	require.Empty(t, g.model.asked)
}

// An administrator tries an agent that no client may use yet.
func TestTryAgent(t *testing.T) {
	g := newGateway(t, setting{})
	ctx, leave := context.WithCancel(context.Background())
	g.model.hold()
	id, err := g.srv.Calls.TryAgent(ctx, "other", "hello <b>")
	require.NoError(t, err)
	leave()
	require.Equal(t, "hello <b>", <-g.model.asked)
	g.model.letGo()
	require.Eventually(t, func() bool {
		run, err := g.runs.Get(context.Background(), id)
		require.NoError(t, err)
		if !run.Status.Ended() {
			return false
		}
		require.Equal(t, runs.Completed, run.Status)
		require.Equal(t, []string{"page", "", "other"}, []string{run.Source, run.ClientID, run.WorkflowID})
		return true
	}, 10*time.Second, 5*time.Millisecond)

	for name, row := range map[string]struct{ agent, prompt, code string }{
		"no agent":  {"none", "hello", problem.CodeAgentUnavailable},
		"no prompt": {"other", " ", problem.CodeEmptyPrompt},
	} {
		_, err := g.srv.Calls.TryAgent(context.Background(), row.agent, row.prompt)
		require.Equal(t, row.code, problem.Of(err).Code, name)
	}
}

// A run again has the input of the first one, whatever its client makes of a request.
func TestTryAgain(t *testing.T) {
	g := newGateway(t, setting{commands: []commands.Command{{ID: "report", Prompt: "Write the report."}}, clients: []clients.Client{
		{ID: "template", Passthrough: true, AllowedAgents: []string{"triage", "other"}, Template: "See {{.body.a}}"},
		{ID: "command", CommandID: "report", AllowedAgents: []string{"triage"}},
		{ID: "alerts", Source: "alertmanager", AllowedAgents: []string{"triage"}, Filter: `event.state == "firing"`},
		{ID: "once", Passthrough: true, AllowedAgents: []string{"triage"}, RateLimit: &clients.RateLimit{Requests: 1, Per: units.Duration(time.Hour)}},
	}})
	again := func(run *runs.Run) *runs.Run {
		id, err := g.srv.Calls.TryAgain(t.Context(), run)
		require.NoError(t, err)
		var made *runs.Run
		require.Eventually(t, func() bool {
			made, err = g.runs.Get(t.Context(), id)
			return err == nil && made.Status.Ended()
		}, 10*time.Second, 5*time.Millisecond)
		return made
	}
	for client, agent := range map[string]string{"template": "other", "command": "triage", "alerts": "triage", "once": "triage"} {
		made := again(&runs.Run{ClientID: client, WorkflowID: agent, Input: `{"a": 1} of ` + client})
		require.Equal(t, []string{`{"a": 1} of ` + client, client, agent, "page"}, []string{made.Input, made.ClientID, made.WorkflowID, made.Source})
		if client == "template" || client == "alerts" { // what was asked came from strangers
			require.Equal(t, fence.All(made.Input), made.Fence.Spans)
		}
	}
	_, err := g.srv.Calls.TryAgain(t.Context(), &runs.Run{ClientID: "once", WorkflowID: "triage", Input: "x"})
	require.True(t, problem.Is(err, problem.Exhausted), "it counts as a call of the client")
	_, err = g.srv.Calls.TryAgain(t.Context(), &runs.Run{ClientID: "command", WorkflowID: "other", Input: "x"})
	require.True(t, problem.Is(err, problem.Denied))
	marked := again(&runs.Run{ClientID: "template", WorkflowID: "triage", Input: "See x", Fence: fence.New(fence.Spans{{4, 5}})})
	require.Equal(t, fence.Spans{{4, 5}}, marked.Fence.Spans)
}

func TestTry(t *testing.T) {
	no := false
	g := newGateway(t, setting{server: func(c *server.Config) { c.Admin.Sessions = loggedIn{} }, clients: []clients.Client{
		{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}, CancelOnDisconnect: true},
		{ID: "off", Enabled: &no, Passthrough: true, AllowedAgents: []string{"triage"}},
		{ID: "rare", Passthrough: true, AllowedAgents: []string{"triage"}, RateLimit: &clients.RateLimit{Requests: 1, Per: units.Duration(time.Hour)}},
	}})
	g.model.hold()
	ctx, leave := context.WithCancel(context.Background())
	r := sample("hello", "text/plain")
	r.Header.Set("Prefer", "respond-async")
	id, err := g.try(ctx, "ci", r)
	require.NoError(t, err)
	leave()
	run, err := g.runs.Get(context.Background(), id)
	require.NoError(t, err, "it is on record at once")
	require.Equal(t, "page", run.Source)
	require.Equal(t, "ci", run.ClientID)

	// Its events are followed without a token, to its end: the page that began it has been left.
	follower := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.srv.Follow(w, r, r.URL.Query().Get("run")); err != nil {
			http.Error(w, problem.Of(err).Code, http.StatusNotFound)
		}
	}))
	defer follower.Close()
	require.Equal(t, "hello", <-g.model.asked)
	g.model.letGo()
	follow := func(cookie string) (*http.Response, string) {
		r, err := http.NewRequest(http.MethodGet, follower.URL+"?run="+id, nil)
		require.NoError(t, err)
		r.Header.Set("Cookie", cookie)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response, string(text)
	}
	response, text := follow("session=1")
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	require.Contains(t, text, "event: run.completed")
	require.Contains(t, text, "late: hello")
	_, text = follow("session-that-has-ended=1")
	require.NotContains(t, text, "late: hello")

	missing, err := http.Get(follower.URL + "?run=run_1")
	require.NoError(t, err)
	require.NoError(t, missing.Body.Close())
	require.Equal(t, http.StatusNotFound, missing.StatusCode)

	_, err = g.try(context.Background(), "off", sample("x", ""))
	require.True(t, problem.Is(err, problem.Denied), "%v", err)
	_, err = g.try(context.Background(), "none", sample("x", ""))
	require.True(t, problem.Is(err, problem.Unprocessable), "%v", err)
	_, err = g.try(context.Background(), "ci", sample("", ""))
	require.True(t, problem.Is(err, problem.Invalid), "%v", err)
	g.model.does(nil)
	_, err = g.try(context.Background(), "rare", sample("x", ""))
	require.NoError(t, err)
	_, err = g.try(context.Background(), "rare", sample("x", ""))
	require.True(t, problem.Is(err, problem.Exhausted), "%v", err)
}
