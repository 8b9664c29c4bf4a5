// Package schedules has clients call themselves at their times, and tells of those that were expected to call and
// have not.
//
// The rows of both are in the database, and every gateway on it looks at them once a second. There is no timer per
// client.
//
//   - A time of a schedule is a row with next_at. Whoever moves next_at on, in the transaction that records the
//     run, has taken it. So each time has one run over all gateways, and a crash loses neither the time nor the
//     run.
//   - A row belongs to the schedule that is in its spec. When the client gets another one, or is enabled again,
//     next_at is counted anew from that moment.
//   - A call costs no write. The process keeps the time of a client's last call in memory, and writes it when the
//     one on record is older than a tenth of expectEvery: see interval. Whoever sets silent_at, in the transaction
//     that writes the deliveries of client.silent, is the one who tells of it.
//
// reconcile compares the rows with the clients in force whenever those have changed. The fields of a Service below
// Config belong to the goroutine of its look, which its Work runs.
package schedules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"beckon/clients"
	"beckon/events"
	"beckon/internal/cron"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/work"
	"beckon/runs"
)

// lookEvery is how often due times are looked for.
const lookEvery = time.Second

// Config is what a Service is made of.
type Config struct {
	Store *store.Store
	Work  *work.Instance // this process, among all that work on the store
	// Idle is that other gateways start runs and tell of silence. This one keeps the times of its calls on record.
	Idle bool
	Log  *slog.Logger
	// Clients returns the clients in force.
	Clients func() *clients.Set
	// Zone is the time zone of schedules that name none.
	Zone *time.Location
	// Run returns the run that a client's schedule starts.
	Run func(ctx context.Context, clientID string) (runs.Request, error)
	// Enqueue puts it into the queue; see runs.Service.
	Enqueue func(ctx context.Context, r runs.Request) (*runs.Run, error)
	// Tell writes an event that is about no run, with what has failed; see deliveries.Service.
	Tell func(tx store.Tx, kind string, about events.Subject, failure problem.Failure, data map[string]any) error
	// Now is the clock; nil is the system's.
	Now func() time.Time
}

// Service looks after the times of all clients.
type Service struct {
	Config
	storage storage
	started time.Time

	seen    *clients.Set // that the rows were compared with last
	plans   map[string]plan
	watches map[string]watch
}

// plan is the schedule of a client in force.
type plan struct {
	client *clients.Member
	times  cron.Schedule
	spec   string
}

// watch is a client in force that is expected to call.
type watch struct {
	client *clients.Member
	every  time.Duration
	spec   string
}

// New returns a service that works from the start of its Work on.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	s := &Service{Config: c, storage: storage{c.Store}, started: c.Now()}
	s.register(c.Work)
	return s
}

func (s *Service) register(w *work.Instance) {
	w.Go(func(ctx context.Context) {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		trouble := work.Trouble{Log: s.Log, Name: "look after the schedules of clients"}
		for {
			select {
			case <-ctx.Done():
				s.noteLastCalls()
				return
			case <-ticker.C:
			}
			if err := s.look(ctx); ctx.Err() == nil {
				trouble.Note(err)
			}
		}
	})
}

// look does what is due.
func (s *Service) look(ctx context.Context) error {
	if set := s.Clients(); set != s.seen {
		if err := s.reconcile(ctx, set); err != nil {
			return err
		}
		s.seen = set
	}
	if s.Idle {
		return s.tellOfSilence(ctx)
	}
	return errors.Join(s.startDue(ctx), s.tellOfSilence(ctx))
}

// reconcile has the rows follow the clients that are in force now.
func (s *Service) reconcile(ctx context.Context, set *clients.Set) error {
	s.plans, s.watches = map[string]plan{}, map[string]watch{}
	unusable := map[string]bool{} // what is on record of them stays until they are mended
	for m := range set.All() {
		switch {
		case m.Unusable:
			unusable[m.ID] = true
		case m.IsEnabled():
			s.add(m)
		}
	}
	if err := s.reconcilePlans(ctx, set, unusable); err != nil {
		return err
	}
	return s.reconcileWatches(ctx, unusable)
}

func (s *Service) add(m *clients.Member) {
	if p, ok := s.planOf(m); ok {
		s.plans[m.ID] = p
	}
	if m.ExpectEvery > 0 {
		s.watches[m.ID] = s.watchOf(m)
	}
}

// planOf returns the schedule of a client; false says that it has none.
func (s *Service) planOf(m *clients.Member) (plan, bool) {
	if m.Schedule == "" {
		return plan{}, false
	}
	times, err := m.Times(s.Zone)
	if err != nil { // it was checked when it was loaded
		s.Log.Error("a schedule cannot be read", "client", m.ID, "error", err)
		return plan{}, false
	}
	return plan{m, times, fmt.Sprintf("%s %s %d", m.Schedule, s.zoneOf(m), made(m))}, true
}

func (s *Service) watchOf(m *clients.Member) watch {
	every := time.Duration(m.ExpectEvery)
	return watch{m, every, fmt.Sprintf("%s %d", every, made(m))}
}

// zoneOf returns the name of the time zone of a client's schedule.
func (s *Service) zoneOf(m *clients.Member) string {
	if m.Timezone != "" {
		return m.Timezone
	}
	return s.Zone.String()
}

// made returns when a client of the database was made, in milliseconds: there may have been another one of its id.
// It is 0 for one of the file.
func made(m *clients.Member) int64 {
	if m.Since.IsZero() {
		return 0
	}
	return m.Since.UnixMilli()
}
