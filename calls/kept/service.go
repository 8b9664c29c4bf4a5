package kept

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/store"
	"beckon/internal/work"
)

// Requests are written in the background, so that no answer waits for them. Those that come faster than they can be written are dropped.
const (
	maxWaiting      = 1000
	maxWaitingBytes = 32 << 20
	maxBatch        = 40
	writeTimeout    = 5 * time.Second
	tidyEvery       = time.Minute
)

// Config is what a Service is made of.
type Config struct {
	Store *store.Store
	Log   *slog.Logger
	// Keeps returns how many requests are kept of each client, without those of which none are.
	Keeps     func() map[string]int
	Retention func() time.Duration // how long requests are kept at most
}

// Service keeps requests. A nil one keeps none.
type Service struct {
	Config
	queue    chan item
	bytes    atomic.Int64 // of the bodies in the queue
	stopping sync.Once
	stop     chan struct{}
	done     chan struct{}
}

// item is a request to write and how many of its client are kept, or written is closed once all before it are on record.
type item struct {
	Request
	most    int
	written chan struct{}
}

// New returns a service that writes until Close.
func New(c Config) *Service {
	s := &Service{Config: c, queue: make(chan item, maxWaiting), stop: make(chan struct{}), done: make(chan struct{})}
	go s.write()
	return s
}

// Register has the instance delete what is not to be kept any more.
func (s *Service) Register(w *work.Instance) { w.Every(tidyEvery, "delete old kept requests", s.tidy) }

// Add keeps a request, and deletes all but the newest of its client. It never blocks.
func (s *Service) Add(r Request, most int) {
	size := int64(len(r.Body))
	if s.bytes.Add(size) <= maxWaitingBytes {
		select {
		case s.queue <- item{Request: r, most: most}:
			return
		default:
		}
	}
	s.bytes.Add(-size)
	s.Log.Warn("a request could not be kept: too many are waiting to be written", slog.String("client", r.ClientID))
}

// Close writes the requests that are waiting. Those that come afterwards are dropped.
func (s *Service) Close(ctx context.Context) error {
	s.stopping.Do(func() { close(s.stop) })
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// flush waits until all requests that were added are written.
func (s *Service) flush(ctx context.Context) error {
	written := make(chan struct{})
	select {
	case s.queue <- item{written: written}:
	case <-s.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-written:
	case <-s.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func (s *Service) write() {
	defer close(s.done)
	for {
		select {
		case first := <-s.queue:
			s.save(s.batch(first))
		case <-s.stop:
			for len(s.queue) > 0 {
				s.save(s.batch(<-s.queue))
			}
			return
		}
	}
}

// batch adds what is waiting.
func (s *Service) batch(first item) []item {
	list := []item{first}
	for len(list) < maxBatch {
		select {
		case next := <-s.queue:
			list = append(list, next)
		default:
			return list
		}
	}
	return list
}

func (s *Service) save(list []item) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	most := map[string]int{}
	for _, i := range list {
		if i.written == nil {
			most[i.ClientID] = i.most
		}
	}
	if len(most) > 0 {
		err := s.Store.Write(ctx, func(tx store.Tx) error {
			for _, i := range list {
				if i.written != nil {
					continue
				}
				if err := insert(tx, i.Request); err != nil {
					return err
				}
			}
			return trim(tx, most)
		})
		if err != nil {
			s.Log.Warn("requests could not be kept", slog.Any("error", err))
		}
	}
	for _, i := range list {
		s.bytes.Add(-int64(len(i.Body)))
		if i.written != nil {
			close(i.written)
		}
	}
}

// tidy deletes requests that are too old, or of clients that keep none or fewer by now.
func (s *Service) tidy(ctx context.Context) error {
	var oldest ulid.ULID
	_ = oldest.SetTime(uint64(max(time.Now().Add(-s.Retention()).UnixMilli(), 0))) // fails in the year 10889
	return s.Store.Write(ctx, func(tx store.Tx) error {
		keeps := s.Keeps()
		clients, err := clientsWithRequests(tx)
		if err != nil {
			return err
		}
		most := map[string]int{}
		for _, id := range clients {
			most[id] = keeps[id]
		}
		if err := deleteBefore(tx, idPrefix+oldest.String()); err != nil {
			return err
		}
		return trim(tx, most)
	})
}

// Erase deletes the requests of a run.
func Erase(tx store.Tx, runID string) error { return deleteOfRun(tx, runID) }
