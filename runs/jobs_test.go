package runs_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/flow"
	"beckon/agents/job"
	"beckon/events"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/units"
	"beckon/runs"
)

// studio is a job API that works on films until it is told to end.
type studio struct {
	mu       sync.Mutex
	begun    int
	polled   int
	canceled []string
	done     bool
}

// RoundTrip implements http.RoundTripper, so that nothing but runs costs goroutines.
func (s *studio) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := httptest.NewRecorder()
	id := strings.TrimPrefix(r.URL.Path, "/films/")
	switch r.Method {
	case http.MethodPost:
		s.begun++
		_, _ = fmt.Fprintf(out, `{"id":"film_%d"}`, s.begun)
	case http.MethodDelete:
		s.canceled = append(s.canceled, id)
	default:
		s.polled++
		status := "rendering"
		if s.done {
			status = "done"
		}
		_, _ = fmt.Fprintf(out, `{"status":%q,"text":"by %s","percent":%d}`, status, id, min(s.polled*20, 80))
	}
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	return out.Result(), nil
}

func (s *studio) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
}

func (s *studio) seen() (begun, polled int, canceled []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun, s.polled, s.canceled
}

// filmsOf are an agent of kind http and a flow of it, as a process of its own has them.
func filmsOf(t *testing.T, s *studio, every time.Duration) *agents.Set {
	how := agents.Factories{Flow: flow.New(), HTTP: job.New(s, nil, slog.New(slog.DiscardHandler))}
	a := agents.Agent{ID: "a", Kind: agents.KindHTTP, Request: &agents.Request{URL: "https://studio.example.com/films", Body: "{}", Headers: map[string]secret.String{"Authorization": "Bearer k"}},
		Poll:   &agents.Poll{URL: "https://studio.example.com/films/{{ .answer.id }}", Until: `answer.status == "done"`, Every: units.Duration(every), Progress: "answer.percent"},
		Cancel: &agents.Cancel{Method: "DELETE", URL: "https://studio.example.com/films/{{ .answer.id }}"}, Output: &agents.Output{Text: "answer.text"},
		Events: map[string]string{"node.progress": "film.progress"}}
	set, found := agents.NewSet(how, nil, []agents.Agent{a}, []agents.Flow{{ID: "f", Root: agents.Step{Type: agents.StepAgent, AgentID: "a"}}})
	require.Empty(t, found)
	return set
}

// A run whose process is killed while a job goes on asks for the same job in the next one.
func TestACrashBeginsNoSecondJob(t *testing.T) {
	for _, of := range []string{"a", "f"} {
		t.Run(of, func(t *testing.T) {
			s, films := storetest.Open(t, storetest.Default(t)), &studio{}
			entries := filmsOf(t, films, time.Minute)
			first := process(t, s, entries)
			id := enqueue(t, first, entries.Get(of))
			awaitResponse(t, first, id)
			die(t, s, id)
			require.NoError(t, first.Reconcile(t.Context()))
			films.end()
			second := process(t, s, filmsOf(t, films, time.Minute))
			require.NoError(t, second.RecoverFrom(t.Context(), "ins_dead", func(store.Tx) error { return nil }))
			require.Equal(t, "by film_1", awaitStatus(t, second, id, runs.Completed).Output)
			begun, polled, canceled := films.seen()
			require.Equal(t, 1, begun)
			require.Equal(t, 1, polled)
			require.Empty(t, canceled)
		})
	}
}

func TestAShutdownBeginsNoSecondJob(t *testing.T) {
	s, films := storetest.Open(t, storetest.Default(t)), &studio{}
	entries := filmsOf(t, films, time.Minute)
	first := process(t, s, entries)
	id := enqueue(t, first, entries.Get("a"))
	awaitResponse(t, first, id)
	stop(t, first)
	films.end()
	require.Equal(t, "by film_1", awaitStatus(t, process(t, s, entries), id, runs.Completed).Output)
	begun, _, canceled := films.seen()
	require.Equal(t, 1, begun)
	require.Empty(t, canceled)
}

// A job is stopped with its run, at once, although nobody would have asked for it for a minute.
func TestCancelReachesTheJob(t *testing.T) {
	for _, of := range []string{"a", "f"} {
		t.Run(of, func(t *testing.T) {
			films := &studio{}
			entries := filmsOf(t, films, time.Minute)
			service := process(t, storetest.Open(t, storetest.Default(t)), entries)
			a := start(t, service, runs.Request{ClientID: "c", Entry: entries.Get(of), Source: "api", Input: "in"})
			awaitResponse(t, service, a.ID)
			a.Cancel()
			awaitStatus(t, service, a.ID, runs.Canceled)
			_, _, canceled := films.seen()
			require.Equal(t, []string{"film_1"}, canceled)
		})
	}
}

func TestProgressOfAJob(t *testing.T) {
	for _, of := range []string{"a", "f"} {
		t.Run(of, func(t *testing.T) {
			films := &studio{}
			entries := filmsOf(t, films, 100*time.Millisecond)
			service := process(t, storetest.Open(t, storetest.Default(t)), entries)
			id := enqueue(t, service, entries.Get(of))
			require.Eventually(t, func() bool { _, polled, _ := films.seen(); return polled >= 2 }, 10*time.Second, 5*time.Millisecond)
			films.end()
			awaitStatus(t, service, id, runs.Completed)
			var progress []events.Event
			list, err := service.Events.Read(t.Context(), id, "")
			require.NoError(t, err)
			for _, e := range list {
				if e.Type == events.NodeProgress {
					progress = append(progress, e)
				}
			}
			require.NotEmpty(t, progress)
			require.Contains(t, string(progress[0].Payload), `"data":{"nodeId":"a","nodeType":"a","status":"RUNNING","percent":20}`)
		})
	}
}

// Runs whose agents are parked cost no goroutine.
func TestJobsThatWaitCostNoGoroutines(t *testing.T) {
	const many = 1000
	films := &studio{}
	entries := filmsOf(t, films, time.Minute)
	service := process(t, storetest.Open(t, storetest.SQLite(t)), entries)
	before := runtime.NumGoroutine()
	list := make([]*runs.Active, many)
	for i := range list {
		list[i] = start(t, service, runs.Request{ClientID: "c", Entry: entries.Get("a"), Source: "api", Input: "in"})
	}
	require.Eventually(t, func() bool {
		begun, _, _ := films.seen()
		return begun == many && runtime.NumGoroutine() < before+50
	}, 60*time.Second, 10*time.Millisecond)
	t.Logf("%d runs wait: %d goroutines before, %d now", many, before, runtime.NumGoroutine())
	for _, a := range list {
		a.Cancel()
	}
	for _, a := range list {
		<-a.Done()
	}
	_, _, canceled := films.seen()
	require.Len(t, canceled, many)
}
