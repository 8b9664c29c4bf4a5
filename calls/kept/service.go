package kept

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/store"
	"beckon/internal/work"
)

// Requests are written in the background, so that no answer waits for them. Those that come faster than they can be
// written are dropped.
const (
	maxWaiting      = 1000
	maxWaitingBytes = 32 << 20
	maxBatch        = 40
	writeTimeout    = 5 * time.Second
	tidyEvery       = time.Minute
)

// Config has the dependencies and settings of a Service.
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
	queue    chan *item
	bytes    atomic.Int64 // of the bodies in the queue
	stopping sync.Once
	stop     chan struct{}
	done     chan struct{}
}

// item is a request to write and how many of its client are kept, or written is closed once all before it are on
// record.
type item struct {
	Request
	most    int
	written chan struct{}
}

// New returns a service that writes until Close.
func New(c Config) *Service {
	s := &Service{Config: c, queue: make(chan *item, maxWaiting), stop: make(chan struct{}), done: make(chan struct{})}
	go s.write()
	return s
}

// Register makes the instance delete kept requests that are too old or too many.
func (s *Service) Register(w *work.Instance) { w.Every(tidyEvery, "delete old kept requests", s.tidy) }

// Add keeps a request, and deletes all but the newest of its client. It never blocks.
func (s *Service) Add(r Request, most int) {
	size := int64(len(r.Body))
	if s.bytes.Add(size) <= maxWaitingBytes {
		select {
		case s.queue <- &item{Request: r, most: most}:
			return
		default:
		}
	}
	s.bytes.Add(-size)
	s.Log.Warn("a request could not be kept: too many are waiting to be written", slog.String("client", r.ClientID))
}

// Close writes the requests that are still in the queue. Requests that come later are dropped.
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
	case s.queue <- &item{written: written}:
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
func (s *Service) batch(first *item) []*item {
	list := []*item{first}
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

func (s *Service) save(list []*item) {
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

// EraseClient deletes the requests of a client, and returns how many there were.
func (s *Service) EraseClient(ctx context.Context, clientID string) (n int64, err error) {
	if s == nil {
		return 0, nil
	}
	if err := s.flush(ctx); err != nil {
		return 0, err
	}
	err = s.Store.Write(ctx, func(tx store.Tx) error {
		return tx.Scrub(func() (err error) {
			n, err = deleteOfClient(tx, clientID)
			return err
		})
	})
	return n, err
}

// ByVisitor returns the requests of forms that started no run and whose body has a visitor's mail address.
func (s *Service) ByVisitor(ctx context.Context, address string) (list []Request, err error) {
	if s == nil {
		return nil, nil
	}
	if err := s.flush(ctx); err != nil {
		return nil, err
	}
	rows, err := formsWithoutRun(s.Store.Read(ctx))
	if err != nil {
		return nil, err
	}
	for _, w := range rows {
		if !has(w.Body, address) {
			continue
		}
		r, err := w.request()
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// has reports whether the body of a form has a mail address, as it is or as forms encode it.
func has(body []byte, address string) bool {
	text := strings.ToLower(string(body))
	address = strings.ToLower(address)
	return strings.Contains(text, address) || strings.Contains(text, strings.ToLower(url.QueryEscape(address)))
}

// EraseByVisitor deletes what ByVisitor returns.
func (s *Service) EraseByVisitor(ctx context.Context, address string) (n int64, err error) {
	list, err := s.ByVisitor(ctx, address)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	err = s.Store.Write(ctx, func(tx store.Tx) error {
		return tx.Scrub(func() error {
			for _, r := range list {
				if err := deleteOne(tx, r.ID); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return int64(len(list)), err
}
