package runs

import (
	"context"
	"slices"
	"strings"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/store"
)

// claim is a run that has just been taken out of the queue.
type claim struct {
	run    *Run
	last   string                  // its last event
	events []events.Event          // that it has started; nothing when it is resumed
	rounds map[string][]*keptRound // of a run that goes on, by node
	failed *problem.Error          // why it cannot be worked on; nil where it can
}

// claim claims up to most queued runs for this process, those with the highest priority first. It leaves out those
// whose clients have as many runs as they may, and those that there is no room for. What it returns as holding is
// held until the caller drops it.
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
		rows, err := s.storage.claim(tx, free, s.instance)
		if err != nil {
			return err
		}
		slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.ID, b.ID) }) // as all do who lock several
		for i := range rows {
			c, err := s.begin(tx, s.named(rows[i].run()))
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
func (s *Service) begin(tx store.Tx, r *Run) (c *claim, err error) {
	c = &claim{run: r}
	if r.Attempts == 1 {
		if err := s.unseal(tx, r); err != nil {
			if c.failed = unreadable(err); c.failed == nil {
				return nil, err
			}
		}
		if err := s.makePrompt(tx, r); err != nil {
			if c.failed = unreadable(err); c.failed == nil {
				return nil, err
			}
		}
		id := events.NewSequence(r.ID, events.FirstID(r.ID, r.CreatedAt)).Next(r.StartedAt)
		c.events = []events.Event{runEvent(id, r, nodeCount{})}
		c.last = c.events[0].ID
		return c, s.addArtifacts(tx, r)
	}
	if c.last, err = events.Last(tx, r.ID); err == nil && r.IsFlow {
		r.Nodes, err = nodesOf(tx, r.ID)
	}
	if err == nil && r.acts {
		c.rounds, err = roundsOf(tx, r.ID)
	}
	if err == nil {
		if err = s.unseal(tx, r); err != nil && unreadable(err) != nil {
			c.failed, err = unreadable(err), nil
		}
	}
	if err == nil {
		err = s.addArtifacts(tx, r)
	}
	return c, err
}

// makePrompt makes the prompt of a run that leaves the queue anew, where its calls were coalesced.
func (s *Service) makePrompt(tx store.Tx, r *Run) error {
	if !r.annotated || s.Prompt == nil {
		return nil
	}
	prompt, err := s.Prompt(tx, r)
	if err != nil || prompt.Text == "" {
		return err
	}
	if r.Input, r.Fence = prompt.Text, r.Fence.With(prompt.Spans); r.Rules != nil {
		r.blackOutPrompt()
		if err := s.seal(tx, r); err != nil {
			return err
		}
	}
	return setInput(tx, r)
}

// claimable returns up to most queued runs whose clients may have one more and that there is room for, those with the
// highest priority first.
func (s storage) claimable(
	tx store.Tx, most int, limit func(clientID string) int, room *room,
) (free []string, err error) {
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
func (s storage) countPlaces(
	tx store.Tx, queued []queuedRun, limit func(clientID string) int, places map[string]int,
) error {
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
