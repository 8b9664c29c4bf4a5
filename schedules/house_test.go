package schedules_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
	"beckon/internal/work"
	"beckon/runs"
	"beckon/schedules"
)

// clock is a time that stands still until a test moves it.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

func (c *clock) advance(d time.Duration) { c.set(c.Now().Add(d)) }

// house is a database with the clients of a test. Gateways are opened on it.
type house struct {
	t      *testing.T
	store  *store.Store
	clock  *clock
	limits *clients.Limits
	set    *clients.Set
}

// monday is a moment in the winter of Berlin: 07:30 there.
var monday = time.Date(2026, 11, 30, 6, 30, 0, 0, time.UTC)

func newHouse(t *testing.T, s *store.Store, list ...clients.Client) *house {
	h := &house{t: t, store: s, clock: &clock{at: monday}, limits: clients.NewLimits()}
	h.use(list...)
	return h
}

// use puts clients in force.
func (h *house) use(list ...clients.Client) {
	var declared []clients.Declared
	for _, c := range list {
		c.AllowedAgents = []string{"a"}
		if !c.Passthrough && c.Prompt == "" {
			c.Prompt = "work"
		}
		declared = append(declared, clients.Declared{Client: c})
	}
	set, findings := clients.NewSet(declared, h.limits)
	require.Empty(h.t, findings)
	h.set = set
}

// gateway is one of those that work on the database.
type gateway struct {
	*schedules.Service
	house *house
}

// open opens a gateway; each look of a test is one second's.
func (h *house) open(change ...func(*schedules.Config)) *gateway {
	silent := slog.New(slog.DiscardHandler)
	instance := work.New(h.store, silent)
	sender := deliveries.New(deliveries.Config{Store: h.store, Work: instance, Log: silent, Metrics: telemetry.NewMetrics("test"),
		Sealer: secret.NewSealer(func() (secret.String, error) { return "key", nil }), Now: h.clock.Now,
		EventNames: func() []string { return nil }, CheckURL: func(string) error { return nil }})
	require.NoError(h.t, sender.Use(h.t.Context(), []deliveries.Endpoint{
		{ID: "ops", URL: "https://ops.example.com", Events: []string{events.ClientSilent}, Agents: []string{"a"}},
		{ID: "others", URL: "https://others.example.com", Events: []string{events.ClientSilent}, Clients: []string{"another"}},
		{ID: "usual", URL: "https://usual.example.com"}}))
	service := runs.New(runs.Config{Store: h.store, Outlet: sender, Log: silent, Metrics: telemetry.NewMetrics("test")})
	h.t.Cleanup(func() { service.Drain(context.Background()) })
	c := schedules.Config{Store: h.store, Work: instance, Log: silent, Clients: func() *clients.Set { return h.set }, Now: h.clock.Now,
		Run: func(_ context.Context, id string) (runs.Request, error) {
			return runs.Request{ClientID: id, Source: runs.SourceSchedule, Input: "work", Entry: &agents.Entry{ID: "a"}}, nil
		},
		Enqueue: service.Enqueue, Tell: sender.Tell}
	for _, f := range change {
		f(&c)
	}
	return &gateway{schedules.New(c), h}
}

func (g *gateway) look() {
	g.house.t.Helper()
	require.NoError(g.house.t, schedules.Look(g.Service, g.house.t.Context()))
}

// lookAt moves the clock first.
func (g *gateway) lookAt(at time.Time) {
	g.house.t.Helper()
	g.house.clock.set(at)
	g.look()
}

func (g *gateway) state(id string) schedules.State {
	states, err := g.States(g.house.t.Context(), []string{id})
	require.NoError(g.house.t, err)
	return states[id]
}

// runs counts the runs of a client.
func (h *house) runs(id string) int {
	return storetest.Row[int](h.t, h.store, "SELECT COUNT(*) FROM runs WHERE client_id = ? AND source = 'schedule' AND status = 'QUEUED'", id)
}

// told are the payloads of client.silent.
func (h *house) told() []string {
	return storetest.Rows[string](h.t, h.store, "SELECT payload FROM deliveries WHERE type = 'client.silent' ORDER BY id")
}

func each(t *testing.T, fn func(t *testing.T, s *store.Store)) { storetest.EachStore(t, fn) }

var errKilled = errors.New("killed")
