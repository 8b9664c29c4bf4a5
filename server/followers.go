package server

import (
	"net/http"
	"sync"
	"time"

	"beckon/calls"
	"beckon/internal/problem"
)

// mostFollowers is how many streams of events one client may have open, where half of the connections are not fewer.
const mostFollowers = 10_000

// followers counts the open streams of each client.
type followers struct {
	most int
	mu   sync.Mutex
	open map[string]int
}

// enter counts a stream of a client. A nil error means that leave must follow.
func (f *followers) enter(client string) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[client] >= f.most {
		return nil, problem.New(problem.Exhausted, "too_many_streams", "This client follows as many runs as it may (%d). Close a stream, or read the run instead.", f.most).After(time.Second)
	}
	f.open[client]++
	return func() { f.leave(client) }, nil
}

func (f *followers) leave(client string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[client]--; f.open[client] == 0 {
		delete(f.open, client)
	}
}

// holder reports whether a request would still be let in as a client: it may have got a new token since, or be disabled.
func (s *Server) holder(r *http.Request, clientID string) func() bool {
	return func() bool {
		client := s.Calls.Catalog().Clients.ByToken(calls.BearerToken(r.Header))
		return client != nil && client.ID == clientID && client.IsEnabled()
	}
}
