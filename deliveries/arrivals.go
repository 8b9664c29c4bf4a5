package deliveries

import (
	"context"
	"slices"
	"sync"
	"time"

	"beckon/internal/store"
	"beckon/internal/work"
)

const (
	claimTogether = 64   // deliveries that one transaction claims
	maxArrivals   = 4096 // deliveries that wait in memory to be claimed; others are found in the table
)

// arrivals are deliveries that have become due in this process and are to be claimed at once, without a look at the
// table.
type arrivals struct {
	bell work.Bell
	mu   sync.Mutex
	list []waiting
}

func (a *arrivals) add(due ...waiting) {
	a.mu.Lock()
	if len(a.list) < maxArrivals {
		a.list = append(a.list, due...)
	}
	a.mu.Unlock()
	a.bell.Ring()
}

func (a *arrivals) take() []waiting {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.list
	a.list = nil
	return list
}

// sendAfter has deliveries sent when the transaction that makes them due has been committed.
func (s *Service) sendAfter(tx store.Tx, due ...waiting) {
	if s.SendsNothing {
		return // others find it in the table
	}
	tx.AfterCommit(func() { s.arrivals.add(due...) })
}

// sendIn has a delivery sent after wait. One that is due much later is found in the table.
func (s *Service) sendIn(wait time.Duration, due waiting) {
	if wait < 10*sweepEvery {
		time.AfterFunc(wait, func() { s.arrivals.add(due) })
	}
}

// sendArrivals claims what has become due in this process, as far as its lanes have room. What a lane has no room
// for, it takes from the table when it has.
func (s *Service) sendArrivals(ctx context.Context) {
	trouble := work.Trouble{Log: s.Log, Name: "claim deliveries"}
	for s.arrivals.bell.Wait(ctx, sweepEvery) {
		for part := range slices.Chunk(s.lanes.reserve(s.arrivals.take()), claimTogether) {
			ids := make([]string, len(part))
			for i, w := range part {
				ids[i] = w.ID
			}
			list, err := s.claim(context.WithoutCancel(ctx), ids)
			s.lanes.fill(part, list)
			trouble.Note(err)
		}
	}
}
