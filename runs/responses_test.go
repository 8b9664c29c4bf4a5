package runs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/agents/flow"
	"beckon/internal/egress"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/runs"
	"github.com/stretchr/testify/require"
)

// worker is a provider that works on responses by itself until it is told to end.
type worker struct {
	*httptest.Server
	mu       sync.Mutex
	asked    []string       // the bodies of questions
	polled   map[string]int // by id
	canceled []string
	done     bool
	refuses  bool // to work in the background
}

func newWorker(t *testing.T) *worker {
	w := &worker{polled: map[string]int{}}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

func (w *worker) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	id, isCancel := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v1/responses/"), "/cancel")
	out.Header().Set("Content-Type", "application/json")
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/v1/responses":
		w.asked = append(w.asked, string(body))
		if w.refuses && strings.Contains(string(body), "background") {
			out.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(out, `{"error":{"message":"Unsupported parameter: 'background'","type":"invalid_request_error","param":"background"}}`)
			return
		}
		id = fmt.Sprintf("resp_%d", len(w.asked))
		if w.refuses {
			_, _ = io.WriteString(out, finished(id))
			return
		}
		var asked struct{ Stream bool }
		if _ = json.Unmarshal(body, &asked); asked.Stream {
			out.Header().Set("Content-Type", "text/event-stream")
			_, _ = fmt.Fprintf(out, "event: response.created\ndata: {\"type\":\"response.created\",\"response\":%s}\n\n", unfinished(id))
			_ = http.NewResponseController(out).Flush()
			w.mu.Unlock()
			<-r.Context().Done()
			w.mu.Lock()
			return
		}
		_, _ = io.WriteString(out, unfinished(id))
	case isCancel:
		w.canceled = append(w.canceled, id)
		_, _ = io.WriteString(out, `{"id":"`+id+`","status":"cancelled","output":[]}`)
	case r.Method == http.MethodGet:
		if w.polled[id]++; w.done {
			_, _ = io.WriteString(out, finished(id))
			return
		}
		_, _ = io.WriteString(out, unfinished(id))
	}
}

func unfinished(id string) string { return `{"id":"` + id + `","status":"in_progress","output":[]}` }

func finished(id string) string {
	return `{"id":"` + id + `","status":"completed","output":[{"type":"message","content":[{"type":"output_text","text":"by ` + id + `"}]}],` +
		`"usage":{"input_tokens":2,"output_tokens":3,"total_tokens":5}}`
}

func (w *worker) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
}

// seen returns how many questions there were, how often the last one's answer was asked for, and what was canceled.
func (w *worker) seen() (asked, polled int, canceled []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked), w.polled[fmt.Sprintf("resp_%d", len(w.asked))], w.canceled
}

// entriesOf are an agent and a flow of it, as a process of its own has them.
func entriesOf(t *testing.T, w *worker, change func(*agents.Agent)) *agents.Set {
	transport := egress.NewProviders()
	t.Cleanup(transport.CloseIdleConnections)
	how := agents.Factories{Flow: flow.New(),
		Providers: map[string]agents.Factory{chat.TypeResponses: chat.New(transport, slog.New(slog.DiscardHandler))}}
	a := agents.Agent{ID: "a", Provider: "acme", Model: "m"}
	if change != nil {
		change(&a)
	}
	set, found := agents.NewSet(how, []agents.Provider{{ID: "acme", Type: chat.TypeResponses, URL: w.URL + "/v1"}}, []agents.Agent{a},
		[]agents.Flow{{ID: "f", Root: agents.Step{Type: agents.StepAgent, AgentID: "a"}}})
	require.Empty(t, found)
	return set
}

// process is a service of a process of its own.
func process(t *testing.T, s *store.Store, set *agents.Set) *runs.Service {
	return newQueuedWith(t, s, set.Get)
}

// die is what a process leaves when it is killed: its run is claimed by an instance that nobody knows.
func die(t *testing.T, s *store.Store, id string) {
	set(t, s, id, "instance_id = 'ins_dead', claim = claim + 1")
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
		return tx.Exec("INSERT INTO instances (id, started_at, seen_at) VALUES ('ins_dead', 1, 1)")
	}))
}

// forgetInstance lets die be called again.
func forgetInstance(t *testing.T, s *store.Store) {
	require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error { return tx.Exec("DELETE FROM instances WHERE id = 'ins_dead'") }))
}

// A run whose process is killed picks up in the next one what the provider has worked on meanwhile: it is asked, and paid, once.
func TestACrashDoesNotPayTwice(t *testing.T) {
	for _, of := range []string{"a", "f"} {
		for _, way := range []string{"queued", "waiting", "streamed"} {
			t.Run(of+" "+way, func(t *testing.T) {
				s := storetest.Open(t, storetest.Default(t))
				w := newWorker(t)
				entries := entriesOf(t, w, nil)
				first := process(t, s, entries)
				var id string
				if way == "queued" {
					id = enqueue(t, first, entries.Get(of))
				} else {
					id = start(t, first, runs.Request{ClientID: "c", Entry: entries.Get(of), Source: "api", Input: "in", Stream: way == "streamed"}).ID
				}
				awaitResponse(t, first, id)
				die(t, s, id)
				require.NoError(t, first.Reconcile(t.Context()))
				w.end()

				second := process(t, s, entriesOf(t, w, nil))
				require.NoError(t, second.RecoverFrom(t.Context(), "ins_dead", func(store.Tx) error { return nil }))
				run := awaitStatus(t, second, id, runs.Completed)
				require.Equal(t, "by resp_1", run.Output)
				require.Equal(t, 5, run.Usage.TotalTokens)
				asked, _, canceled := w.seen()
				require.Equal(t, 1, asked)
				require.Empty(t, canceled)
				by := run.AllNodes()[0].By
				require.Equal(t, "acme", by.Provider)
				require.Equal(t, "resp_1", by.Responses[0].ID)
			})
		}
	}
}

// awaitResponse waits until the id of a response is on the record of a run or its node.
func awaitResponse(t *testing.T, s *runs.Service, id string) {
	require.Eventually(t, func() bool {
		run, err := s.Get(t.Context(), id)
		return err == nil && len(run.AllNodes()) == 1 && len(run.AllNodes()[0].By.Responses) == 1
	}, 10*time.Second, 2*time.Millisecond)
}

// stop tells a process to end at once.
func stop(t *testing.T, s *runs.Service) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	s.Drain(over)
	s.Work.Stop() // one process alone may have a database that is not shared: it takes any other for dead
}

// A process that is told to end leaves what the provider works on to the next one.
func TestAShutdownDoesNotPayTwice(t *testing.T) {
	s := storetest.Open(t, storetest.Default(t))
	w := newWorker(t)
	entries := entriesOf(t, w, nil)
	first := process(t, s, entries)
	id := enqueue(t, first, entries.Get("f"))
	awaitResponse(t, first, id)
	stop(t, first)
	w.end()
	run := awaitStatus(t, process(t, s, entries), id, runs.Completed)
	require.Equal(t, "by resp_1", run.Output)
	asked, _, canceled := w.seen()
	require.Equal(t, 1, asked)
	require.Empty(t, canceled)
}

// What asks something else than before is asked anew.
func TestAnotherQuestionIsAskedAnew(t *testing.T) {
	s := storetest.Open(t, storetest.Default(t))
	w := newWorker(t)
	entries := entriesOf(t, w, nil)
	first := process(t, s, entries)
	id := enqueue(t, first, entries.Get("a"))
	awaitResponse(t, first, id)
	stop(t, first)
	w.end()
	changed := entriesOf(t, w, func(a *agents.Agent) { a.SystemPrompt = "Be brief." })
	require.Equal(t, "by resp_2", awaitStatus(t, process(t, s, changed), id, runs.Completed).Output)
}

// A database that takes nothing for a while does not keep an answer waiting: the id is written when it does.
func TestAnIdThatCannotBeWrittenYet(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	blocked, added, release := make(chan struct{}), make(chan error), make(chan struct{})
	entry := &agents.Entry{ID: "a", Timeout: time.Minute, RetryOnCrash: true, Invoker: agent(func(ctx context.Context, call agents.Call) (agents.Result, error) {
		<-blocked
		added <- call.Responses.Add(ctx, agents.Response{Provider: "p", ID: "r"})
		<-release
		return agents.Result{Output: "x"}, nil
	})}
	service := newQueued(t, s, entry)
	id := enqueue(t, service, entry)
	awaitStatus(t, service, id, runs.Running)
	written := make(chan error)
	go func() {
		written <- s.Write(context.Background(), func(store.Tx) error {
			close(blocked)
			return <-added
		})
	}()
	require.NoError(t, <-written)
	awaitResponse(t, service, id)
	close(release)
	require.Equal(t, "r", awaitStatus(t, service, id, runs.Completed).By.Responses[0].ID)
}

// What is canceled is canceled at the provider too, whether somebody works on it or it waits for another process.
func TestCancelReachesTheProvider(t *testing.T) {
	for _, of := range []string{"a", "f"} {
		t.Run(of, func(t *testing.T) {
			s := storetest.Open(t, storetest.Default(t))
			w := newWorker(t)
			entries := entriesOf(t, w, nil)
			service := process(t, s, entries)
			id := enqueue(t, service, entries.Get(of))
			awaitResponse(t, service, id)
			require.NoError(t, service.Cancel(t.Context(), id))
			awaitStatus(t, service, id, runs.Canceled)
			require.Eventually(t, func() bool { _, _, canceled := w.seen(); return len(canceled) == 1 }, 10*time.Second, time.Millisecond)

			id = enqueue(t, service, entries.Get(of))
			awaitResponse(t, service, id)
			die(t, s, id)
			require.NoError(t, service.Reconcile(t.Context()))
			require.NoError(t, service.Cancel(t.Context(), id))
			require.NoError(t, service.RecoverFrom(t.Context(), "ins_dead", func(store.Tx) error { return nil }))
			awaitStatus(t, service, id, runs.Canceled)
			require.Eventually(t, func() bool {
				_, _, canceled := w.seen()
				return len(canceled) == 2 && canceled[1] == "resp_2"
			}, 10*time.Second, time.Millisecond)
		})
	}
}

// An agent that runs out of its time does not leave the provider working.
func TestATimeoutCancelsAtTheProvider(t *testing.T) {
	s := storetest.Open(t, storetest.Default(t))
	w := newWorker(t)
	entries := entriesOf(t, w, nil)
	entry := *entries.Get("a")
	entry.Timeout = 300 * time.Millisecond
	service := newQueued(t, s, &entry)
	run := awaitStatus(t, service, enqueue(t, service, &entry), runs.Failed)
	require.Equal(t, "agent_timeout", run.Error.Code)
	_, _, canceled := w.seen()
	require.Equal(t, []string{"resp_1"}, canceled)
}

// Nothing is stored at the provider for a run that nobody would pick up, for one that says so, and by a server that cannot.
func TestWhatIsNotAskedInTheBackground(t *testing.T) {
	no := false
	for name, test := range map[string]struct {
		change func(*agents.Agent)
		asked  int
	}{
		"is not retried":    {func(a *agents.Agent) { a.RetryOnCrash = &no }, 1},
		"is turned off":     {func(a *agents.Agent) { a.Params = agents.Object{"background": false} }, 1},
		"is not stored":     {func(a *agents.Agent) { a.Params = agents.Object{"store": false} }, 1},
		"the server cannot": {func(*agents.Agent) {}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := storetest.Open(t, storetest.Default(t))
			w := newWorker(t)
			w.refuses, w.done = name == "the server cannot", true
			entries := entriesOf(t, w, test.change)
			service := process(t, s, entries)
			awaitStatus(t, service, enqueue(t, service, entries.Get("a")), runs.Completed)
			require.Len(t, w.asked, test.asked)
			last := w.asked[test.asked-1]
			require.NotContains(t, last, `"background":true`)
			require.Contains(t, last, `"store":false`)
		})
	}
}
