package crash_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// studio is a job API that works on films until it is told to end.
type studio struct {
	*httptest.Server
	mu        sync.Mutex
	submitted map[string]int // by Idempotency-Key
	polled    atomic.Int64
	done      atomic.Bool
}

func newStudio(t testing.TB) *studio {
	s := &studio{submitted: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /films", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.submitted[r.Header.Get("Idempotency-Key")]++
		_, _ = fmt.Fprintf(w, `{"id":"film-%d"}`, len(s.submitted))
	})
	mux.HandleFunc("GET /films/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.polled.Add(1)
		_, _ = fmt.Fprintf(w, `{"done":%t,"title":%q,"file":"/files/%s.txt"}`, s.done.Load(), r.PathValue("id"), r.PathValue("id"))
	})
	mux.HandleFunc("DELETE /films/{id}", func(http.ResponseWriter, *http.Request) { t.Errorf("a job was canceled that its run goes on with") })
	mux.HandleFunc("GET /files/", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "the film "+r.URL.Path) })
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *studio) submissions() (total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.submitted {
		total += n
	}
	return total
}

// addStudio gives a plant the agent film, and the flow screening that makes a film and has it announced.
func (p *plant) addStudio(s *studio) {
	text, err := os.ReadFile(p.config)
	require.NoError(p.t, err)
	agent := strings.ReplaceAll(`agents:
  - id: film
    kind: http
    request: {url: "HOST/films", headers: {Authorization: Bearer k}, body: '{"prompt": {{ json .prompt }}}'}
    poll: {url: "HOST/films/{{ .answer.id }}", until: answer.done, every: 100ms}
    cancel: {method: DELETE, url: "HOST/films/{{ .answer.id }}"}
    output: answer.title
    artifacts: answer.file
`, "HOST", s.URL)
	flow := "flows:\n  - id: screening\n    root: {type: sequential, steps: [{type: agent, agentId: film}, {type: agent, agentId: echo}]}\n"
	changed := strings.NewReplacer("agents:\n", agent, "flows:\n", flow, "allowedAgents: [", "allowedAgents: [film, screening, ").Replace(string(text))
	require.NoError(p.t, os.WriteFile(p.config, []byte(changed), 0o600))
}

// A gateway that is killed while an API works on a job asks for the same job when it is there again, and fetches its file.
func TestAJobOutlivesItsGateway(t *testing.T) {
	t.Parallel()
	for _, agent := range []string{"film", "screening"} {
		t.Run(agent, func(t *testing.T) {
			t.Parallel()
			p, s := newPlant(t, storetest.Default(t)), newStudio(t)
			p.addStudio(s)
			g := p.start()
			id := g.accept(agent, "a sunrise")
			require.NotEmpty(t, id)
			for range 2 { // whatever the job's state when the power is cut
				before := s.polled.Load()
				require.Eventually(t, func() bool { return s.polled.Load() > before+1 }, patience, 20*time.Millisecond)
				g.kill()
				g = p.start()
			}
			before := s.polled.Load()
			require.Eventually(t, func() bool { return s.polled.Load() > before }, patience, 20*time.Millisecond)
			s.done.Store(true)

			run := g.ended(id)
			require.Equal(t, "COMPLETED", run["status"], "%v", run)
			require.Contains(t, run["output"], "film-1")
			list := run["artifacts"].([]any)
			require.Len(t, list, 1)
			require.EqualValues(t, len("the film /files/film-1.txt"), list[0].(map[string]any)["bytes"])
			require.Equal(t, "film", list[0].(map[string]any)["nodeId"])
			require.Equal(t, 1, s.submissions(), "the job was begun once")
		})
	}
}
