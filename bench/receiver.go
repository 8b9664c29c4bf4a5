package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// receiver takes deliveries, and notes when each event came. Paths under /hang are never answered.
type receiver struct {
	url    string
	server *http.Server
	ended  chan error

	mu      sync.Mutex
	arrived map[string][]time.Time // by path and event
}

const hangPath = "/hang"

func startReceiver() (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + listener.Addr().String(), ended: make(chan error, 1), arrived: map[string][]time.Time{}}
	r.server = &http.Server{Handler: http.HandlerFunc(r.take), ReadHeaderTimeout: time.Minute}
	go func() { r.ended <- r.server.Serve(listener) }()
	return r, nil
}

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	now := time.Now()
	_, _ = io.Copy(io.Discard, request.Body)
	if strings.HasPrefix(request.URL.Path, hangPath) {
		<-request.Context().Done()
		return
	}
	r.mu.Lock()
	key := request.URL.Path + " " + request.Header.Get("webhook-id")
	r.arrived[key] = append(r.arrived[key], now)
	r.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.arrived)
}

func (r *receiver) stop() error {
	err := r.server.Close()
	if ended := <-r.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// await waits until so many events have come.
func (r *receiver) await(ctx context.Context, n int, patience time.Duration) error {
	for deadline := time.Now().Add(patience); r.count() < n; {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d deliveries have not come after %s", n-r.count(), n, patience)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// receipts are the milliseconds from the commit of events to their receipt, in order, with the time that all of them took.
type receipts struct {
	waits []float64
	took  time.Duration // from the first commit to the last receipt
}

// compare joins what came with what the gateway has on record. Every delivery on record that should have come must have
// come, once, and nothing else. path is that of a delivery, empty for those that should not.
func (r *receiver) compare(
	ctx context.Context, database string, since int64, path func(endpointID string) string,
) (found receipts, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var first, last time.Time
	n := 0
	err = query(ctx, database,
		"SELECT coalesce(endpoint_id, ''), event_id, created_at FROM deliveries WHERE created_at >= ?", func(rows *sql.Rows) error {
			var endpoint, event string
			var created int64
			if err := rows.Scan(&endpoint, &event, &created); err != nil {
				return err
			}
			to := path(endpoint)
			if to == "" {
				return nil
			}
			n++
			at := r.arrived[to+" "+event]
			if len(at) != 1 {
				return fmt.Errorf("event %s came %d times", event, len(at))
			}
			committed := time.UnixMilli(created)
			if first.IsZero() || committed.Before(first) {
				first = committed
			}
			if at[0].After(last) {
				last = at[0]
			}
			found.waits = append(found.waits, float64(at[0].Sub(committed).Microseconds())/1000)
			return nil
		}, since)
	if err == nil && n == 0 {
		err = errors.New("there are no deliveries on record")
	}
	slices.Sort(found.waits)
	found.took = last.Sub(first)
	return found, err
}

func (f receipts) percentile(percent int) float64 {
	return f.waits[min(len(f.waits)*percent/100, len(f.waits)-1)]
}
