package chat_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/agents/chat/quirks"
	"beckon/internal/egress"
	"beckon/internal/problem"
)

// Whatever a provider sends, the answer is whole or the failure says why, the same whether its caller waits or reads along.
// The queued runs of the same corpus are in package runs.
func TestQuirks(t *testing.T) {
	quirks.Each(t, func(t *testing.T, q *quirks.Quirk) {
		for _, way := range []string{"waiting", "streamed"} {
			t.Run(way, func(t *testing.T) {
				server := q.Serve(t)
				transport := egress.NewProviders()
				defer transport.CloseIdleConnections()
				noWait := func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
				agent, found := chat.NewWaiting(transport, slog.New(slog.DiscardHandler), noWait)(server.Provider(), q.Config.Agent)
				require.Empty(t, found)

				var used []string
				var passed strings.Builder
				call := agents.Call{AgentID: "triage", Prompt: prompt, Tools: q.Tools(&used)}
				if way == "streamed" {
					call.Text = func(piece string) { passed.WriteString(piece) }
				}
				result, err := agent.Invoke(t.Context(), call)
				require.Equal(t, q.Want.Code, code(err), "%v", err)
				require.Equal(t, q.Want.Output, result.Output)
				require.Equal(t, q.Want.Used, used)
				if err == nil {
					require.Equal(t, q.Want.Usage, result.Usage)
				} else {
					require.Equal(t, problem.Upstream, problem.Of(err).Kind)
				}
				isData := q.Config.Agent.Output != nil && err == nil
				require.Equal(t, isData, result.By.IsData)
				if way == "streamed" && err == nil && !isData {
					require.True(t, strings.HasSuffix(passed.String(), result.Output), "%q was passed on", passed.String())
				}
				if q.Want.Notes != nil {
					require.Equal(t, q.Want.Notes, agent.(agents.Noted).Notes())
				}
				server.Check(t, way == "streamed")
			})
		}
	})
}
