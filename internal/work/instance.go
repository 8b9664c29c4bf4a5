// Package work is for work that outlives a request: which processes are alive, what each of them has claimed, what it
// does periodically, and what wakes it.
//
// Each process is an Instance. It claims rows (runs, deliveries) by writing its id into them and raising their claim
// number. The invariants are:
//
//   - Every claim of a row has a number of its own, and every later write to the row names that number. Whoever lost a
//     claim can therefore change nothing, however late it comes.
//   - An instance that has not been seen for deadAfter is dead. Only an instance whose own heartbeat has been
//     steady for as long decides that, and the decision is checked again within each transaction that takes rows
//     away.
//   - No instance recovers rows of its own. It compares what it owns on record with what it holds in memory instead:
//     rows that it does not hold are released.
//
// On SQLite there is one process, so every other instance is dead.
package work

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/store"
)

const (
	beatEvery    = time.Second
	unsteadyGap  = 3 * beatEvery // between two heartbeats
	deadAfter    = 8 * time.Second
	leaveTimeout = 5 * time.Second
)

// Instance is this process, among all that work on the same database.
type Instance struct {
	store     *store.Store
	log       *slog.Logger
	id        string
	claimants []Claimant

	ctx    context.Context // of everything that Every and Go begin; ends with Stop
	cancel context.CancelFunc
	begin  []func() // what Start begins
	loops  sync.WaitGroup

	heartbeat   atomic.Pointer[heartbeat] // nil before the first
	lastBeat    time.Time                 // what follows is used by the heartbeat and the recovery, which take turns
	steadySince time.Time
	unlisted    map[string]time.Time // owners of rows that are not in the list of instances, since when
}

// New returns an instance that does nothing before Start.
func New(s *store.Store, log *slog.Logger) *Instance {
	i := &Instance{store: s, log: log, id: "ins_" + ulid.Make().String(), unlisted: map[string]time.Time{}}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	return i
}

// ID is the id of this process.
func (i *Instance) ID() string { return i.id }

// Start makes the instance known, recovers what dead instances have left, and begins what Every and Go were given.
func (i *Instance) Start(ctx context.Context) error {
	if err := i.beat(ctx); err != nil {
		return err
	}
	if err := i.recover(ctx); err != nil {
		return err
	}
	i.Every(beatEvery, "note that this instance is alive", func(ctx context.Context) error {
		if err := i.beat(ctx); err != nil {
			return err
		}
		return i.recover(ctx)
	})
	i.Every(reconcileEvery, "compare the claims on record with those in memory", i.reconcile)
	for _, begin := range i.begin {
		begin()
	}
	i.begin = nil
	return nil
}

// Stop ends what Start has begun, and takes the instance off the list. It comes last: until then the process must be
// seen to live.
func (i *Instance) Stop() {
	i.cancel()
	i.loops.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	err := i.store.Write(ctx, func(tx store.Tx) error { return unlist(tx, i.id) })
	if err != nil {
		i.log.Warn("this instance could not be taken off the list; the others find out", "error", err)
	}
}

// beat notes that the instance is alive. The time is the database's, so the clocks of the machines don't matter.
func (i *Instance) beat(ctx context.Context) error {
	err := i.store.Write(ctx, i.noteSeen)
	if err != nil {
		return fmt.Errorf("note that this instance is alive: %w", err)
	}
	at := time.Now()
	if at.Sub(i.lastBeat) > unsteadyGap {
		// The process or its database was stopped. Others were too, perhaps: give them time to be seen.
		i.steadySince, i.lastBeat = at, at
	} else {
		i.lastBeat = at
	}
	i.heartbeat.Store(&heartbeat{last: at, steadySince: i.steadySince})
	return nil
}

// heartbeat is what other goroutines may know of the heartbeat.
type heartbeat struct{ last, steadySince time.Time }

// Trusts reports whether a claim that this instance made at a time is certainly still its own. It is not when the
// process or its database has been stopped since: other instances may have recovered what was claimed.
func (i *Instance) Trusts(claimedAt time.Time) bool {
	h := i.heartbeat.Load()
	return h == nil || !i.store.Shared() ||
		!h.steadySince.After(claimedAt) && time.Since(h.last) < deadAfter-unsteadyGap
}
