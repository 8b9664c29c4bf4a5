// Package budgets knows what requests to models cost, and holds them within budgets.
//
// What a request can cost at most is reserved before it is sent, and settled after, in the database. The invariants
// are:
//
//   - A window is one limit of one budget, in one day, month or run. Its row has what is used, and what is
//     reserved. A reservation is made only while the row is locked, and only where used and reserved leave room for
//     it: their sum never passes the limit, over all processes, unless a provider asks for more than the request
//     could cost.
//   - A reservation is made in all windows that hold it, or in none, and has a row of its own. Whoever deletes that
//     row settles it, so that it is settled once: the process that made it, or another one when that is dead.
//   - Of what a dead process had reserved nobody knows whether it was sent. It counts as used.
//
// A process also reserves a block ahead of its requests (type ahead), and requests borrow from the block in memory.
// The limits of a single run are tracked in memory at first as well (type runUse).
//
// There is one write at a time. Requests that arrive meanwhile share the next write, and so the cost of its commit.
// A request that no budget applies to does not use the database.
package budgets

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/internal/spend"
	"beckon/internal/store"
	"beckon/internal/telemetry"
	"beckon/internal/work"
	"beckon/runs"
)

// InForce are the budgets that hold a request.
type InForce struct {
	Client, Agent, Server *spend.Budget // nil for none
}

// Config is what a Service is made of.
type Config struct {
	Store   *store.Store
	Work    *work.Instance
	Log     *slog.Logger
	Metrics *telemetry.Metrics
	Prices  func() *spend.Prices                   // in force
	Budgets func(clientID, agentID string) InForce // in force
	Zone    *time.Location                         // of days and months
	Now     func() time.Time                       // nil is the system's clock
	Tell    func(tx store.Tx, kind string, about events.Subject, failure problem.Failure, data map[string]any) error
}

// Service counts what the requests to models cost, and holds them within budgets. It is safe for concurrent use.
type Service struct {
	Config
	storage storage
	held    work.Held // the reservations that this process has made
	lasting sync.Map  // the windows of days and months that last, by whose they are

	ctx  context.Context // of the writes; ends when Close gives up
	stop context.CancelFunc
	idle sync.WaitGroup // one for each operation that waits or is being written

	mu      sync.Mutex
	waiting []*operation
	writing bool
	closing bool
	soon    bool             // a write comes soon
	look    bool             // a look comes whether ahead is used
	ahead   *ahead           // nil for nothing
	known   map[string]known // the windows of days and months as this process has seen them last
}

// known is what this process has seen last of a window.
type known struct{ taken, endsAt int64 }

// New returns a Service. Its claims are those of its Work.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{Config: c, storage: storage{c.Store}, known: map[string]known{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if c.Work != nil {
		c.Work.Claims(s)
		c.Work.Every(removeEvery, "remove the windows of budgets that are over", s.remove)
	}
	return s
}

// Close writes what is left to be settled, and gives back what is reserved ahead, as long as ctx lasts. What it
// cannot write counts as used. Nothing is reserved any more.
func (s *Service) Close(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.stop)()
	s.mu.Lock()
	s.closing = true
	hasAhead := s.ahead != nil
	s.mu.Unlock()
	if hasAhead {
		s.submit(&operation{done: func(error) {}})
	}
	s.idle.Wait()
	s.stop()
	return nil
}

// Of returns what counts the requests of a run.
func (s *Service) Of(r *runs.Run) runs.Account {
	a := &account{service: s, runID: r.ID, clientID: r.ClientID, claim: r.Claim, isRetried: r.Crashes > 0}
	a.run.account, a.run.isInMemory = a, r.Claim <= 1 && r.Crashes == 0
	return a
}
