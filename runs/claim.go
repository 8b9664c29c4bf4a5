package runs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"beckon/events"
	"beckon/internal/store"
)

// claim is a run that has just been taken out of the queue.
type claim struct {
	run    *Run
	last   string         // its last event
	events []events.Event // that it has started; nothing when it is resumed
}

// claim claims up to most queued runs for this process, those with the highest priority first. It leaves out those whose
// clients have as many runs as they may, and those that there is no room for. What it returns as holding is held until
// the caller drops it.
func (s *Service) claim(ctx context.Context, most int, room *room) (claimed []*claim, holding []string, err error) {
	err = s.Store.Write(ctx, func(tx store.Tx) error {
		s.held.Drop(holding...)
		holding, claimed = nil, nil // it may be called twice
		room.clear()
		free, err := s.storage.claimable(tx, most, s.mostOf, room)
		if err != nil || len(free) == 0 {
			return err
		}
		s.held.Hold(free...)
		holding = free
		rows, err := store.Rows[row](tx, "UPDATE runs SET status = 'RUNNING', instance_id = ?, claim = claim + 1, started_at = ? WHERE id IN (?) AND status = 'QUEUED' RETURNING *",
			s.instance, time.Now().UnixMilli(), free)
		if err != nil {
			return fmt.Errorf("claim runs: %w", err)
		}
		for i := range rows {
			c, err := begin(tx, s.named(rows[i].run()))
			if err != nil {
				return err
			}
			if err := s.Events.Append(tx, c.run.subject(), c.events); err != nil {
				return err
			}
			claimed = append(claimed, c)
		}
		return nil
	})
	if err != nil {
		s.doubted.Hold(holding...) // the commit may have succeeded all the same
		s.held.Drop(holding...)
		return nil, nil, err
	}
	slices.SortFunc(claimed, func(a, b *claim) int { return strings.Compare(a.run.ID, b.run.ID) })
	return claimed, holding, nil
}

// named sets what the events of a run off the record are called.
func (s *Service) named(r *Run) *Run {
	if s.Entry != nil {
		if entry := s.Entry(r.WorkflowID); entry != nil {
			r.EventNames = entry.Events
		}
	}
	return r
}

// begin finds out where a claimed run goes on.
func begin(tx store.Tx, r *Run) (c *claim, err error) {
	c = &claim{run: r}
	if r.Attempts == 1 {
		id := events.NewSequence(r.ID, events.FirstID(r.ID, r.CreatedAt)).Next(r.StartedAt)
		c.events = []events.Event{runEvent(id, r, nodeCount{})}
		c.last = c.events[0].ID
		return c, nil
	}
	if c.last, err = events.Last(tx, r.ID); err == nil && r.IsFlow {
		r.Nodes, err = nodesOf(tx, r.ID)
	}
	return c, err
}

// claimable returns up to most queued runs whose clients may have one more and that there is room for, those with the
// highest priority first.
func (s storage) claimable(tx store.Tx, most int, limit func(clientID string) int, room *room) (free []string, err error) {
	places := map[string]int{} // of the clients that are limited
	full := []string{""}       // the clients that have none left
	for len(free) < most {
		queued, err := s.queued(tx, full, free, most-len(free))
		if err != nil {
			return nil, err
		}
		if err := s.countPlaces(tx, queued, limit, places); err != nil {
			return nil, err
		}
		before := len(full)
		for _, q := range queued {
			n, isLimited := places[q.ClientID]
			if isLimited && n <= 0 {
				if !slices.Contains(full, q.ClientID) {
					full = append(full, q.ClientID)
				}
				continue
			}
			if !room.fits(q.ID, q.Size) {
				continue
			}
			if isLimited {
				places[q.ClientID] = n - 1
			}
			free = append(free, q.ID)
		}
		if len(full) == before {
			break // there are no others
		}
	}
	return free, nil
}

// countPlaces adds how many more runs the clients of the queued runs may have, for those that are limited. It takes the
// clients in order, so that two replicas do not wait for each other's locks.
func (s storage) countPlaces(tx store.Tx, queued []queuedRun, limit func(clientID string) int, places map[string]int) error {
	clients := make([]string, len(queued))
	for i, q := range queued {
		clients[i] = q.ClientID
	}
	slices.Sort(clients)
	for _, id := range slices.Compact(clients) {
		most := limit(id)
		if _, known := places[id]; known || most == 0 {
			continue
		}
		running, err := s.countRunning(tx, id)
		if err != nil {
			return err
		}
		places[id] = most - running
	}
	return nil
}

// queuedRun is a run that waits, as far as claimable needs to know it.
type queuedRun struct {
	ID, ClientID string
	Size         int64 // of its input, in bytes
}

// queued returns the first runs in the queue, but for those of some clients and some others.
func (s storage) queued(tx store.Tx, butOf, but []string, most int) (list []queuedRun, err error) {
	query := "SELECT id, client_id, octet_length(input) AS size FROM runs WHERE status = 'QUEUED' AND client_id NOT IN (?) AND id NOT IN (?) ORDER BY priority, id LIMIT ?"
	if s.store.Shared() {
		query += " FOR UPDATE SKIP LOCKED"
	}
	list, err = store.Rows[queuedRun](tx, query, butOf, append([]string{""}, but...), most)
	if err != nil {
		return nil, fmt.Errorf("look for queued runs: %w", err)
	}
	return list, nil
}

// countRunning counts the runs that a client has. Two replicas must not both find the last place.
func (s storage) countRunning(tx store.Tx, clientID string) (n int, err error) {
	if s.store.Shared() {
		if err := tx.Exec("SELECT pg_advisory_xact_lock(hashtext(?))", clientID); err != nil {
			return 0, fmt.Errorf("lock the runs of a client: %w", err)
		}
	}
	n, _, err = store.Row[int](tx, "SELECT COUNT(*) FROM runs WHERE client_id = ? AND status = 'RUNNING' AND status <> 'COMPLETED'", clientID)
	if err != nil {
		return 0, fmt.Errorf("count the runs of a client: %w", err)
	}
	return n, nil
}

func (s storage) countQueued(ctx context.Context) (n int64, err error) {
	n, _, err = store.Row[int64](s.store.Read(ctx), "SELECT COUNT(*) FROM runs WHERE status = 'QUEUED'")
	return n, err
}

func (s storage) anyQueued(ctx context.Context) (any bool, err error) {
	any, _, err = store.Row[bool](s.store.Read(ctx), "SELECT EXISTS (SELECT 1 FROM runs WHERE status = 'QUEUED')")
	return any, err
}
