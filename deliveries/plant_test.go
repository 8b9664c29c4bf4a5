package deliveries_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/egress"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/telemetry"
	"beckon/internal/units"
	"beckon/internal/work"
)

const (
	patience   = 20 * time.Second
	testSecret = secret.String("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
)

// clock is a time that a test can move.
type clock struct {
	mu  sync.Mutex
	add time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.add)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add += d
}

// plant is a process that delivers.
type plant struct {
	*deliveries.Service
	t     testing.TB
	log   *events.Log
	store *store.Store
	clock *clock

	mu     sync.Mutex
	origin []byte // of all runs
	page   string // for recipients, of all runs
}

// hasPage has all runs get this page for recipients.
func (p *plant) hasPage(link string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.page = link
}

// comesFrom has the calls of all runs told of this.
func (p *plant) comesFrom(origin string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.origin = []byte(origin)
}

func newPlant(t testing.TB, s *store.Store, endpoints ...deliveries.Endpoint) *plant {
	p := &plant{t: t, store: s, clock: &clock{}}
	silent := slog.New(slog.DiscardHandler)
	guard := egress.NewGuard(func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	out, instance := egress.NewWebhooks(guard), work.New(s, silent)
	p.Service = deliveries.New(deliveries.Config{Store: s, Work: instance, Log: silent, Metrics: telemetry.NewMetrics("test"), Out: out,
		Sealer:  secret.NewSealer(func() (secret.String, error) { return "key", nil }),
		Version: "test", Source: "https://beckon.example.com", CheckURL: guard.CheckURL, EventNames: func() []string { return []string{"lead.failed", "lead.won"} },
		EventType: func(name string) string { return map[string]string{"lead.failed": "run.failed"}[name] },
		Secrets: func(clientID string) []secret.String {
			if clientID == "gone" {
				return nil
			}
			return []secret.String{testSecret}
		}, Now: p.clock.Now, Origin: func(context.Context, string, string) ([]byte, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.origin, nil
		}, ShareLink: func(context.Context, string) (string, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.page, nil
		}})
	p.log = events.NewLog(events.Config{Store: s, Outlet: p.Service})
	require.NoError(t, p.Use(t.Context(), endpoints))
	require.NoError(t, instance.Start(t.Context()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		p.Drain(ctx)
		instance.Stop()
		out.Close()
	})
	return p
}

// happens commits an event and returns its id.
func (p *plant) happens(about events.Subject, kind string, more ...func(*events.Event)) string {
	run := "run_" + ulid.Make().String()
	e := events.Event{ID: events.FirstID(run, time.Now()), RunID: run, Type: kind,
		Payload: []byte(`{"success":true,"type":"` + kind + `","runId":"` + run + `","workflowId":"` + about.WorkflowID + `","data":{"status":"COMPLETED","completedNodes":1,"failedNodes":0,"output":"hi"},"metadata":{"from":"run"},"error":null,"createdAt":"2026-02-18T12:00:00.000Z"}`)}
	for _, change := range more {
		change(&e)
	}
	require.NoError(p.t, p.store.Write(context.Background(), func(tx store.Tx) error { return p.log.Append(tx, about, []events.Event{e}) }))
	return e.ID
}

func named(name string) func(*events.Event) { return func(e *events.Event) { e.Name = name } }

var ofTriage = events.Subject{ClientID: "ci", WorkflowID: "triage"}

// all returns the deliveries of an event, the first first.
func (p *plant) all(q deliveries.Query) []*deliveries.Delivery {
	q.Limit = 200
	list, _, err := p.List(context.Background(), q)
	require.NoError(p.t, err)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// settled waits until all deliveries to an endpoint have a status, and returns them.
func (p *plant) settled(endpointID string, want deliveries.Status, n int) (list []*deliveries.Delivery) {
	require.Eventually(p.t, func() bool {
		if p.clock.Now().After(time.Now().Add(time.Minute)) {
			p.Look() // the timers have another clock
		}
		list = p.all(deliveries.Query{EndpointID: endpointID, Status: want})
		return len(list) == n
	}, patience, 5*time.Millisecond, "%s: %v", endpointID, list)
	return list
}

func (p *plant) attempts(id string) []deliveries.Attempt {
	_, attempts, err := p.Get(context.Background(), id)
	require.NoError(p.t, err)
	return attempts
}

// post is a request that a receiver got.
type post struct {
	at     time.Time
	path   string
	header http.Header
	body   string
}

// receiver is a server that keeps what it gets and answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	posts  []post
	answer http.HandlerFunc
}

// newReceiver answers 204 where answer is nil.
func newReceiver(t testing.TB, answer http.HandlerFunc) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		request.Body = io.NopCloser(bytes.NewReader(body))
		r.mu.Lock()
		r.posts = append(r.posts, post{time.Now(), request.URL.Path, request.Header.Clone(), string(body)})
		answer := r.answer
		r.mu.Unlock()
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(w, request)
	}))
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *receiver) change(answer http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) got() []post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]post(nil), r.posts...)
}

// gets waits for n posts and returns them.
func (r *receiver) gets(t testing.TB, n int) []post {
	require.Eventually(t, func() bool { return len(r.got()) >= n }, patience, 2*time.Millisecond, "got %d of %d", len(r.got()), n)
	return r.got()
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func waits(list ...time.Duration) (r deliveries.Retry) {
	for _, d := range list {
		r.Waits = append(r.Waits, units.Duration(d))
	}
	return r
}

func endpoint(id string, r *receiver, more ...func(*deliveries.Endpoint)) deliveries.Endpoint {
	e := deliveries.Endpoint{ID: id, URL: r.URL + "/" + id, Secret: testSecret}
	for _, change := range more {
		change(&e)
	}
	return e
}

func callback(url string, more string) events.Subject {
	s := ofTriage
	s.Callback = fmt.Appendf(nil, `{"url":%q%s}`, url, more)
	return s
}
