package runs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/flow"
	"beckon/artifacts"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/work"
	"beckon/runs"
)

// painter saves its prompt so many times, and names what it has saved.
func painter(times int) agent {
	return func(ctx context.Context, call agents.Call) (result agents.Result, err error) {
		for i := range times {
			a, err := call.Files.Save(ctx, fmt.Sprintf("%s-%d.txt", call.AgentID, i), "", strings.NewReader(call.Prompt))
			if err != nil {
				return result, err
			}
			result.Artifacts = append(result.Artifacts, a)
		}
		result.Output = "painted"
		return result, nil
	}
}

func newFiles(t *testing.T, s *store.Store) *artifacts.Service {
	service, err := artifacts.New(t.Context(), artifacts.Config{Store: s, URL: filepath.Join(t.TempDir(), "artifacts"), MaxBytes: 1 << 10,
		Log: slog.New(slog.DiscardHandler), Key: func() (secret.String, error) { return "key", nil }})
	require.NoError(t, err)
	return service
}

func withFiles(kept *artifacts.Service) func(*runs.Config) {
	return func(c *runs.Config) { c.Artifacts = kept }
}

func ended(t *testing.T, a *runs.Active) (*runs.Run, error) {
	select {
	case <-a.Done():
	case <-time.After(10 * time.Second):
		require.Fail(t, "the run did not end")
	}
	return a.Outcome()
}

// dataOf is the data of a run's event of a type.
func dataOf(t *testing.T, s *runs.Service, runID, kind string) (data struct{ Artifacts []agents.Artifact }) {
	list, err := s.Events.Read(t.Context(), runID, "")
	require.NoError(t, err)
	for _, e := range list {
		if e.Type == kind {
			var payload struct{ Data json.RawMessage }
			require.NoError(t, json.Unmarshal(e.Payload, &payload))
			require.NoError(t, json.Unmarshal(payload.Data, &data))
			return data
		}
	}
	require.Fail(t, "there is no such event", kind)
	return data
}

func TestARunNamesWhatItHasMade(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		kept := newFiles(t, s)
		service := newService(t, s, withFiles(kept))
		active := start(t, service, request(painter(2)))
		run, err := ended(t, active)
		require.NoError(t, err)
		require.Len(t, run.Artifacts, 2)
		require.Equal(t, "a-0.txt", run.Artifacts[0].Name)
		require.Equal(t, "a", run.Artifacts[0].NodeID)

		found, err := service.Get(t.Context(), run.ID)
		require.NoError(t, err)
		require.Equal(t, run.Artifacts, found.Artifacts)
		require.Equal(t, run.Artifacts, found.AllNodes()[0].Artifacts)
		require.Equal(t, run.Artifacts, dataOf(t, service, run.ID, events.RunCompleted).Artifacts)
		require.Empty(t, dataOf(t, service, run.ID, events.RunStarted).Artifacts)

		require.NoError(t, kept.Remove(t.Context(), run.Artifacts[0].ID))
		found, err = service.Get(t.Context(), run.ID)
		require.NoError(t, err)
		require.Equal(t, run.Artifacts[1:], found.Artifacts)

		require.NoError(t, service.Retain(t.Context(), time.Now().Add(time.Hour)))
		require.NoError(t, kept.RemoveUnused(t.Context()))
		require.Zero(t, storetest.Row[int64](t, s, "SELECT COUNT(*) FROM artifacts"), "they are gone with their run")
	})
}

func TestARunThatFails(t *testing.T) {
	s := storetest.Open(t, storetest.Default(t))
	kept := newFiles(t, s)
	service := newService(t, s, withFiles(kept))
	tooLarge := start(t, service, request(func(ctx context.Context, call agents.Call) (agents.Result, error) {
		_, err := call.Files.Save(ctx, "x", "", strings.NewReader(strings.Repeat("x", 1<<10+1)))
		return agents.Result{}, err
	}))
	run, err := ended(t, tooLarge)
	require.Equal(t, problem.CodeArtifactTooLarge, problem.Of(err).Code)
	require.Equal(t, runs.Failed, run.Status)

	forgets := start(t, service, request(func(ctx context.Context, call agents.Call) (agents.Result, error) {
		named, err := call.Files.Save(ctx, "named", "", strings.NewReader("x"))
		if err == nil {
			_, err = call.Files.Save(ctx, "forgotten", "", strings.NewReader("y"))
		}
		return agents.Result{Artifacts: []agents.Artifact{named}}, errors.Join(err, problem.New(problem.Upstream, "provider_error", "It failed."))
	}))
	run, err = ended(t, forgets)
	require.Error(t, err)
	require.NoError(t, kept.RemoveUnused(t.Context()))
	require.Equal(t, []string{"named"}, storetest.Rows[string](t, s, "SELECT name FROM artifacts"))
	require.Equal(t, run.Artifacts, dataOf(t, service, run.ID, events.RunFailed).Artifacts, "what is there is not lost")
}

// A call that makes nothing takes the statements that it took without artifacts.
func TestACallThatMakesNothingAsksForNothing(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	service := newService(t, s, withFiles(newFiles(t, s)))
	var about atomic.Int64
	s.Watch(func(statement string, _ []any) {
		if strings.Contains(statement, "artifacts") {
			about.Add(1)
		}
	})
	active := start(t, service, request(answers("x")))
	_, err := ended(t, active)
	require.NoError(t, err)
	_, err = service.Get(t.Context(), active.ID)
	require.NoError(t, err)
	require.Zero(t, about.Load())
}

// flowOf is a flow of two painters and one that reads what they have painted.
func flowOf(t *testing.T, read agent, painted agent) *agents.Entry {
	entries := map[string]*agents.Entry{"one": {ID: "one", Timeout: time.Minute, Invoker: painted}, "two": {ID: "two", Timeout: time.Minute, Invoker: painted},
		"reader": {ID: "reader", Timeout: time.Minute, Invoker: read}}
	root := agents.Step{Type: agents.StepSequential, Steps: []agents.Step{{Type: agents.StepAgent, AgentID: "one"}, {Type: agents.StepAgent, AgentID: "two"}, {Type: agents.StepAgent, AgentID: "reader"}}}
	invoker, wrong := flow.New()(agents.Flow{ID: "f", Root: root}, func(id string) *agents.Entry { return entries[id] })
	require.Empty(t, wrong)
	return &agents.Entry{ID: "f", IsFlow: true, Timeout: time.Minute, RetryOnCrash: true, Invoker: invoker}
}

// What nodes have made is there for those behind them, and is not made again after a crash.
func TestAFlowGoesOnWithWhatItsNodesHaveMade(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		kept := newFiles(t, s)
		var painted atomic.Int64
		counted := agent(func(ctx context.Context, call agents.Call) (agents.Result, error) {
			painted.Add(1)
			return painter(1)(ctx, call)
		})
		entry := flowOf(t, waitForEnd, counted)
		queued := func() *runs.Service {
			instance := work.New(s, slog.New(slog.DiscardHandler))
			service := runs.New(runs.Config{Store: s, Work: instance, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics("test"), Artifacts: kept,
				Entry: func(string) *agents.Entry { return entry }})
			require.NoError(t, instance.Start(t.Context()))
			t.Cleanup(func() {
				over, cancel := context.WithCancel(context.Background())
				cancel()
				service.Drain(over)
				instance.Stop()
			})
			return service
		}
		first := queued()
		id := enqueue(t, first, entry)
		require.Eventually(t, func() bool {
			run, err := first.Get(t.Context(), id)
			return err == nil && len(run.Nodes) == 3 && len(run.Artifacts) == 2
		}, 10*time.Second, 2*time.Millisecond, "a run that goes on has them too")
		over, cancel := context.WithCancel(t.Context())
		cancel()
		first.Drain(over)

		entry = flowOf(t, func(ctx context.Context, call agents.Call) (agents.Result, error) {
			if len(call.Artifacts) != 2 {
				return agents.Result{}, fmt.Errorf("there are %d artifacts of finished nodes, want 2", len(call.Artifacts))
			}
			r, _, err := call.Files.Open(ctx, call.Artifacts[0].ID)
			if err != nil {
				return agents.Result{}, err
			}
			defer r.Close()
			text, err := io.ReadAll(r)
			return agents.Result{Output: "read " + string(text)}, err
		}, counted)
		run := awaitStatus(t, queued(), id, runs.Completed)
		require.Equal(t, "read in", run.Output)
		require.EqualValues(t, 2, painted.Load())
		require.Len(t, run.Artifacts, 2)
		for i, node := range []string{"one", "two"} {
			require.Equal(t, node, run.Artifacts[i].NodeID)
			require.Equal(t, run.Artifacts[i:i+1], run.Nodes[i].Artifacts)
		}
		require.Equal(t, run.Artifacts, dataOf(t, first, id, events.RunCompleted).Artifacts)
		require.Equal(t, run.Artifacts[:1], dataOf(t, first, id, events.NodeCompleted).Artifacts)
	})
}
