package main

import (
	"context"
	"time"

	"beckon/agents"
	"beckon/events"
	"beckon/internal/jobs"
	"beckon/runs"
)

// claimers is how many jobs of the queue are taken up at the same time. Each is there for up to 64 runs, and over as
// soon as they have begun.
const claimers = 16

// startRuns wires runs and their queue together, looks after what the last process has left, and begins to work on
// what waits.
func startRuns(ctx context.Context, db *database, l *live, maxConcurrent, maxQueued int64) (*runs.Service, error) {
	service := runs.New(runs.Config{Store: db.store, Events: events.NewLog(db.store), Log: l.log, Metrics: l.metrics, Entry: l.entry, Limit: l.limit,
		MaxConcurrent: maxConcurrent, MaxQueued: maxQueued})
	queue, err := jobs.New(ctx, jobs.Config{Store: db.store, Instance: service.Instance(), Log: l.log,
		Kinds: map[string]jobs.Kind{runs.JobKind: {Handle: service.Work, Workers: claimers}}})
	if err != nil {
		return nil, err
	}
	service.Queue = queue
	if err := service.Keep(ctx, l.retention); err != nil {
		return nil, err
	}
	return service, queue.Start(ctx)
}

// entry finds what a run that waited is to be worked on by.
func (l *live) entry(id string) *agents.Entry { return l.catalog().Agents.Get(id) }

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

// retention is how long ended runs are kept, as it is configured now.
func (l *live) retention() time.Duration { return time.Duration(l.keepRuns.Load()) }
