package main

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"beckon/agents"
	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/config"
	"beckon/internal/egress"
	"beckon/internal/jobs"
	"beckon/internal/memory"
	"beckon/internal/secret"
	"beckon/runs"
)

// claimers is how many jobs of the queue are taken up at the same time. Each is there for up to 64 runs, or
// deliveries, and over as soon as they have begun.
const claimers = 16

// services are what works on after a call has been answered.
type services struct {
	runs       *runs.Service
	deliveries *deliveries.Service
	out        *egress.Webhooks
}

// newServices wires runs, deliveries and their queue together. Nothing is worked on before start.
func newServices(ctx context.Context, db *database, l *live, c *config.Config, budget *memory.Budget) (*services, *jobs.Queue, error) {
	log := events.NewLog(db.store)
	s := &services{}
	s.runs = runs.New(runs.Config{Store: db.store, Events: log, Log: l.log, Metrics: l.metrics, Memory: budget, Entry: l.entry, Limit: l.limit,
		Inherit:       func(ctx context.Context, alive []string) error { return s.deliveries.Inherit(ctx, alive) },
		MaxConcurrent: int64(c.Server.MaxConcurrent), MaxQueued: int64(c.Server.MaxQueued)})
	guard := egress.NewGuard(l.networks)
	s.out = egress.NewWebhooks(guard)
	s.deliveries = deliveries.New(deliveries.Config{Store: db.store, Events: log, Instance: s.runs.Instance(), Log: l.log, Metrics: l.metrics, Out: s.out,
		Sealer: db.sealer, Version: version, Source: c.Server.PublicURL, Secrets: l.callbackSecrets, CheckURL: guard.CheckURL, EventNames: l.eventNames})
	queue, err := jobs.New(ctx, jobs.Config{Store: db.store, Instance: s.runs.Instance(), Log: l.log, Kinds: map[string]jobs.Kind{
		runs.JobKind:       {Handle: s.runs.Work, Workers: claimers},
		deliveries.JobKind: {Handle: s.deliveries.Work, Workers: claimers},
	}})
	if err != nil {
		return nil, nil, err
	}
	s.runs.Queue, s.deliveries.Queue = queue, queue
	log.Outlet = s.deliveries
	l.use = s.deliveries.Use
	return s, queue, nil
}

// start looks after what the last process has left, and begins to work on what waits.
func (s *services) start(ctx context.Context, l *live, queue *jobs.Queue) error {
	if err := s.runs.Keep(ctx, retention(&l.keepRuns)); err != nil {
		return err
	}
	s.deliveries.Keep(ctx, retention(&l.keepDeliveries))
	return queue.Start(ctx)
}

// drainTime is what attempts under way get to end. Those at receivers who take longer are made again after the next start:
// they are not worth as much waiting as runs.
const drainTime = 5 * time.Second

// drain ends the attempts under way.
func (s *services) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	s.deliveries.Drain(ctx)
}

// rest ends what start has begun. It comes last: until then this process must be seen to live.
func (s *services) rest() {
	s.deliveries.Rest()
	s.runs.Rest()
	s.out.Close()
}

// entry finds what a run that waited is to be worked on by.
func (l *live) entry(id string) *agents.Entry {
	if c := l.current.Load(); c != nil {
		return c.Agents.Get(id)
	}
	return nil
}

// limit says how many runs a client may have at the same time, and counts one.
func (l *live) limit(clientID string) (most int, enter func() (leave func())) {
	client := l.catalog().Clients.Get(clientID)
	if client == nil {
		return 0, func() func() { return func() {} }
	}
	return client.MaxConcurrent, func() func() {
		client.Enter()
		return client.Leave
	}
}

// callbackSecrets are what sign the callbacks of a client.
func (l *live) callbackSecrets(clientID string) []secret.String {
	if client := l.catalog().Clients.Get(clientID); client != nil {
		return client.CallbackSecrets()
	}
	return nil
}

// eventNames are what agents and flows call their events.
func (l *live) eventNames() []string { return l.catalog().Agents.EventNames() }

// networks are the private ones that events may go to.
func (l *live) networks() []netip.Prefix {
	if list := l.mayGoTo.Load(); list != nil {
		return *list
	}
	return nil
}

// retention is how long what has ended is kept, as it is configured now.
func retention(nanoseconds *atomic.Int64) func() time.Duration {
	return func() time.Duration { return time.Duration(nanoseconds.Load()) }
}
