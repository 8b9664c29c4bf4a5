package crash_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// told is an event as a receiver knows it: what happened in which run.
type told struct{ path, runID, kind, nodeID string }

// arrival is a post of an event.
type arrival struct {
	at       time.Time
	accepted bool
}

// receiver takes events for an endpoint and for the webhooks of calls, and fails one post in five.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex
	ids      map[told]map[string]bool // the ids under which an event came
	arrivals map[string][]arrival     // by path and id
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{ids: map[told]map[string]bool{}, arrivals: map[string][]arrival{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	var payload struct {
		Type, RunID string
		Data        struct{ NodeID string }
	}
	if json.NewDecoder(request.Body).Decode(&payload) != nil {
		return
	}
	event := told{strings.TrimPrefix(request.URL.Path, "/"), payload.RunID, payload.Type, payload.Data.NodeID}
	id := request.Header.Get("webhook-id")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids[event] == nil {
		r.ids[event] = map[string]bool{}
	}
	r.ids[event][id] = true
	key := event.path + " " + id
	fails := rand.IntN(5) == 0 && len(r.arrivals[key]) < mostFailures
	r.arrivals[key] = append(r.arrivals[key], arrival{time.Now(), !fails})
	if fails {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// accepted reports whether an event was taken.
func (r *receiver) accepted(event told) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id := range r.ids[event] {
		for _, a := range r.arrivals[event.path+" "+id] {
			if a.accepted {
				return true
			}
		}
	}
	return false
}
