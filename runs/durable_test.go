package runs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/work"
	"beckon/runs"
)

// newQueued is a service with a queue that works with one agent.
func newQueued(t *testing.T, s *store.Store, entry *agents.Entry) *runs.Service {
	return newQueuedWith(t, s, func(id string) *agents.Entry {
		if id == entry.ID {
			return entry
		}
		return nil
	})
}

func newQueuedWith(t *testing.T, s *store.Store, entry func(id string) *agents.Entry) *runs.Service {
	instance := work.New(s, slog.New(slog.DiscardHandler))
	service := runs.New(runs.Config{Store: s, Work: instance, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics("test"), Entry: entry})
	require.NoError(t, instance.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		service.Drain(ctx)
		instance.Stop()
	})
	return service
}

func enqueue(t *testing.T, s *runs.Service, entry *agents.Entry) string {
	run, err := s.Enqueue(t.Context(), runs.Request{ClientID: "c", Entry: entry, Source: runs.SourceAPI, Input: "in", ReceivedAt: time.Now()})
	require.NoError(t, err)
	return run.ID
}

func awaitStatus(t *testing.T, s *runs.Service, id string, want runs.Status) (run *runs.Run) {
	require.Eventually(t, func() bool {
		var err error
		run, err = s.Get(t.Context(), id)
		return err == nil && run.Status == want
	}, 10*time.Second, 2*time.Millisecond, "%s", id)
	return run
}

// set changes a run behind the service's back, as another process would.
func set(t *testing.T, s *store.Store, id, assignment string, values ...any) {
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
		n, err := tx.ExecCount("UPDATE runs SET "+assignment+" WHERE id = ?", append(values, id)...)
		if err == nil && n != 1 {
			err = fmt.Errorf("%d rows", n)
		}
		return err
	}))
}

func answers(text string) agent {
	return func(context.Context, agents.Call) (agents.Result, error) { return agents.Result{Output: text}, nil }
}

// A run that may be retried outlives the process that was told to end: the next one goes on with it.
func TestShutdownPutsARunBack(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		entry := &agents.Entry{ID: "a", Timeout: time.Minute, RetryOnCrash: true, Invoker: agent(waitForEnd)}
		first := newQueued(t, s, entry)
		id := enqueue(t, first, entry)
		awaitStatus(t, first, id, runs.Running)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		first.Drain(over)
		awaitStatus(t, first, id, runs.Queued)
		entry = &agents.Entry{ID: "a", Timeout: time.Minute, RetryOnCrash: true, Invoker: answers("at last")}
		run := awaitStatus(t, newQueued(t, s, entry), id, runs.Completed)
		require.Equal(t, "at last", run.Output)
		require.Equal(t, 2, run.Attempts)
	})
}

// A node that is interrupted because its process ends is told of once, when the next process has run it.
func TestShutdownTellsOfNoNode(t *testing.T) {
	s := storetest.Open(t, storetest.Default(t))
	relay := func(answer agent) *agents.Entry {
		return &agents.Entry{ID: "f", IsFlow: true, Timeout: time.Minute, RetryOnCrash: true, Invoker: agent(func(ctx context.Context, call agents.Call) (agents.Result, error) {
			node := agents.Node{ID: "n", Type: "n", Via: "state.n > 1", Status: agents.NodeRunning, StartedAt: time.Now()}
			call.Progress.Begin(node)
			result, failure := answer(ctx, call)
			node.Status, node.CompletedAt = agents.NodeCompleted, time.Now()
			if failure != nil {
				node.Status, node.Error = agents.NodeCanceled, &agents.Failure{Code: "canceled"}
			}
			if err := call.Progress.End(ctx, node); err != nil {
				return result, err
			}
			return result, failure
		})}
	}
	entry := relay(waitForEnd)
	first := newQueued(t, s, entry)
	id := enqueue(t, first, entry)
	awaitStatus(t, first, id, runs.Running)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	first.Drain(over)
	second := newQueued(t, s, relay(answers("at last")))
	awaitStatus(t, second, id, runs.Completed)
	list, err := second.Events.Read(t.Context(), id, "")
	require.NoError(t, err)
	ends := map[string]int{}
	for _, e := range list {
		ends[e.Type]++
	}
	require.Zero(t, ends[events.NodeFailed])
	require.Equal(t, 1, ends[events.NodeCompleted])
}

// What the runs of a dead instance come to.
func TestRunsOfADeadInstance(t *testing.T) {
	for _, test := range []struct {
		name, assignment string
		known            bool // the instance, which a process that ends in good order takes off the list
		status           runs.Status
		code             string
	}{
		{"is not to be retried", "retry_on_crash = FALSE", true, runs.Failed, "interrupted"},
		{"is to be retried", "retry_on_crash = TRUE", true, runs.Completed, ""},
		{"was left by a process that ended", "retry_on_crash = TRUE", false, runs.Completed, ""},
		{"was canceled", "retry_on_crash = TRUE, cancel_requested_at = 1", true, runs.Canceled, "canceled"},
		{"has brought down its process too often", "retry_on_crash = TRUE, crashes = 2", true, runs.Failed, "interrupted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			storetest.EachStore(t, func(t *testing.T, s *store.Store) {
				entry := &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: answers("x")}
				service := newQueued(t, s, entry)
				active := start(t, service, runs.Request{ClientID: "c", Entry: entry, Source: "api", Input: "in"})
				<-active.Done()
				set(t, s, active.ID, "status = 'RUNNING', output = NULL, completed_at = NULL, instance_id = 'ins_dead', "+test.assignment)
				if test.known {
					require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
						return tx.Exec("INSERT INTO instances (id, started_at, seen_at) VALUES ('ins_dead', 1, 1)")
					}))
				}
				require.NoError(t, service.RecoverFrom(t.Context(), "ins_dead", func(store.Tx) error { return nil }))
				run := awaitStatus(t, service, active.ID, test.status)
				if test.code == "" {
					require.Nil(t, run.Error)
					return
				}
				require.Equal(t, test.code, run.Error.Code)
				list, err := service.Events.Read(t.Context(), active.ID, "")
				require.NoError(t, err)
				require.True(t, list[len(list)-1].Ends(), "those who follow hear of it")
			})
		})
	}
}

// The node at which a process died is told of as one that was stopped, not as one that failed.
func TestNodesOfADeadInstanceAreStopped(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		entry := &agents.Entry{ID: "f", IsFlow: true, Timeout: time.Minute, Invoker: agent(func(ctx context.Context, call agents.Call) (agents.Result, error) {
			for _, id := range []string{"first", "second"} {
				node := agents.Node{ID: id, Type: id, Status: agents.NodeRunning, StartedAt: time.Now()}
				call.Progress.Begin(node)
				node.Status, node.CompletedAt = agents.NodeCompleted, time.Now()
				if err := call.Progress.End(ctx, node); err != nil {
					return agents.Result{}, err
				}
			}
			return agents.Result{Output: "x"}, nil
		})}
		service := newQueued(t, s, entry)
		active := start(t, service, runs.Request{ClientID: "c", Entry: entry, Source: "api", Input: "in"})
		<-active.Done()
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
			return tx.Exec("UPDATE nodes SET status = 'RUNNING', completed_at = NULL WHERE run_id = ? AND node_id = 'second'", active.ID)
		}))
		set(t, s, active.ID, "status = 'RUNNING', output = NULL, completed_at = NULL, instance_id = 'ins_dead', retry_on_crash = FALSE")
		before, err := service.Events.Read(t.Context(), active.ID, "")
		require.NoError(t, err)
		require.NoError(t, service.RecoverFrom(t.Context(), "ins_dead", func(store.Tx) error { return nil }))
		list, err := service.Events.Read(t.Context(), active.ID, before[len(before)-1].ID)
		require.NoError(t, err)
		require.Len(t, list, 2)
		require.Equal(t, events.NodeCanceled, list[0].Type)
		require.Contains(t, string(list[0].Payload), `"data":{"nodeId":"second","nodeType":"second","status":"CANCELED","output":null,"errorCode":"interrupted"}`)
		require.Equal(t, events.RunFailed, list[1].Type)
		require.Contains(t, string(list[1].Payload), `"completedNodes":1,"failedNodes":0,`)
		run, err := service.Get(t.Context(), active.ID)
		require.NoError(t, err)
		require.Equal(t, agents.NodeCanceled, run.Nodes[1].Status)
	})
}

// An instance that others took for dead, and that wakes up, writes nothing any more.
func TestAnInstanceThatWasTakenForDead(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	release := make(chan struct{})
	entry := &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: agent(func(context.Context, agents.Call) (agents.Result, error) {
		<-release
		return agents.Result{Output: "too late"}, nil
	})}
	service := newQueued(t, s, entry)
	id := enqueue(t, service, entry)
	awaitStatus(t, service, id, runs.Running)
	set(t, s, id, "status = 'FAILED', error_code = 'interrupted', error_message = 'x', completed_at = 1")
	close(release)
	service.Drain(t.Context()) // it gives up
	run, err := service.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, runs.Failed, run.Status)
	require.Empty(t, run.Output)
}

func TestRunsWhoseAgentIsGone(t *testing.T) {
	s := storetest.Open(t, storetest.Default(t))
	service := newQueued(t, s, &agents.Entry{ID: "another"})
	id := enqueue(t, service, &agents.Entry{ID: "a"})
	require.Equal(t, "agent_unavailable", awaitStatus(t, service, id, runs.Failed).Error.Code)
}

// The events of a run are in the order in which it went, and end with its end, however fast pieces of text come.
func TestTheJournal(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		entry := &agents.Entry{ID: "f", IsFlow: true, Timeout: time.Minute, Invoker: agent(func(ctx context.Context, call agents.Call) (agents.Result, error) {
			done := make(chan error, 4)
			for n := range 4 { // at the same time, as parallel steps do
				go func() {
					node := agents.Node{ID: fmt.Sprint("n", n), Type: "n", Via: "state.n > 1", Status: agents.NodeRunning, StartedAt: time.Now()}
					call.Progress.Begin(node)
					for range 50 {
						call.Text("piece ")
					}
					node.Status, node.Output, node.State, node.CompletedAt = agents.NodeCompleted, "o", map[string]any{"k": float64(n)}, time.Now()
					done <- call.Progress.End(ctx, node)
				}()
			}
			for range 4 {
				if err := <-done; err != nil {
					return agents.Result{}, err
				}
			}
			return agents.Result{Output: "end"}, nil
		})}
		service := newQueued(t, s, entry)
		id := enqueue(t, service, entry)
		f := service.Events.Follow(id, "")
		defer f.Close()
		var followed []events.Event
		for len(followed) == 0 || !followed[len(followed)-1].Ends() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			list, err := f.Next(ctx)
			cancel()
			require.NoError(t, err)
			followed = append(followed, list...)
		}
		stored, err := service.Events.Read(t.Context(), id, "")
		require.NoError(t, err)
		require.Equal(t, stored, followed)
		counts, text := map[string]int{}, 0
		for i, e := range stored {
			if i > 0 {
				require.Less(t, stored[i-1].ID, e.ID)
			}
			counts[e.Type]++
			if e.Type == events.MessageDelta {
				var piece struct{ Text string }
				require.NoError(t, json.Unmarshal(e.Payload, &piece))
				text += len(piece.Text)
			}
		}
		require.Equal(t, 4, counts[events.NodeCompleted])
		require.Equal(t, 4, counts[events.NodeStarted])
		require.Equal(t, 4*50*len("piece "), text)
		run, err := service.Get(t.Context(), id)
		require.NoError(t, err)
		// One for each node that has ended, and ten a second: a busy machine may take its time in between.
		require.LessOrEqual(t, counts[events.MessageDelta], 6+int(10*run.Duration().Seconds()), "pieces are written together")
		require.Len(t, run.Nodes, 4)
		require.Equal(t, "state.n > 1", run.Nodes[0].Via)
		require.Contains(t, string(stored[len(stored)-1].Payload), `"completedNodes":4`)

		set(t, s, id, "completed_at = 1")
		require.NoError(t, service.Trim(t.Context()))
		stored, err = service.Events.Read(t.Context(), id, "")
		require.NoError(t, err)
		require.Len(t, stored, len(followed)-counts[events.MessageDelta])
	})
}

// Old runs go, in small batches, with all that belongs to them; what has not ended stays.
func TestRetention(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		entry := &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: answers("x")}
		service := newService(t, s)
		young := start(t, service, runs.Request{ClientID: "c", Entry: entry, Source: "api", Input: "in"})
		<-young.Done()
		ofYoung := storetest.Row[int64](t, s, "SELECT COUNT(*) FROM events") // which are on record only when it did not end at once
		month := time.Now().Add(-720 * time.Hour)
		old := func(i int) string {
			id := ulid.MustNew(ulid.Timestamp(month.Add(-time.Duration(i+1)*time.Second)), ulid.DefaultEntropy())
			return "run_" + id.String()
		}
		var going string
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
			for i := range 450 {
				id, status := old(i), "COMPLETED"
				if i == 17 {
					going, status = id, "RUNNING"
				}
				if err := tx.Exec("INSERT INTO runs (id, status, client_id, workflow_id, source, input, created_at, instance_id) VALUES (?, ?, 'c', 'a', 'api', 'x', 1, ?)", id, status, "ins_another"); err != nil {
					return err
				}
				if err := tx.Exec("INSERT INTO events (run_id, id, type, payload) VALUES (?, 'evt_1', 'run.completed', '{}')", id); err != nil {
					return err
				}
				if err := tx.Exec("INSERT INTO nodes (run_id, node_id, node_type, place, status, started_at) VALUES (?, 'n', 'n', 1, 'COMPLETED', 1)", id); err != nil {
					return err
				}
			}
			return tx.Exec("INSERT INTO idempotency_keys (client_id, key, request, run_id, expires_at) VALUES ('c', 'k', 'r', 'run', 1), ('c', 'l', 'r', 'run', ?)", time.Now().Add(time.Hour).UnixMilli())
		}))
		require.NoError(t, service.Retain(t.Context(), month))
		for table, want := range map[string]int64{"runs": 2, "events": 1 + ofYoung, "nodes": 1, "idempotency_keys": 1} {
			require.Equal(t, want, storetest.Row[int64](t, s, "SELECT COUNT(*) FROM "+table), table)
		}
		_, err := service.Get(t.Context(), young.ID)
		require.NoError(t, err)
		_, err = service.Get(t.Context(), going)
		require.NoError(t, err)
	})
}

// A caller who leaves while its run is being written does not leave one behind that nobody works on.
func TestACallerWhoLeavesAtTheWrongMoment(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		entry := &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: answers("x")}
		service := newQueued(t, s, entry)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 20 {
			r := runs.Request{ClientID: "c", Entry: entry, Source: "api", Input: "in", Idempotency: &runs.Idempotency{Key: fmt.Sprint(i), Request: "r"}}
			active, err := service.Start(gone, r)
			require.NoError(t, err)
			<-active.Done()
			r.Idempotency.Key = fmt.Sprint("queued", i)
			run, err := service.Enqueue(gone, r)
			require.NoError(t, err)
			awaitStatus(t, service, run.ID, runs.Completed)
		}
	})
}
