package runs_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/agents/chat/quirks"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/work"
	"beckon/runs"
)

// Runs in the queue ask and understand the same as calls that wait and streams, which package chat plays.
func TestQuirksInTheQueue(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	transport := egress.NewProviders()
	defer transport.CloseIdleConnections()
	how := agents.Factories{Providers: map[string]agents.Factory{
		chat.TypeOpenAI:    chat.New(transport, slog.New(slog.DiscardHandler)),
		chat.TypeAnthropic: chat.New(transport, slog.New(slog.DiscardHandler)),
		chat.TypeResponses: chat.New(transport, slog.New(slog.DiscardHandler))}}
	var entries sync.Map
	instance := work.New(s, slog.New(slog.DiscardHandler))
	service := runs.New(runs.Config{Store: s, Work: instance, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics("test"),
		Entry: func(id string) *agents.Entry {
			entry, _ := entries.Load(id)
			return entry.(*agents.Entry)
		}})
	require.NoError(t, instance.Start(t.Context()))
	defer instance.Stop()
	defer service.Drain(context.Background())

	t.Run("all", func(t *testing.T) {
		quirks.Each(t, func(t *testing.T, q *quirks.Quirk) {
			t.Parallel()
			server := q.Serve(t)
			agent := q.Config.Agent
			agent.ID, agent.Provider = q.Name, "acme"
			set, found := agents.NewSet(how, []agents.Provider{server.Provider()}, []agents.Agent{agent}, nil)
			require.Empty(t, found)
			entry := *set.Get(q.Name)
			var used []string
			entry.Invoker = withTools{entry.Invoker, q.Tools(&used)}
			entries.Store(q.Name, &entry)

			id := enqueue(t, service, &entry)
			var run *runs.Run
			require.Eventually(t, func() bool {
				var err error
				run, err = service.Get(t.Context(), id)
				return err == nil && run.Status.Ended()
			}, time.Minute, 5*time.Millisecond)
			if q.Want.Code == "" {
				require.Nil(t, run.Error, "%v", run.Error)
				require.Equal(t, q.Want.Usage, run.Usage)
			} else {
				require.Equal(t, q.Want.Code, run.Error.Code, "%s", run.Error.Message)
				require.Equal(t, problem.Upstream, run.ErrorKind)
				last := run.By.Attempts[len(run.By.Attempts)-1]
				require.Equal(t, q.Want.Code, last.Error.Code)
			}
			require.Equal(t, q.Want.Output, run.Output)
			require.Equal(t, q.Want.Used, used)
			require.Equal(t, fmt.Sprint("acme ", agent.Model), run.By.Provider+" "+run.By.Model)
			server.Check(t, false)
		})
	})
}

// withTools is an agent that is offered tools.
type withTools struct {
	agents.Invoker
	tools []agents.Tool
}

func (w withTools) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	call.Tools = w.tools
	return w.Invoker.Invoke(ctx, call)
}
