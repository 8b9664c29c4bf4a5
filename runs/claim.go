package runs

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"beckon/events"
	"beckon/internal/jobs"
)

// claim is a run that has just been taken out of the queue.
type claim struct {
	run    *Run
	last   string         // its last event
	events []events.Event // that it has started; nothing when it is resumed
}

// claim makes queued runs this process's own. Those that are not queued any more are left out, and those whose clients
// have as many runs as they may, or that there is no room for.
func (s *Service) claim(ctx context.Context, ids []string, room *room) (claimed []*claim, err error) {
	err = s.Store.Write(ctx, func(tx *gorm.DB) error {
		claimed = nil // it may be called twice
		room.clear()
		free, err := s.storage.claimable(tx, ids, s.mostOf, room)
		if err != nil || len(free) == 0 {
			return err
		}
		var rows []row
		err = tx.Raw("UPDATE runs SET status = 'RUNNING', instance_id = ?, started_at = ? WHERE id IN (?) AND status = 'QUEUED' RETURNING *",
			s.instance, time.Now().UnixMilli(), free).Scan(&rows).Error
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
		return nil, err
	}
	return claimed, nil
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
func begin(tx *gorm.DB, r *Run) (c *claim, err error) {
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

// claimable returns those of the runs that wait, whose clients may have one more, and that there is room for.
func (s storage) claimable(tx *gorm.DB, ids []string, most func(clientID string) int, room *room) (free []string, err error) {
	var waiting []struct {
		ID, ClientID string
		Size         int64
	}
	if err := tx.Raw("SELECT id, client_id, octet_length(input) AS size FROM runs WHERE id IN (?) AND status = 'QUEUED' ORDER BY id", ids).Scan(&waiting).Error; err != nil {
		return nil, fmt.Errorf("look for waiting runs: %w", err)
	}
	places := map[string]int{} // of the clients that are limited
	for _, w := range waiting {
		limit := most(w.ClientID)
		if _, known := places[w.ClientID]; limit > 0 && !known {
			running, err := s.countRunning(tx, w.ClientID)
			if err != nil {
				return nil, err
			}
			places[w.ClientID] = limit - running
		}
		if limit > 0 && places[w.ClientID] <= 0 {
			continue
		}
		if !room.fits(w.ID, w.Size) {
			continue
		}
		places[w.ClientID]--
		free = append(free, w.ID)
	}
	return free, nil
}

// countRunning counts the runs that a client has. Two replicas must not both find the last place.
func (s storage) countRunning(tx *gorm.DB, clientID string) (n int, err error) {
	if s.store.Shared() {
		if err := tx.Exec("SELECT pg_advisory_xact_lock(hashtext(?))", clientID).Error; err != nil {
			return 0, fmt.Errorf("lock the runs of a client: %w", err)
		}
	}
	err = tx.Raw("SELECT COUNT(*) FROM runs WHERE client_id = ? AND status = 'RUNNING' AND status <> 'COMPLETED'", clientID).Scan(&n).Error
	if err != nil {
		return 0, fmt.Errorf("count the runs of a client: %w", err)
	}
	return n, nil
}

// nextQueued returns jobs for the oldest waiting runs of a client.
func (s storage) nextQueued(ctx context.Context, clientID string, limit int) ([]jobs.Job, error) {
	var ids []string
	err := s.store.Read(ctx).Raw("SELECT id FROM runs WHERE client_id = ? AND status = 'QUEUED' AND status <> 'COMPLETED' ORDER BY id LIMIT ?", clientID, limit).Scan(&ids).Error
	return jobsOf(ids, jobs.Default), err
}

func jobsOf(ids []string, priority int) []jobs.Job {
	list := make([]jobs.Job, len(ids))
	for i, id := range ids {
		list[i] = jobs.Job{Kind: JobKind, ID: id, Priority: priority}
	}
	return list
}

func (s storage) countQueued(ctx context.Context) (n int64, err error) {
	err = s.store.Read(ctx).Raw("SELECT COUNT(*) FROM runs WHERE status = 'QUEUED'").Scan(&n).Error
	return n, err
}
