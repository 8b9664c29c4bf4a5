package runs

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/semaphore"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/events"
	"beckon/internal/fence"
	"beckon/internal/gate"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/internal/telemetry"
	"beckon/internal/work"
	"beckon/tools"
)

// The limits of a service, where Config says nothing else.
const (
	defaultMaxConcurrent = 1024
	defaultMaxQueued     = 10_000
	// shareOfQueue is how much of the places runs out of the queue may have, in quarters: callers who wait for their
	// answer find one also when many runs wait.
	shareOfQueue = 3
)

// Config has the dependencies and settings of a Service.
type Config struct {
	Store  *store.Store
	Outlet events.Outlet // carries the events of runs out of the house; nil carries none
	// Work is this process among all that work on the store. nil is for a service that only runs what is waited for:
	// nothing takes its runs out of the queue, and nothing recovers them.
	Work *work.Instance
	// LeavesQueue is that other processes take the runs out of the queue.
	LeavesQueue bool
	Log         *slog.Logger
	Metrics     *telemetry.Metrics
	Tracing     *telemetry.Tracing // nil is off
	Memory      *memory.Budget     // of runs that come out of the queue; nil bounds nothing
	// Entry finds the agent or flow of a run that comes out of the queue; nil when it is gone.
	Entry func(id string) *agents.Entry
	// Tools are what agents may use; nil has none.
	Tools tools.Box
	// ClientTools returns the patterns of the tools that the runs of a client may use at most.
	ClientTools func(clientID string) []string
	// Artifacts keeps what agents make; nil keeps nothing.
	Artifacts *artifacts.Service
	// Limit tells how many runs a client may have at the same time, 0 for any number, and counts one more of them; the
	// function that it returns counts it off. nil limits nobody.
	Limit func(clientID string) (most int, startRun func() (endRun func()))

	// Prompt returns the prompt of an annotated run that leaves the queue for the first time; empty, it keeps the
	// one that it has. nil is for a service without such runs.
	Prompt func(tx store.Tx, r *Run) (fence.Text, error)

	// Spend returns what counts the requests of a run to models, and holds them within budgets; nil counts nothing.
	Spend func(r *Run) Account

	// Waits reports whether queued runs of a client go back into the queue where a budget is used up, until it is
	// there again, and Budget reports that it is, before they begin; agentID is "" for a flow. nil has such runs
	// fail.
	Waits  func(clientID string) bool
	Budget func(ctx context.Context, clientID, agentID string) error

	// Gate returns the gate of a client, or nil; nil is for a service whose clients have none.
	Gate func(clientID string) *gate.Gate

	// Sealer seals what runs with rules need of their content; nil is for a service without such runs.
	Sealer *secret.Sealer

	// OnErase is called in the transaction that drops the content of a run whose client keeps none, or that an
	// administrator has erased; nil does nothing.
	OnErase func(tx store.Tx, runID string, byAdmin bool) error

	// SessionRetention is how long sessions are kept of whose agents none says so; nil is for agents.DefaultSessionTTL.
	SessionRetention func() time.Duration

	// Retention is how long runs that have ended are kept; nil is for ever.
	Retention func() time.Duration

	MaxConcurrent int64 // runs at the same time in this process; 1024
	MaxQueued     int64 // runs that wait in the queue; 10,000
}

// Service works on runs in this process and keeps them on record.
type Service struct {
	Config
	Statistics *Statistics // of all runs in the store
	Events     *events.Log // of all runs in the store
	storage    storage
	instance   string // the id of this process
	slots      *semaphore.Weighted
	entrance   *semaphore.Weighted // for calls that are being put into the queue
	fromQueue  *semaphore.Weighted // those of slots that runs out of the queue may have
	waiting    gauge               // runs in the queue
	bell       work.Bell           // wakes dispatch
	goroutines *goroutines

	held    work.Held // the runs of byID, and those that are being claimed
	doubted work.Held // runs that a claim may have claimed, whose commit was never confirmed

	closing context.Context // ends when no run is started any more
	close   context.CancelFunc

	mu      sync.Mutex
	closed  bool // as closing
	byID    map[string]*Active
	awaited map[string]*awaited // the runs in the queue for which callers wait
	active  sync.WaitGroup      // one for each run that is not on record yet, and one for dispatch
	working context.Context
	abandon context.CancelCauseFunc // ends working; see interrupt

	writing     context.Context // of writes that are tried again until they succeed
	stopWriting context.CancelFunc
}

// errInterrupted ends the runs that are still going when the process must end.
var errInterrupted = errors.New("the gateway was shut down")

// New returns a service that works until Drain. It takes runs out of the queue from the start of its Work on.
func New(c Config) *Service {
	c.MaxConcurrent, c.MaxQueued = cmp.Or(c.MaxConcurrent, defaultMaxConcurrent), cmp.Or(c.MaxQueued, defaultMaxQueued)
	s := &Service{
		Config:     c,
		Statistics: NewStatistics(c.Store, nil),
		storage:    storage{c.Store},
		instance:   "ins_" + ulid.Make().String(),
		slots:      semaphore.NewWeighted(c.MaxConcurrent),
		entrance:   semaphore.NewWeighted(c.MaxConcurrent),
		fromQueue:  semaphore.NewWeighted(max(c.MaxConcurrent*shareOfQueue/4, 1)),
		bell:       work.NewBell(),
		byID:       map[string]*Active{},
		awaited:    map[string]*awaited{},
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.goroutines = newGoroutines(s.closing)
	s.working, s.abandon = context.WithCancelCause(context.Background())
	s.writing, s.stopWriting = context.WithCancel(context.Background())
	s.Events = events.NewLog(events.Config{Store: c.Store, Computed: s.computed, Outlet: c.Outlet})
	if c.Work != nil {
		s.instance = c.Work.ID()
		s.register(c.Work)
	}
	return s
}

// Get returns a run with its nodes and artifacts. The error is a NotFound if there is no such run.
func (s *Service) Get(ctx context.Context, id string) (*Run, error) {
	run, err := s.storage.get(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.addArtifacts(s.Store.Read(ctx), run); err != nil {
		return nil, err
	}
	return run, s.addAnnotations(ctx, run)
}

// Slot takes one of the places for runs of this process, without waiting; with queued, one of as many for calls
// that are being put into the queue. It is given back by calling release once. An Unavailable says that there is no
// place, or that the process is draining.
func (s *Service) Slot(queued bool) (release func(), err error) {
	if s.draining() {
		return nil, errDraining
	}
	places := s.slots
	if queued {
		places = s.entrance
	}
	if !places.TryAcquire(1) {
		return nil, problem.New(problem.Unavailable, problem.CodeGatewayFull,
			"Beckon is working on the maximum number of calls. Try again in a moment.").After(time.Second)
	}
	return func() { places.Release(1) }, nil
}

// Drain stops starting runs and waits for those that are running. If ctx ends first, the remaining runs end as
// FAILED with code "interrupted", or go back into the queue if they may be retried. Drain returns when that is
// recorded.
func (s *Service) Drain(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.close()
	ended := make(chan struct{})
	go func() {
		s.active.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		s.interrupt()
		defer time.AfterFunc(lastWrites, s.stopWriting).Stop()
		<-ended
	}
}

// interrupt ends the runs that are still going. None is added any more.
func (s *Service) interrupt() {
	s.abandon(errInterrupted)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.byID {
		a.cancel(errInterrupted)
	}
}

// lastWrites is how long a process that ends goes on writing the ends of its runs to a database that does not take
// them.
const lastWrites = 5 * time.Second

var errDraining = problem.New(problem.Unavailable, problem.CodeShuttingDown,
	"Beckon is shutting down. Try again in a moment.").After(5 * time.Second)

func (s *Service) draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// add counts one more run, unless the service is draining.
func (s *Service) add(a *Active) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errDraining
	}
	s.active.Add(1)
	s.Store.Expect(1)
	s.byID[a.ID] = a
	s.held.Hold(a.ID)
	return nil
}

// remove takes it off the list.
func (s *Service) remove(a *Active) {
	s.mu.Lock()
	if s.byID[a.ID] == a { // not one that has claimed the same run since
		delete(s.byID, a.ID)
	}
	s.mu.Unlock()
	s.held.Drop(a.ID)
	a.journal.stop()
	s.Store.Expect(-1)
	s.active.Done()
}

// here returns a run that this process works on, or nil.
func (s *Service) here(id string) *Active {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}
