package runs_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
)

// A run that is claimed on record by a process that does not hold it is released: a claim whose commit was in doubt
// leaves such a run, and so does an end that could never be written.
func TestARunThatNobodyHolds(t *testing.T) {
	for _, test := range []struct {
		name, assignment string
		status           runs.Status
	}{
		{"is to be retried", "retry_on_crash = TRUE", runs.Completed},
		{"is not to be retried", "retry_on_crash = FALSE", runs.Failed},
		{"was canceled", "cancel_requested_at = 1", runs.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			storetest.EachStore(t, func(t *testing.T, s *store.Store) {
				entry := &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: answers("x")}
				service := newQueued(t, s, entry)
				active := start(t, service, runs.Request{ClientID: "c", Entry: entry, Source: "api", Input: "in"})
				<-active.Done()
				set(t, s, active.ID, "status = 'RUNNING', output = NULL, completed_at = NULL, instance_id = '"+service.Work.ID()+"', "+test.assignment)
				awaitStatus(t, service, active.ID, test.status)
			})
		})
	}
}

// To cancel a run that this process has claimed on record and does not hold ends it at once.
func TestCancelARunThatNobodyHolds(t *testing.T) {
	s := storetest.Open(t, storetest.Default(t))
	entry := &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: answers("x")}
	service := newQueued(t, s, entry)
	active := start(t, service, runs.Request{ClientID: "c", Entry: entry, Source: "api", Input: "in"})
	<-active.Done()
	set(t, s, active.ID, "status = 'RUNNING', output = NULL, completed_at = NULL, instance_id = '"+service.Work.ID()+"'")
	require.NoError(t, service.Cancel(t.Context(), active.ID))
	run, err := service.Get(t.Context(), active.ID)
	require.NoError(t, err)
	require.Equal(t, runs.Canceled, run.Status)
}

// A process that still works on a run which was claimed anew can't write to it any more, and stops.
func TestALostClaim(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		stopped := make(chan struct{})
		entry := &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: agent(func(ctx context.Context, _ agents.Call) (agents.Result, error) {
			<-ctx.Done()
			close(stopped)
			return agents.Result{Output: "too late"}, nil
		})}
		service := newQueued(t, s, entry)
		id := enqueue(t, service, entry)
		run := awaitStatus(t, service, id, runs.Running)
		require.EqualValues(t, 1, run.Claim)
		set(t, s, id, "claim = 2, instance_id = 'ins_another'") // on SQLite, that one is recovered at once
		<-stopped
		require.Eventually(t, func() bool {
			run, err := service.Get(t.Context(), id)
			return err == nil && run.Output == "" && run.Claim >= 2
		}, 10*time.Second, time.Millisecond)
	})
}

// While the database is away a flow waits with what its node has brought, and goes on when it is back. No node is asked
// twice, also when the answer to the COMMIT of its end was lost.
func TestAFlowOutlivesAnOutage(t *testing.T) {
	for _, test := range []struct {
		name  string
		begin func(*storetest.Proxy)
		end   func(*storetest.Proxy)
	}{
		{"the database is away", (*storetest.Proxy).Refuse, (*storetest.Proxy).Accept},
		{"a commit is in doubt", (*storetest.Proxy).LoseCommit, func(*storetest.Proxy) {}},
		{"its connections are cut", (*storetest.Proxy).Cut, func(*storetest.Proxy) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			proxy := storetest.NewProxy(t, storetest.Postgres(t))
			s := storetest.Open(t, proxy.URL)
			var asked atomic.Int32
			ending := make(chan struct{})
			entry := &agents.Entry{ID: "f", IsFlow: true, Timeout: time.Minute, Invoker: agent(func(ctx context.Context, call agents.Call) (agents.Result, error) {
				for _, id := range []string{"one", "two"} {
					asked.Add(1)
					node := agents.Node{ID: id, Type: id, Status: agents.NodeRunning, StartedAt: time.Now()}
					call.Progress.Begin(node)
					if id == "one" {
						test.begin(proxy)
						close(ending)
					}
					node.Status, node.Output, node.CompletedAt = agents.NodeCompleted, "o", time.Now()
					if err := call.Progress.End(ctx, node); err != nil {
						return agents.Result{}, err
					}
				}
				return agents.Result{Output: "whole"}, nil
			})}
			service := newQueued(t, s, entry)
			id := enqueue(t, service, entry)
			<-ending
			require.Never(t, func() bool { return test.name == "the database is away" && asked.Load() == 2 }, 300*time.Millisecond, 10*time.Millisecond,
				"it does not go on before the end of its node is on record")
			test.end(proxy)
			run := awaitStatus(t, service, id, runs.Completed)
			require.Equal(t, "whole", run.Output)
			require.Len(t, run.Nodes, 2)
			require.EqualValues(t, 2, asked.Load())
			list, err := service.Events.Read(t.Context(), id, "")
			require.NoError(t, err)
			seen := map[string]int{}
			for _, e := range list {
				seen[e.Type]++
			}
			require.Equal(t, 2, seen["node.completed"])
			require.Equal(t, 1, seen["run.completed"])
		})
	}
}

// A claim whose COMMIT is answered to nobody is found out about, and its run is worked on once.
func TestAClaimInDoubt(t *testing.T) {
	proxy := storetest.NewProxy(t, storetest.Postgres(t))
	s := storetest.Open(t, proxy.URL)
	var asked atomic.Int32
	entry := &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: agent(func(context.Context, agents.Call) (agents.Result, error) {
		asked.Add(1)
		return agents.Result{Output: "x"}, nil
	})}
	service := newQueued(t, s, entry)
	for range 5 {
		proxy.LoseCommit() // that of the insert, of the claim, of the end or of a heartbeat
		id := enqueue(t, service, entry)
		awaitStatus(t, service, id, runs.Completed)
	}
	require.EqualValues(t, 5, asked.Load())
}
