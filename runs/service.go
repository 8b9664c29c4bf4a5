package runs

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/telemetry"
)

// Service works on runs in this process and keeps them on record.
type Service struct {
	storage storage
	log     *slog.Logger
	metrics *telemetry.Metrics

	mu      sync.Mutex
	closed  bool           // no run is started any more
	active  sync.WaitGroup // one for each run that is not on record yet
	working context.Context
	abandon context.CancelCauseFunc // ends the runs that are still going
}

// errInterrupted ends the runs that are still going when the process must end.
var errInterrupted = errors.New("the gateway was shut down")

// New returns a service that works until Drain.
func New(s *store.Store, log *slog.Logger, metrics *telemetry.Metrics) *Service {
	working, abandon := context.WithCancelCause(context.Background())
	return &Service{storage: storage{s}, log: log, metrics: metrics, working: working, abandon: abandon}
}

// Get returns a run. A NotFound says that there is none of that id.
func (s *Service) Get(ctx context.Context, id string) (*Run, error) { return s.storage.get(ctx, id) }

// Drain starts no run any more and waits for those that are going. When ctx ends first they end FAILED with code
// "interrupted", on record; Drain returns after that.
func (s *Service) Drain(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		s.active.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		s.abandon(errInterrupted)
		<-ended
	}
}

// enter counts one more run, unless the service is draining.
func (s *Service) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return problem.New(problem.Unavailable, "shutting_down", "Beckon is shutting down. Try again in a moment.").After(5 * time.Second)
	}
	s.active.Add(1)
	return nil
}
