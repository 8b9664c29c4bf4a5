package calls_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/reply"
	"beckon/calls"
	"beckon/clients"
	"beckon/commands"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/units"
	"beckon/runs"
)

func TestScheduledRuns(t *testing.T) {
	agentSet, findings := agents.NewSet(agents.Factories{Providers: map[string]agents.Factory{"template": reply.New()}},
		[]agents.Provider{{ID: "p", Type: "template", Template: "x"}}, []agents.Agent{{ID: "one", Provider: "p"}, {ID: "two", Provider: "p"}}, nil)
	require.Empty(t, findings)
	var list []clients.Declared
	for _, c := range []clients.Client{
		{ID: "prompt", Prompt: "Report.", Metadata: units.Object{"team": "web"}, Share: true, RateLimit: &clients.RateLimit{Requests: 1, Per: 1 << 40}},
		{ID: "command", CommandID: "daily"},
		{ID: "both", CommandID: "daily", Prompt: "Report."},
		{ID: "called too", Passthrough: true, Prompt: "Report.", Template: "{{.body.x}}"},
	} {
		c.AllowedAgents, c.Schedule = []string{"one", "two"}, "@daily"
		list = append(list, clients.Declared{Client: c})
	}
	set, findings := clients.NewSet(list, clients.NewLimits())
	require.Empty(t, findings)
	inForce := calls.Catalog{Clients: set, Agents: agentSet, Commands: commands.NewSet([]commands.Command{{ID: "daily", Prompt: "Every day.", AgentID: "two"}})}
	service := runs.New(runs.Config{Store: storetest.Open(t, storetest.Default(t)), Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics("test")})
	s := calls.New(calls.Config{Catalog: func() calls.Catalog { return inForce }, Runs: service, MaxBodyBytes: 1000})
	for id, want := range map[string][2]string{"prompt": {"Report.", "one"}, "command": {"Every day.", "two"}, "both": {"Report.", "two"}, "called too": {"Report.", "one"}} {
		for range 3 { // a rate limit is for those who call
			r, err := s.ScheduledRun(t.Context(), id)
			require.NoError(t, err, id)
			require.Equal(t, want, [2]string{r.Input, r.Entry.ID}, id)
			require.Equal(t, runs.SourceSchedule, r.Source)
			require.Equal(t, id, r.ClientID)
			require.NotZero(t, r.ReceivedAt)
			require.Equal(t, id == "prompt", r.Share)
			require.Nil(t, r.Idempotency)
			if id == "prompt" {
				require.JSONEq(t, `{"team":"web"}`, string(r.Metadata))
			}
		}
	}
	_, err := s.ScheduledRun(t.Context(), "gone")
	require.Error(t, err)
}

// A call counts for expectEvery as soon as it has proved itself, whatever becomes of it; to try a client is no call of its caller.
func TestWhatCountsAsACall(t *testing.T) {
	s := newService(t, nil)
	member := s.Catalog().Clients.Get("ci")
	s.Start(t.Context(), calls.Webhook, &calls.Request{ClientID: "ci", Header: map[string][]string{"Authorization": {"Bearer wr0ng"}}, Body: []byte("x")}).Close()
	require.Zero(t, member.LastCall())
	s.Start(t.Context(), calls.Page, &calls.Request{ClientID: "ci", Body: []byte("x")}).Close()
	require.Zero(t, member.LastCall())
	call := s.Start(t.Context(), calls.Webhook, &calls.Request{ClientID: "ci", Header: map[string][]string{"Authorization": {"Bearer t0ken"}}})
	call.Close()
	require.Error(t, call.Refused, "it has no prompt")
	require.NotZero(t, member.LastCall())
}
