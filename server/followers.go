package server

import (
	"net/http"
	"sync"
	"time"

	"beckon/calls"
	"beckon/internal/problem"
)

// maxFollowers is how many streams of events one client may have open, where half of the connections are not fewer.
const maxFollowers = 10_000

// followers counts the open streams of each client.
type followers struct {
	limit int
	mu    sync.Mutex
	open  map[string]int
}

// add counts a stream of a client. Where the error is nil, remove must be called at the end of the stream.
func (f *followers) add(client string) (remove func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[client] >= f.limit {
		return nil, problem.New(problem.Exhausted, problem.CodeTooManyStreams,
			"This client already follows the maximum number of runs (%d). Close a stream, or read the run instead.",
			f.limit).After(time.Second)
	}
	f.open[client]++
	return func() { f.remove(client) }, nil
}

func (f *followers) remove(client string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[client]--; f.open[client] == 0 {
		delete(f.open, client)
	}
}

// stillAllowed returns a function that reports whether a request still proves to come from a client: since it came in,
// the client may have got a new token, or been disabled.
func (s *Server) stillAllowed(r *http.Request, clientID string) func() bool {
	return func() bool {
		client := s.Calls.Catalog().Clients.ByToken(calls.BearerToken(r.Header))
		return client != nil && client.ID == clientID && client.IsEnabled()
	}
}
