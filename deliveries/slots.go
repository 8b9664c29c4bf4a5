package deliveries

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// The exchanges that are under way in this process at the same time. A lane has its own, smaller bound; but who
// makes calls may name as many hosts, each with a lane of its own, as they like. Endpoints always have room, and so
// do other clients.
const (
	maxAttempts       = 1024
	maxCallbacks      = maxAttempts / 2 // of all calls together
	maxCallbacksOfOne = 64              // of one client's calls
)

// slots are the room for exchanges.
type slots struct {
	all, callbacks *semaphore.Weighted
	clients        sync.Map // the id of a client to its *semaphore.Weighted; as many as there have been clients
}

func newSlots() *slots {
	return &slots{all: semaphore.NewWeighted(maxAttempts), callbacks: semaphore.NewWeighted(maxCallbacks)}
}

// enter waits for room for an attempt, the narrowest first: who waits there takes none from others. leave gives it
// back. ok is false when ctx ends before.
func (s *slots) acquire(ctx context.Context, d *claimed) (release func(), ok bool) {
	if d.EndpointID != nil {
		return take(ctx, s.all)
	}
	return take(ctx, s.of(deref(d.ClientID)), s.callbacks, s.all)
}

func (s *slots) of(clientID string) *semaphore.Weighted {
	if own, ok := s.clients.Load(clientID); ok {
		return own.(*semaphore.Weighted)
	}
	own, _ := s.clients.LoadOrStore(clientID, semaphore.NewWeighted(maxCallbacksOfOne))
	return own.(*semaphore.Weighted)
}

func take(ctx context.Context, rooms ...*semaphore.Weighted) (release func(), ok bool) {
	for i, room := range rooms {
		if room.Acquire(ctx, 1) != nil {
			releaseAll(rooms[:i])
			return nil, false
		}
	}
	return func() { releaseAll(rooms) }, true
}

func releaseAll(rooms []*semaphore.Weighted) {
	for _, room := range rooms {
		room.Release(1)
	}
}
