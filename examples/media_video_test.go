package examples_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/examples/internal/exampletest"
)

const film = "\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + "the film itself"

// studio is a job API with the requests of OpenAI's videos. Its jobs go on until they are told how they end.
type studio struct {
	*httptest.Server
	mu        sync.Mutex
	submitted []map[string]any // what jobs were asked for
	state     string           // of the jobs: in_progress, completed or failed
	progress  int
	polled    int
	canceled  []string
	wrongKeys int
}

// newStudio also makes it the API of the example.
func newStudio(t *testing.T) *studio {
	s := &studio{state: "in_progress"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/videos", func(w http.ResponseWriter, r *http.Request) {
		var job map[string]any
		body, _ := io.ReadAll(r.Body)
		if json.Unmarshal(body, &job) != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		s.submitted = append(s.submitted, job)
		_, _ = fmt.Fprintf(w, `{"id":"video_%d","object":"video","status":"queued","progress":0}`, len(s.submitted))
	})
	mux.HandleFunc("GET /v1/videos/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.polled++
		_, _ = fmt.Fprintf(w, `{"id":%q,"object":"video","status":%q,"progress":%d}`, r.PathValue("id"), s.state, s.progress)
	})
	mux.HandleFunc("GET /v1/videos/{id}/content", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, film) })
	mux.HandleFunc("DELETE /v1/videos/{id}", func(w http.ResponseWriter, r *http.Request) { s.canceled = append(s.canceled, r.PathValue("id")) })
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer sk-test" {
			s.wrongKeys++
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	t.Setenv("MEDIA_API", s.URL)
	t.Setenv("OPENAI_API_KEY", "sk-test")
	return s
}

func (s *studio) becomes(state string, progress int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.progress = state, progress
}

// polls waits until the gateway has asked for jobs so many more times.
func (s *studio) polls(t *testing.T, times int) {
	t.Helper()
	count := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.polled
	}
	before := count()
	require.Eventually(t, func() bool { return count() >= before+times }, exampletest.Patience, 20*time.Millisecond)
}

// jobs returns what was submitted, and which jobs were canceled. Every request so far had the key.
func (s *studio) jobs(t *testing.T) (submitted []map[string]any, canceled []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Zero(t, s.wrongKeys)
	return slices.Clone(s.submitted), slices.Clone(s.canceled)
}

// openMediaWithStudio returns the example on an API that is asked more often than the page says.
func openMediaWithStudio(t *testing.T) (*mediaExample, *studio) {
	s := newStudio(t)
	return openMedia(t, "every: 5s", "every: 100ms"), s
}

// A video is submitted, polled with its progress, and fetched; failed and canceled ones have their events, too.
func TestAMediaVideo(t *testing.T) {
	e, s := openMediaWithStudio(t)
	e.Start("gateway")
	receiver := e.Start("receiver")

	run := accepted(t, e.Run("video"))
	s.polls(t, 1)
	s.becomes("in_progress", 40)
	progress := receiver.Events(1, func(e exampletest.Event) bool {
		_, payload := mediaEvent(e)
		return payload["progress"] == 40.0
	})[0]
	require.Equal(t, map[string]any{"type": "video.progress", "payload": map[string]any{"id": run, "status": "rendering", "progress": 40.0}}, progress["event"])
	requireVendor(t, progress, "Studio", "video.progress")
	s.becomes("completed", 100)
	found := mediaEvents(t, receiver, run, "video.completed")
	requireStage(t, found, "video.created", run, "queued")
	requireStage(t, found, "video.started", run, "rendering")
	links := e.requireDownloads(found["video.completed"], run, film)
	answer, _ := send(t, http.MethodGet, links[0], "Range: bytes=0-7")
	require.Equal(t, http.StatusPartialContent, answer.StatusCode)
	require.Equal(t, "video/mp4", answer.Header.Get("Content-Type"))
	submitted, _ := s.jobs(t)
	require.Equal(t, []map[string]any{{"model": "sora-2", "prompt": "The lighthouse in a storm", "seconds": "8"}}, submitted)

	s.becomes("failed", 0)
	run = accepted(t, e.Run("video", `"seconds": "8", `, ""))
	requireStage(t, mediaEvents(t, receiver, run, "video.errored"), "video.errored", run, "error")
	submitted, _ = s.jobs(t)
	require.Equal(t, "4", submitted[1]["seconds"], "unless told otherwise")

	s.becomes("in_progress", 0)
	run = accepted(t, e.Run("video"))
	s.polls(t, 1)
	answer, body := send(t, http.MethodPost, e.URL()+"/v1/runs/"+run+"/cancel", "Authorization: Bearer "+e.token)
	require.Equal(t, http.StatusAccepted, answer.StatusCode, body)
	requireStage(t, mediaEvents(t, receiver, run, "video.canceled"), "video.canceled", run, "canceled")
	require.Eventually(t, func() bool {
		_, canceled := s.jobs(t)
		return len(canceled) > 0
	}, exampletest.Patience, 20*time.Millisecond)
	_, canceled := s.jobs(t)
	require.Equal(t, []string{"video_3"}, canceled)
}

// A gateway that is killed while it polls a job polls the same job after its next start, submits no second one, and sends the events.
func TestAMediaVideoOutlivesItsGateway(t *testing.T) {
	e, s := openMediaWithStudio(t)
	receiver := e.Start("receiver")
	gateway := e.Start("gateway")
	run := accepted(t, e.Run("video"))
	for range 2 { // whatever the job's state when the power is cut
		s.polls(t, 2)
		gateway.Kill()
		gateway = e.Start("gateway")
	}
	s.polls(t, 1)
	s.becomes("completed", 100)
	found := mediaEvents(t, receiver, run, "video.completed")
	e.requireDownloads(found["video.completed"], run, film)
	submitted, canceled := s.jobs(t)
	require.Len(t, submitted, 1, "it was submitted once")
	require.Empty(t, canceled)
	require.Equal(t, "COMPLETED", e.read(run)["status"])
}
