package main

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"beckon/agents"
	"beckon/calls"
	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/config"
	"beckon/internal/egress"
	"beckon/internal/memory"
	"beckon/internal/secret"
	"beckon/internal/work"
	"beckon/runs"
)

// services are what works on after a call has been answered.
type services struct {
	instance   *work.Instance
	runs       *runs.Service
	deliveries *deliveries.Service
	out        *egress.Webhooks
}

// newServices wires runs and deliveries together. Nothing is worked on before start.
func newServices(db *database, l *live, c *config.Config, budget *memory.Budget) *services {
	log := events.NewLog(db.store)
	s := &services{instance: work.New(db.store, l.log)}
	s.runs = runs.New(runs.Config{Store: db.store, Events: log, Work: s.instance, Log: l.log, Metrics: l.metrics, Memory: budget, Entry: l.entry, Limit: l.limit,
		Retention: retention(&l.keepRuns), MaxConcurrent: int64(c.Server.MaxConcurrent), MaxQueued: int64(c.Server.MaxQueued)})
	guard := egress.NewGuard(l.networks)
	s.out = egress.NewWebhooks(guard)
	s.deliveries = deliveries.New(deliveries.Config{Store: db.store, Events: log, Work: s.instance, Retention: retention(&l.keepDeliveries), Log: l.log, Metrics: l.metrics, Out: s.out,
		Sealer: db.sealer, Version: version, Source: c.Server.PublicURL, Secrets: l.callbackSecrets, CheckURL: guard.CheckURL, EventNames: l.eventNames})
	log.Outlet = s.deliveries
	l.use, l.useTLS = s.deliveries.Use, s.out.UseTLS
	return s
}

// calls takes calls to runs of these services.
func (s *services) calls(l *live, maxBodyBytes int64, budget *memory.Budget) *calls.Service {
	return calls.New(calls.Config{Catalog: l.catalog, Runs: s.runs, Deliveries: s.deliveries, Memory: budget, Metrics: l.metrics, MaxBodyBytes: maxBodyBytes})
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

// rest ends what the start of the instance has begun. It comes last: until then this process must be seen to live.
func (s *services) rest() {
	s.instance.Stop()
	s.out.Close()
}

// entry finds what a run that waited is to be worked on by.
func (l *live) entry(id string) *agents.Entry {
	if c := l.current.Load(); c != nil {
		return c.Agents.Get(id)
	}
	return nil
}

// notes say what was learnt of the models of an agent.
func (l *live) notes(agentID string) []string {
	entry := l.entry(agentID)
	if entry == nil {
		return nil
	}
	if noted, ok := entry.Invoker.(agents.Noted); ok {
		return noted.Notes()
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
		client.StartQueuedRun()
		return client.EndRun
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
