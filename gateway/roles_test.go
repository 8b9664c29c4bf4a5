package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

const rolesFile = `
server: {secretsKey: "cm9sZXNyb2xlc3JvbGVzcm9sZXNyb2xlc3JvbGVzMTI=", roles: [%s]}
egress: {allowPrivate: [127.0.0.1/32]}
flows: [{id: f, root: {type: sequential, steps: [{type: agent, agentId: a}, {type: agent, agentId: a}]}}]
endpoints: [{id: e, url: %q, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [run.completed]}]
`

// house is a PostgreSQL behind PgBouncer in transaction mode, and a receiver of events.
type house struct {
	t      *testing.T
	direct string
	pooled string
	told   chan string // the ids of the runs that have ended
	url    string      // of the receiver
}

func newHouse(t *testing.T) *house {
	direct := storetest.Postgres(t)
	h := &house{t: t, direct: direct, pooled: storetest.PgBouncer(t, direct), told: make(chan string, 1000)}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ RunID string }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		h.told <- event.RunID
	}))
	t.Cleanup(receiver.Close)
	h.url = receiver.URL
	return h
}

// start starts a gateway with some roles, or all. One client runs by itself, every second.
func (h *house) start(roles string) callers {
	file := strings.Replace(smallFile, "clients: [", `clients: [{id: tick, schedule: "@every 1s", prompt: "Tick.", allowedAgents: [a]}, `, 1)
	file = strings.Replace(file, "allowedAgents: [a]}]", "allowedAgents: [a, f]}]", 1)
	return callers{start(h.t, load(h.t, fmt.Sprintf(file+rolesFile, h.pooled, roles, h.url)))}
}

// accept makes a call, which is to be answered with status, and returns the id of its run.
func (h *house) accept(at callers, status int, body string, header ...string) string {
	h.t.Helper()
	response, text := at.post("ci", body, append(header, "Authorization: Bearer t0ken", "Content-Type: application/json")...)
	require.Equal(h.t, status, response.StatusCode, text)
	var answer struct{ RunID string }
	require.NoError(h.t, json.Unmarshal([]byte(text), &answer))
	return answer.RunID
}

func (h *house) count(statement string, args ...any) int {
	return storetest.Row[int](h.t, storetest.Open(h.t, h.direct), statement, args...)
}

func (h *house) awaitStatus(run, status string) {
	h.t.Helper()
	s := storetest.Open(h.t, h.direct)
	require.Eventually(h.t, func() bool {
		return storetest.Row[string](h.t, s, "SELECT status FROM runs WHERE id = ?", run) == status
	}, patience, 20*time.Millisecond)
}

// awaitTold waits until the end of a run has come to the receiver.
func (h *house) awaitTold(run string) {
	h.t.Helper()
	for {
		select {
		case id := <-h.told:
			if id == run {
				return
			}
		case <-time.After(patience):
			require.Fail(h.t, "the receiver was not told")
		}
	}
}

const (
	agentCall = `{"agent":"a","prompt":"hi"}`
	flowCall  = `{"agent":"f","prompt":"hi"}`
)

// A gateway that only takes calls leaves the queue, events and schedules to the others, one role each.
func TestRoles(t *testing.T) {
	h := newHouse(t)
	api := h.start("api")
	waited := h.accept(api, http.StatusOK, flowCall)
	queued := h.accept(api, http.StatusAccepted, agentCall, "Prefer: respond-async")
	require.Equal(t, 2, h.count("SELECT COUNT(*) FROM runs"), "no schedule has started a run")
	require.Equal(t, 1, h.count("SELECT COUNT(*) FROM deliveries WHERE status = 'PENDING' AND run_id = ?", waited))

	worker := h.start("worker")
	h.awaitStatus(queued, "COMPLETED")
	require.Empty(t, h.told)
	require.Zero(t, h.count("SELECT COUNT(*) FROM deliveries WHERE status <> 'PENDING'"), "both leave events to others")
	response, text := worker.post("ci", agentCall, "Authorization: Bearer t0ken")
	require.Equal(t, http.StatusNotFound, response.StatusCode)
	require.Contains(t, text, "not_an_api_gateway")
	for path, want := range map[string]int{"/readyz": 200, "/healthz": 200, "/metrics": 200, "/admin": 404, "/api/v1/runs": 404, "/": 404, "/nothing": 404} {
		response, err := worker.client.Get(worker.url + path)
		require.NoError(t, err)
		_ = response.Body.Close()
		require.Equal(t, want, response.StatusCode, path)
	}

	sender := h.start("deliveries")
	h.awaitTold(waited)
	h.awaitTold(h.accept(api, http.StatusAccepted, flowCall, "Prefer: respond-async"))
	require.Zero(t, h.count("SELECT COUNT(*) FROM runs WHERE source = 'schedule'"), "none of them starts schedules")

	h.start("schedules")
	s := storetest.Open(t, h.direct)
	require.Eventually(t, func() bool {
		return storetest.Row[int](t, s, "SELECT COUNT(*) FROM runs WHERE source = 'schedule' AND status = 'COMPLETED'") > 1
	}, patience, 20*time.Millisecond, "the one starts them, and the worker works on them")
	sender.end()
	worker.end()
	api.end()
}

// Two gateways with all roles share the work behind PgBouncer in transaction mode.
func TestGatewaysBehindPgBouncer(t *testing.T) {
	h := newHouse(t)
	one, two := h.start(""), h.start("")
	var ids []string
	for range 20 {
		for _, g := range []callers{one, two} {
			ids = append(ids, h.accept(g, http.StatusOK, agentCall), h.accept(g, http.StatusOK, flowCall),
				h.accept(g, http.StatusAccepted, agentCall, "Prefer: respond-async"), h.accept(g, http.StatusAccepted, flowCall, "Prefer: respond-async"))
		}
	}
	for _, id := range ids {
		h.awaitStatus(id, "COMPLETED")
	}
	told := map[string]int{}
	require.Eventually(t, func() bool {
		for len(h.told) > 0 {
			told[<-h.told]++
		}
		for _, id := range ids {
			if told[id] == 0 {
				return false
			}
		}
		return true
	}, patience, 20*time.Millisecond)
	for _, id := range ids {
		require.Equal(t, 1, told[id], "an end is sent once")
	}
	one.end()
	two.end()
	require.Zero(t, h.count("SELECT COUNT(*) FROM instances"), "both have taken themselves off the list")
}
