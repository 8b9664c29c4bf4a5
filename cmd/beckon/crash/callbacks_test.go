package crash_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/freeport"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// unsteady is a receiver that fails now and then, and that is restarted.
type unsteady struct {
	t       testing.TB
	address string
	server  *http.Server

	mu       sync.Mutex
	arrivals map[string][]time.Time // by event
	accepted map[string]time.Time   // the first time that it was answered with a 2xx
	runs     map[string]bool        // whose end it has accepted
	bad      int                    // posts whose signature did not verify
}

func newUnsteady(t testing.TB) *unsteady {
	u := &unsteady{t: t, arrivals: map[string][]time.Time{}, accepted: map[string]time.Time{}, runs: map[string]bool{}}
	var err error
	u.address, err = freeport.Address() // nobody gets it while the receiver is away
	require.NoError(t, err)
	l, err := net.Listen("tcp", u.address)
	require.NoError(t, err)
	u.serve(l)
	t.Cleanup(func() { _ = u.server.Close() })
	return u
}

// mostFailures bounds how often the receivers fail one event: by chance alone, one in thousands would be tried for minutes.
const mostFailures = 3

func (u *unsteady) serve(l net.Listener) {
	verifier, err := webhooks.NewWebhook(clients.CallbackSecret(clients.HashOf(plantToken)).Reveal())
	require.NoError(u.t, err)
	u.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body json.RawMessage
		var payload struct{ Type, RunID string }
		if json.NewDecoder(r.Body).Decode(&body) != nil || json.Unmarshal(body, &payload) != nil {
			return
		}
		id, now := r.Header.Get("webhook-id"), time.Now()
		u.mu.Lock()
		defer u.mu.Unlock()
		fails := rand.IntN(5) == 0 && len(u.arrivals[id]) < mostFailures
		if verifier.Verify(body, r.Header) != nil {
			u.bad++
		}
		u.arrivals[id] = append(u.arrivals[id], now)
		if fails {
			w.WriteHeader(500)
			return
		}
		if _, again := u.accepted[id]; !again {
			u.accepted[id] = now
		}
		if payload.Type == "run.completed" {
			u.runs[payload.RunID] = true
		}
	})}
	go func() { _ = u.server.Serve(l) }()
}

// restart breaks all connections and is away for a moment.
func (u *unsteady) restart() {
	_ = u.server.Close()
	time.Sleep(500 * time.Millisecond) // what comes meanwhile is refused
	l, err := net.Listen("tcp", u.address)
	require.NoError(u.t, err)
	u.serve(l)
}

func (u *unsteady) got() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.runs)
}

// Ten thousand runs with a callback each, a receiver that fails one time in five and is restarted twice, a gateway that is
// killed three times: every event arrives, and none again once the gateway has it on record that it was accepted.
func TestCallbacksOfAKilledGateway(t *testing.T) {
	const runs, callers = 10_000, 32
	url := storetest.SQLite(t)
	p := newPlant(t, url)
	u := newUnsteady(t)
	var current sync.Map // the process to call
	current.Store(0, p.start())
	ids := make([]string, runs)
	next := make(chan int)
	var calling sync.WaitGroup
	for range callers {
		calling.Go(func() {
			for i := range next {
				body := fmt.Sprintf(`{"agent":"echo","prompt":"%d","webhook":{"url":"http://%s/hook","events":["run.completed"],"retry":"fast"}}`, i, u.address)
				require.Eventually(t, func() bool { // a caller who gets no answer asks again, under the same key
					g, _ := current.Load(0)
					status, answer := g.(*process).call("POST", "/api/v1/runs", body, fmt.Sprintf("Idempotency-Key: \"run-%d\"", i))
					if status == 202 {
						ids[i] = answer["runId"].(string)
					}
					return status == 202
				}, patience, 20*time.Millisecond)
			}
		})
	}
	for i := range runs {
		next <- i
		switch i {
		case runs / 5, 2 * runs / 5, 4 * runs / 5:
			g, _ := current.Load(0)
			g.(*process).kill()
			current.Store(0, p.start())
		case runs / 3, 2 * runs / 3:
			u.restart()
		}
	}
	close(next)
	calling.Wait()
	require.Eventually(t, func() bool { return u.got() == runs }, 3*time.Minute, 100*time.Millisecond, "%d of %d", &lateCount{u.got}, runs)
	s, err := store.Open(t.Context(), url, store.Options{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer s.Close()
	require.Eventually(t, func() bool { // it was accepted a moment before the gateway has that on record
		open, _, err := store.Row[int](s.Read(t.Context()), "SELECT COUNT(*) FROM deliveries WHERE status <> 'DELIVERED'")
		return err == nil && open == 0
	}, patience, 50*time.Millisecond)
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range ids {
		require.True(t, u.runs[id], "the end of run %s was never told", id)
	}
	require.Zero(t, u.bad)
	g, _ := current.Load(0)
	g.(*process).kill()
	u.requireRecord(s)
}

// requireRecord compares what the gateway has on record with what arrived.
func (u *unsteady) requireRecord(s *store.Store) {
	type attempt struct {
		EventID, Status       string
		Number                int
		StatusCode            *int
		StartedAt, DurationUs int64
	}
	rows := storetest.Rows[attempt](u.t, s, "SELECT d.event_id, d.status, a.number, a.status_code, a.started_at, a.duration_us FROM deliveries d JOIN attempts a ON a.delivery_id = d.id ORDER BY d.id, a.number")
	acknowledged := map[string]time.Time{} // when the gateway knew
	attempts, twice := 0, 0
	for _, w := range rows {
		attempts++
		_, done := acknowledged[w.EventID]
		require.False(u.t, done, "event %s was sent again behind an acceptance on record", w.EventID)
		if w.StatusCode != nil && *w.StatusCode < 300 {
			require.Equal(u.t, "DELIVERED", w.Status)
			acknowledged[w.EventID] = time.UnixMilli(w.StartedAt).Add(time.Duration(w.DurationUs)*time.Microsecond + time.Second)
		}
	}
	arrivals := 0
	for id, at := range u.arrivals {
		arrivals += len(at)
		if len(at) > 1 {
			twice++
		}
		known, ok := acknowledged[id]
		require.True(u.t, ok || u.accepted[id].IsZero() || !strings.HasPrefix(id, "evt_"), "event %s was accepted, and nothing of it is on record", id)
		require.False(u.t, ok && at[len(at)-1].After(known), "event %s came again after its acceptance was on record", id)
	}
	u.t.Logf("%d events, %d posts arrived, %d attempts on record, %d events came more than once", len(u.arrivals), arrivals, attempts, twice)
}

// lateCount prints a number as it is when it is asked for.
type lateCount struct{ count func() int }

func (l *lateCount) String() string { return fmt.Sprint(l.count()) }

// Two replicas share the work: no attempt is made twice at the same time, and when one of them is killed the other sends
// what it had claimed.
func TestReplicasDeliverOnce(t *testing.T) {
	t.Parallel()
	p := newPlant(t, storetest.Postgres(t))
	var (
		mu        sync.Mutex
		going     = map[string]bool{}
		failed    = map[string]int{}
		together  int
		completed = map[string]int{} // by run
	)
	gate := make(chan struct{}) // what comes before it is open is held
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var payload struct{ RunID string }
		if json.NewDecoder(r.Body).Decode(&payload) != nil {
			return
		}
		id := r.Header.Get("webhook-id")
		mu.Lock()
		if going[id] {
			together++
		}
		going[id] = true
		mu.Unlock()
		defer func() {
			mu.Lock()
			delete(going, id)
			mu.Unlock()
		}()
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if rand.IntN(5) == 0 && failed[id] < mostFailures {
			failed[id]++
			w.WriteHeader(500)
			return
		}
		completed[payload.RunID]++
	}))
	t.Cleanup(func() {
		receiver.CloseClientConnections()
		receiver.Close()
	})
	one, two := p.start(), p.start()
	body := fmt.Sprintf(`{"agent":"echo","prompt":"x","webhook":{"url":%q,"events":["run.completed"],"retry":"fast"}}`, receiver.URL)
	const runs = 200
	ids := make(map[string]bool, runs)
	for i := range runs {
		status, answer := []*process{one, two}[i%2].call("POST", "/api/v1/runs", body)
		require.Equal(t, 202, status)
		ids[answer["runId"].(string)] = true
	}
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(going) >= 3 }, patience, 10*time.Millisecond)
	one.kill() // while the receiver has its requests in hand
	close(gate)
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(completed) == runs }, patience, 50*time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	require.Zero(t, together)
	for id := range completed {
		require.True(t, ids[id])
	}
}
