package events

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"beckon/internal/store"
)

// LookEvery is how often followed runs are looked at for events that other processes wrote.
const LookEvery = 200 * time.Millisecond

const (
	pageSize = 256 // events that are read at once
	lookRuns = 100 // that are looked at with one query
)

// Config is what a Log is made of.
type Config struct {
	Store *store.Store
	// Computed returns the events of a run that has none in the log: one that was written at its end, as a whole, which
	// says all that they would. nil knows of no such runs.
	Computed func(ctx context.Context, runID string) ([]Event, error)
	// Outlet carries events out of the house; nil carries none.
	Outlet Outlet
}

// Log is the log of events. Whoever appends to it publishes after the commit; followers in this process are told at
// once, those in others find the events within a quarter of a second.
type Log struct {
	Config
	mu     sync.Mutex        // guards topics and what is in them
	topics map[string]*topic // by run, as long as somebody follows
}

// topic is a run that is followed in this process.
type topic struct {
	followers map[*Follower]struct{}
	last      string // the last event that its followers were told of; empty before the first
}

// NewLog returns the log of a store.
func NewLog(c Config) *Log { return &Log{Config: c, topics: map[string]*topic{}} }

// Append writes events within the transaction of the change that they report, together with who is to be told of them.
func (l *Log) Append(tx store.Tx, about Subject, list []Event) error {
	for _, e := range list {
		if e.Transient {
			continue
		}
		if err := insert(tx, e); err != nil {
			return err
		}
	}
	if l.Outlet == nil {
		return nil
	}
	return l.Outlet.Carry(tx, about, list)
}

// Read returns the events of a run behind the one with the id after, a page of them at most, in their order.
func (l *Log) Read(ctx context.Context, runID, after string) ([]Event, error) {
	list, err := behind(l.Store.Read(ctx), runID, after)
	if err != nil {
		return nil, fmt.Errorf("read the events of run %s: %w", runID, err)
	}
	if len(list) > 0 || l.Computed == nil {
		return list, nil
	}
	all, err := l.Computed(ctx, runID)
	return slices.DeleteFunc(all, func(e Event) bool { return e.ID <= after }), err
}

// Followed reports whether somebody follows the run in this process.
func (l *Log) Followed(runID string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.topics[runID] != nil
}

// Publish tells the followers in this process of events of one run that are committed.
func (l *Log) Publish(list []Event) { l.publish(list, true) }

// publish is Publish; where the events come from the log, they are not what the caller of the run reads.
func (l *Log) publish(list []Event, asTheyAre bool) {
	if len(list) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[list[0].RunID]
	if t == nil {
		return
	}
	t.last = max(t.last, list[len(list)-1].ID)
	for f := range t.followers {
		if asTheyAre || !f.isOwn {
			f.push(list)
		}
	}
}

// Look finds the events that other processes have written for the runs that are followed here. Where there are such
// processes it is to be called every LookEvery.
func (l *Log) Look(ctx context.Context) error {
	for runs := range slices.Chunk(l.told(), lookRuns) {
		list, err := behindEach(l.Store.Read(ctx), runs)
		if err != nil {
			return fmt.Errorf("look for the events of followed runs: %w", err)
		}
		for begin := 0; begin < len(list); {
			end := begin
			for end < len(list) && list[end].RunID == list[begin].RunID {
				end++
			}
			l.publish(list[begin:end], false)
			begin = end
		}
	}
	return nil
}

// told returns the last event of each followed run that its followers were told of.
func (l *Log) told() []Ref {
	l.mu.Lock()
	defer l.mu.Unlock()
	refs := make([]Ref, 0, len(l.topics))
	for runID, t := range l.topics {
		if t.last != "" {
			refs = append(refs, Ref{runID, t.last})
		}
	}
	return refs
}
