package runs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/runs"
)

// agent is an invoker that the test speaks for.
type agent func(ctx context.Context, call agents.Call) (agents.Result, error)

func (f agent) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	return f(ctx, call)
}

func newService(t *testing.T, s *store.Store, with ...func(*runs.Config)) *runs.Service {
	config := runs.Config{Store: s, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics("test")}
	for _, change := range with {
		change(&config)
	}
	service := runs.New(config)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		service.Drain(ctx)
	})
	return service
}

func request(a agent) runs.Request {
	return runs.Request{ClientID: "c", Source: runs.SourceWebhook, Input: "in",
		Entry: &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: a}}
}

func start(t *testing.T, s *runs.Service, r runs.Request) *runs.Active {
	active, err := s.Start(t.Context(), r)
	require.NoError(t, err)
	return active
}

// Nobody hears of an answer before it is on record, however many there are at once.
func TestWhatIsAnsweredIsOnRecord(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		service := newService(t, s)
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				r := request(func(_ context.Context, call agents.Call) (agents.Result, error) {
					return agents.Result{Output: "out " + call.RunID, Usage: agents.Usage{TotalTokens: i}}, nil
				})
				active, err := service.Start(context.Background(), r)
				if err != nil {
					t.Error(err)
					return
				}
				<-active.Done()
				run, err := service.Get(context.Background(), active.ID)
				if err != nil || run.Status != runs.Completed || run.Output != "out "+active.ID || run.Usage.TotalTokens != i {
					t.Errorf("%+v %v", run, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestTheStartIsOnRecordWhileTheAgentWorks(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		service, release := newService(t, s), make(chan struct{})
		active := start(t, service, request(func(context.Context, agents.Call) (agents.Result, error) {
			<-release
			return agents.Result{Output: "x"}, nil
		}))
		require.Eventually(t, func() bool {
			run, err := service.Get(t.Context(), active.ID)
			return err == nil && run.Status == runs.Running && run.Input == "in" && run.CompletedAt.IsZero()
		}, 10*time.Second, time.Millisecond)
		close(release)
		<-active.Done()
	})
}

// witness is an outlet that nobody is told by: it keeps what the contexts of the writes say.
type witness struct {
	mu    sync.Mutex
	heard map[string]any // by the type of the event
}

type traceKey struct{}

func (w *witness) Wants(events.Subject, ...events.Event) bool { return true }

func (w *witness) Carry(tx store.Tx, _ events.Subject, list []events.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range list {
		w.heard[e.Type] = tx.Context().Value(traceKey{})
	}
	return tx.Context().Err()
}

func (w *witness) Pending(store.Tx, []string) ([]string, error) { return nil, nil }

// A trace follows a run into every write, from its start to its end, although its caller has left.
func TestWritesHaveTheValuesOfTheCaller(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		for name, once := range map[string]*runs.Idempotency{"plain": nil, "once": {Key: "k", Request: "r"}} {
			w := &witness{heard: map[string]any{}}
			service := newService(t, s, func(c *runs.Config) { c.Outlet = w })
			ctx, leave := context.WithCancel(context.WithValue(t.Context(), traceKey{}, name))
			r := request(func(ctx context.Context, call agents.Call) (agents.Result, error) {
				leave()
				node := agents.Node{ID: "n", Status: agents.NodeRunning, StartedAt: time.Now()}
				call.Progress.Begin(node)
				node.Status, node.CompletedAt = agents.NodeCompleted, time.Now()
				return agents.Result{Output: "out"}, call.Progress.End(ctx, node)
			})
			r.Entry.IsFlow, r.Idempotency = true, once
			active, err := service.Start(ctx, r)
			require.NoError(t, err)
			<-active.Done()
			_, err = active.Outcome()
			require.NoError(t, err)
			require.Equal(t, map[string]any{events.RunCreated: name, events.RunStarted: name, events.NodeStarted: name, events.NodeCompleted: name, events.RunCompleted: name}, w.heard)
		}
	})
}

func TestHowRunsEnd(t *testing.T) {
	known := problem.New(problem.Upstream, "provider_error", "The provider failed.").Because(errors.New("PROMPT AND KEY"))
	for _, test := range []struct {
		name   string
		agent  agent
		change func(*runs.Request)
		status runs.Status
		code   string
		kind   problem.Kind
	}{
		{"problem", func(context.Context, agents.Call) (agents.Result, error) {
			return agents.Result{Output: "partial"}, known
		}, nil, runs.Failed, "provider_error", problem.Upstream},
		{"error of another sort", func(context.Context, agents.Call) (agents.Result, error) {
			return agents.Result{}, errors.New("PROMPT AND KEY")
		}, nil, runs.Failed, "internal_error", problem.Internal},
		{"panic", func(context.Context, agents.Call) (agents.Result, error) { panic("PROMPT AND KEY") }, nil, runs.Failed, "internal_error", problem.Internal},
		{"agent's time", waitForEnd, func(r *runs.Request) { r.Entry.Timeout = time.Millisecond }, runs.Failed, "agent_timeout", problem.Expired},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := storetest.Open(t, storetest.Default(t))
			service, r, ended := newService(t, s), request(test.agent), false
			r.OnEnd = func() { ended = true }
			if test.change != nil {
				test.change(&r)
			}
			active := start(t, service, r)
			<-active.Done()
			require.True(t, ended)
			_, err := active.Outcome()
			require.True(t, problem.Is(err, test.kind), "%v", err)
			run, err := service.Get(t.Context(), active.ID)
			require.NoError(t, err)
			require.Equal(t, test.status, run.Status)
			require.Equal(t, test.code, run.Error.Code)
			require.NotContains(t, run.Error.Message, "PROMPT")
			require.False(t, run.CompletedAt.IsZero())
			if test.name == "problem" {
				require.Equal(t, "partial", run.Output)
			}
		})
	}
}

func waitForEnd(ctx context.Context, _ agents.Call) (agents.Result, error) {
	<-ctx.Done()
	return agents.Result{}, ctx.Err()
}

func TestTextsThatADatabaseMayNotLike(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		service, r := newService(t, s), request(func(context.Context, agents.Call) (agents.Result, error) {
			return agents.Result{Output: "a\x00b\xffc"}, nil
		})
		r.Input = "in\x00put"
		active := start(t, service, r)
		<-active.Done()
		run, err := service.Get(t.Context(), active.ID)
		require.NoError(t, err)
		require.Equal(t, runs.Completed, run.Status)
		require.Equal(t, "ab\uFFFDc", run.Output)
		require.Equal(t, "input", run.Input)
	})
}

func TestCancel(t *testing.T) {
	s := storetest.Open(t, storetest.Default(t))
	service := newService(t, s)
	active := start(t, service, request(waitForEnd))
	active.Cancel()
	active.Cancel()
	<-active.Done()
	run, err := service.Get(t.Context(), active.ID)
	require.NoError(t, err)
	require.Equal(t, runs.Canceled, run.Status)
}

func TestDrain(t *testing.T) {
	s := storetest.Open(t, storetest.Default(t))
	service := newService(t, s)
	active := start(t, service, request(waitForEnd))
	over, cancel := context.WithCancel(t.Context())
	cancel()
	service.Drain(over)
	run, err := service.Get(t.Context(), active.ID)
	require.NoError(t, err)
	require.Equal(t, runs.Failed, run.Status)
	require.Equal(t, "interrupted", run.Error.Code)
	_, err = service.Start(t.Context(), request(waitForEnd))
	require.True(t, problem.Is(err, problem.Unavailable))
}

// The answer of a run whose end cannot be written is not given out, and is written as soon as that is possible again.
func TestTheEndIsWrittenWhenTheDiskHasRoomAgain(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	service := newService(t, s)
	pages := func(n int) {
		require.NoError(t, s.Write(context.Background(), func(tx store.Tx) error {
			return tx.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", n))
		}))
	}
	var active *runs.Active
	begun := make(chan struct{})
	active = start(t, service, request(func(ctx context.Context, call agents.Call) (agents.Result, error) {
		<-begun
		pages(1)
		return agents.Result{Output: strings.Repeat("x", 100_000)}, nil
	}))
	require.Eventually(t, func() bool { _, err := service.Get(t.Context(), active.ID); return err == nil }, 10*time.Second, time.Millisecond)
	close(begun)
	<-active.Done()
	_, err := active.Outcome()
	require.True(t, problem.Is(err, problem.Unavailable), "%v", err)
	run, err := service.Get(t.Context(), active.ID)
	require.NoError(t, err)
	require.Equal(t, runs.Running, run.Status)
	pages(1_000_000)
	require.Eventually(t, func() bool {
		run, err := service.Get(t.Context(), active.ID)
		return err == nil && run.Status == runs.Completed && len(run.Output) == 100_000
	}, 10*time.Second, 5*time.Millisecond)
}
