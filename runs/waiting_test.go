package runs_test

import (
	"runtime"
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
	"beckon/internal/units"
	"beckon/runs"
)

// careful is an agent whose orders a person has to allow.
func careful(a *agents.Agent) { a.Approve = []string{"shop.order"} }

// awaitWaiting starts a run that waits for a person, and returns the call.
func awaitWaiting(t *testing.T, s *runs.Service, entry *agents.Entry) (id string, call agents.ToolCall) {
	active := start(t, s, runs.Request{ClientID: "c", Entry: entry, Source: "api", Input: "in"})
	<-active.Done()
	run, err := active.Outcome()
	require.NoError(t, err)
	require.Equal(t, runs.Waiting, run.Status, "its caller hears of it at once")
	kept, err := s.Get(t.Context(), active.ID)
	require.NoError(t, err)
	require.Equal(t, runs.Waiting, kept.Status)
	for _, c := range kept.AllNodes()[0].ToolCalls {
		if c.Status == agents.ToolWaiting {
			call = c
		}
	}
	require.NotEmpty(t, call.ID)
	return active.ID, call
}

func decision(allow bool) agents.Decision {
	return agents.Decision{Allowed: allow, By: "mia", At: time.Now().UTC()}
}

func decide(t *testing.T, s *runs.Service, id, call string, d agents.Decision) error {
	_, err := s.Decide(t.Context(), id, call, d)
	return err
}

func TestARunWaitsForAPerson(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		for _, of := range []string{"a", "f"} {
			for _, allow := range []bool{true, false} {
				m, b := &model{script: [][]call{{{"shop__order", `{"n":1}`}, {"shop__price", `{}`}}}}, &bench{}
				entries := actors(t, m, careful)
				service := shop(t, s, entries, b)
				id, call := awaitWaiting(t, service, entries.Get(of))
				require.Equal(t, []string{"shop.price {}"}, b.made(), "the other calls are made")
				list, err := service.Approvals(t.Context())
				require.NoError(t, err)
				require.Len(t, list, 1)
				require.Equal(t, id, list[0].RunID)

				require.NoError(t, decide(t, service, id, call.ID, decision(allow)))
				run := awaitStatus(t, service, id, runs.Completed)
				made := run.AllNodes()[0].ToolCalls[0]
				if allow {
					require.Equal(t, []string{"shop.price {}", `shop.order {"n":1}`}, b.made())
					require.Equal(t, agents.ToolCompleted, made.Status)
				} else {
					require.Equal(t, []string{"shop.price {}"}, b.made())
					require.Equal(t, agents.ToolDenied, made.Status)
					require.Contains(t, m.seen()[1], "A person has denied this call")
				}
				require.Equal(t, "mia", made.Decision.By)
				types := strings.Join(eventTypes(t, service, id), " ")
				require.Equal(t, 1, strings.Count(types, events.RunWaiting))
				require.Equal(t, 1, strings.Count(types, events.RunStarted))
				require.True(t, problem.Is(decide(t, service, id, call.ID, decision(!allow)), problem.Conflict))
				stop(t, service)
			}
		}
	})
}

// However many decide at the same time, and wherever: one counts, and the tool runs once.
func TestOneDecisionCounts(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		b := &bench{}
		entries := actors(t, &model{script: [][]call{{{"shop__order", `{}`}}}}, careful)
		first := shop(t, s, entries, b)
		second := first
		if s.Shared() { // else the one would take the other for dead
			second = shop(t, s, entries, b)
		}
		id, call := awaitWaiting(t, first, entries.Get("f"))
		var (
			group  sync.WaitGroup
			mu     sync.Mutex
			counts int
		)
		for i := range 8 {
			group.Go(func() {
				service := first
				if i%2 == 1 {
					service = second
				}
				err := decide(t, service, id, call.ID, decision(true))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					counts++
				} else if !problem.Is(err, problem.Conflict) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, 1, counts)
		awaitStatus(t, second, id, runs.Completed)
		require.Equal(t, []string{"shop.order {}"}, b.made())
	})
}

// What nobody allows in time is denied, and the model is told.
func TestAnApprovalExpires(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		m, b := &model{script: [][]call{{{"shop__order", `{}`}}}}, &bench{}
		entries := actors(t, m, func(a *agents.Agent) {
			a.Approve, a.ApproveWithin = []string{"shop.*"}, units.Duration(50*time.Millisecond)
		})
		service := shop(t, s, entries, b)
		id := enqueue(t, service, entries.Get("a"))
		run := awaitStatus(t, service, id, runs.Completed)
		require.Empty(t, b.made())
		require.Equal(t, agents.ToolDenied, run.ToolCalls[0].Status)
		require.Equal(t, problem.CodeApprovalExpired, run.ToolCalls[0].Error.Code)
		require.Contains(t, m.seen()[1], "Nobody has allowed this call")
		require.True(t, problem.Is(decide(t, service, id, run.ToolCalls[0].ID, decision(true)), problem.Conflict))
	})
}

func TestDecisionsThatDoNotCount(t *testing.T) {
	s, b := storetest.Open(t, storetest.Default(t)), &bench{}
	entries := actors(t, &model{script: [][]call{{{"shop__order", `{}`}, {"shop__price", `{}`}}}}, careful)
	service := shop(t, s, entries, b)
	id, call := awaitWaiting(t, service, entries.Get("a"))
	other, _ := awaitWaiting(t, service, entries.Get("a"))
	run, err := service.Get(t.Context(), id)
	require.NoError(t, err)
	late := decision(true)
	late.At = call.ExpiresAt
	for kind, err := range map[problem.Kind]error{
		problem.NotFound: decide(t, service, other, call.ID, decision(true)),
		problem.Gone:     decide(t, service, id, call.ID, late),
	} {
		require.True(t, problem.Is(err, kind), "%v", err)
	}
	require.True(t, problem.Is(decide(t, service, id, run.ToolCalls[1].ID, decision(true)), problem.NotFound), "nobody was asked about it")
	require.NoError(t, service.Cancel(t.Context(), id))
	run = awaitStatus(t, service, id, runs.Canceled)
	require.Equal(t, agents.ToolFailed, run.ToolCalls[0].Status)
	require.True(t, problem.Is(decide(t, service, id, call.ID, decision(true)), problem.Conflict))
	require.NotContains(t, b.made(), "shop.order {}")
}

// Runs that wait for a person cost no goroutine, and take no place of others.
func TestRunsThatWaitForAPersonCostNothing(t *testing.T) {
	const many = 1000
	entries := actors(t, &model{script: [][]call{{{"shop__order", `{}`}}}}, careful)
	service := shopWith(t, storetest.Open(t, storetest.SQLite(t)), entries, &bench{}, func(c *runs.Config) { c.MaxConcurrent = 50 })
	before := runtime.NumGoroutine()
	list := make([]*runs.Active, many)
	for i := range list {
		list[i] = start(t, service, runs.Request{ClientID: "c", Entry: entries.Get("f"), Source: "api", Input: "in"})
	}
	for _, a := range list {
		<-a.Done()
		run, err := a.Outcome()
		require.NoError(t, err)
		require.Equal(t, runs.Waiting, run.Status)
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < before+20 }, 30*time.Second, 10*time.Millisecond)
	t.Logf("%d runs wait: %d goroutines before, %d now", many, before, runtime.NumGoroutine())
	require.Equal(t, int64(many), storetest.Row[int64](t, service.Store, "SELECT COUNT(*) FROM runs WHERE status = 'WAITING'"))
}
