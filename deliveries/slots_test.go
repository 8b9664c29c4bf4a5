package deliveries_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/events"
	"beckon/internal/egress"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// hanging is a way out on which hosts of the domain hang.example accept and never answer.
type hanging struct {
	deliveries.Sender
	mu      sync.Mutex
	under   map[string]int // attempts under way, by what the URL ends in
	release chan struct{}
}

func (h *hanging) Send(ctx context.Context, method, url string, header http.Header, body []byte, timeout time.Duration) (egress.Answer, error) {
	_, client, ok := strings.Cut(url, ".hang.example/")
	if !ok {
		return h.Sender.Send(ctx, method, url, header, body, timeout)
	}
	h.mu.Lock()
	h.under[client]++
	h.mu.Unlock()
	select {
	case <-h.release:
	case <-ctx.Done():
	}
	return egress.Answer{Status: http.StatusNoContent}, ctx.Err()
}

func (h *hanging) count() (all, most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.under {
		all, most = all+n, max(most, n)
	}
	return all, most
}

// The callbacks of a client, to as many hosts as it likes, leave room for those of others, and those of all of them for
// endpoints.
func TestCallbacksThatHangLeaveRoom(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	r := newReceiver(t, nil)
	p := newPlant(t, s, endpoint("ops", r, func(e *deliveries.Endpoint) { e.Clients = []string{"quiet"} }))
	h := &hanging{Sender: p.Out, under: map[string]int{}, release: make(chan struct{})}
	p.Out = h
	greedy := func(client string) {
		require.NoError(t, s.Write(t.Context(), func(tx store.Tx) error {
			for host := range 66 {
				about := callback(fmt.Sprintf("https://%s-%d.hang.example/%[1]s", client, host), "")
				about.ClientID = client
				run := "run_" + ulid.Make().String()
				e := events.Event{ID: events.FirstID(run, time.Now()), RunID: run, Type: events.RunCompleted, Payload: []byte(`{"type":"run.completed","createdAt":"2026-02-18T12:00:00.000Z"}`)}
				if err := p.log.Append(tx, about, []events.Event{e}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	full := func(all int) {
		require.Eventually(t, func() bool { n, _ := h.count(); return n >= all }, patience, 5*time.Millisecond)
	}
	greedy("c0")
	full(64)
	about := callback(r.URL+"/callback", "")
	about.ClientID = "other"
	p.happens(about, events.RunCompleted)
	r.gets(t, 1)
	for i := range 8 {
		greedy(fmt.Sprintf("c%d", i+1))
	}
	full(512)
	about = ofTriage
	about.ClientID = "quiet"
	p.happens(about, events.RunCompleted)
	p.settled("ops", deliveries.Delivered, 1)
	all, most := h.count()
	require.Equal(t, 512, all)
	require.Equal(t, 64, most)
	close(h.release)
}
