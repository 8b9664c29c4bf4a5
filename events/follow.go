package events

import (
	"context"
	"sync"
)

// maxPending is how many events wait in memory for a follower. Who is further behind reads them from the log.
const maxPending = 32

// Follower reads the events of one run as they happen. It belongs to one goroutine, which calls Close at the end.
type Follower struct {
	log   *Log
	runID string
	last  string // the id of the last event that Next returned

	isOwn bool // it is the caller's: it reads what is not in the log, and so nothing from there

	mu      sync.Mutex
	pending []Event
	behind  bool // events have to be read from the log
	ended   bool // nothing comes any more
	wake    chan struct{}
}

// Follow begins behind the event with the id after; an empty one is the beginning.
func (l *Log) Follow(runID, after string) *Follower {
	return l.follow(&Follower{log: l, runID: runID, last: after, behind: true, wake: make(chan struct{}, 1)})
}

// FollowOwn is for the caller of a run whose content is redacted in the log: it reads events as they are. It has to
// begin before the first of them, and ends with End.
func (l *Log) FollowOwn(runID string) *Follower {
	return l.follow(&Follower{log: l, runID: runID, isOwn: true, wake: make(chan struct{}, 1)})
}

func (l *Log) follow(f *Follower) *Follower {
	runID := f.runID
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[runID]
	if t == nil {
		t = &topic{followers: map[*Follower]struct{}{}}
		l.topics[runID] = t
	}
	t.followers[f] = struct{}{}
	return f
}

// End has Next return nothing when all is read that has come.
func (f *Follower) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.rouse()
}

// Close ends the following.
func (f *Follower) Close() {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	t := f.log.topics[f.runID]
	if t == nil {
		return
	}
	delete(t.followers, f)
	if len(t.followers) == 0 {
		delete(f.log.topics, f.runID)
	}
}

// Next waits for the next events and returns them in their order; none when nothing comes any more. It ends with
// ctx's error when ctx does.
func (f *Follower) Next(ctx context.Context) ([]Event, error) {
	for {
		f.mu.Lock()
		ended := f.ended // before what has come is taken
		f.mu.Unlock()
		list, err := f.take(ctx)
		if err != nil || len(list) > 0 || ended {
			return list, err
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Ready returns the events that are there already, without waiting for more.
func (f *Follower) Ready(ctx context.Context) ([]Event, error) { return f.take(ctx) }

func (f *Follower) take(ctx context.Context) ([]Event, error) {
	f.mu.Lock()
	behind, pending := f.behind, f.pending
	f.pending, f.behind = nil, false
	f.mu.Unlock()
	if behind {
		page, err := f.read(ctx)
		if err != nil || len(page) == pageSize {
			f.mu.Lock()
			f.behind = true
			f.mu.Unlock()
		}
		if err != nil {
			return nil, err
		}
		f.caughtUp(page)
		if len(page) == pageSize {
			pending = nil // there is more between the page and these
		}
		pending = append(page, pending...)
	}
	fresh := pending[:0]
	for _, e := range pending {
		if e.ID > f.last {
			f.last = e.ID
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

// read reads from the log on a stack of its own: what a query needs of one would stay with the follower, and there may
// be thousands of them.
func (f *Follower) read(ctx context.Context) (page []Event, err error) {
	read := make(chan struct{})
	go func() {
		defer close(read)
		page, err = f.log.Read(ctx, f.runID, f.last)
	}()
	<-read
	return page, err
}

// caughtUp tells the topic from where to look for what other processes write.
func (f *Follower) caughtUp(page []Event) {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	t := f.log.topics[f.runID]
	if t == nil || t.last != "" {
		return
	}
	t.last = f.last
	if len(page) > 0 {
		t.last = page[len(page)-1].ID
	}
	if t.last == "" {
		t.last = idPrefix // in front of all ids
	}
}

// push is called with the log's lock held.
func (f *Follower) push(list []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.isOwn: // which are as long as the answer together, and that is in memory as well
		f.pending = appendOwn(f.pending, list)
	case !f.behind && len(f.pending)+len(list) <= maxPending:
		for _, e := range list {
			if e.Payload != nil {
				f.pending = append(f.pending, e)
			}
		}
	default:
		f.behind, f.pending = true, nil
	}
	f.rouse()
}

// appendOwn appends events as the caller of their run reads them.
func appendOwn(pending, list []Event) []Event {
	for _, e := range list {
		if e.Own != nil {
			e.Payload = e.Own
		}
		pending = append(pending, e)
	}
	return pending
}

func (f *Follower) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}
