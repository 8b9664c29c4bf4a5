package runs

import (
	"context"
	"time"

	"beckon/internal/store"
)

// The bounds of a page of runs.
const (
	DefaultPage = 50
	MaxPage     = 200
	// maxPageBytes ends a page of long texts before its limit.
	maxPageBytes = 8 << 20
	// briefInput is how much of its input a brief run has, in letters.
	briefInput = 200
	// briefOrigin is how much of its origin is read, in letters: enough for the title of the event.
	briefOrigin = 4096
)

// Query asks for a client's runs, newest first.
type Query struct {
	ClientID string    // empty for those of all clients
	Status   Status    // empty for any
	Agent    string    // empty for any
	Limit    int       // 1 to MaxPage
	Cursor   string    // of the page before; empty for the first
	Since    time.Time // zero for those of all times
	Until    time.Time // those that were made before; zero for those of all times
	Prefix   string    // of their ids; empty for any
	Brief    bool      // the beginning of the input is enough, and the output is not needed
	source   string    // empty for any
}

// List returns a page of runs, without their nodes, and the cursor of the next page. The cursor is empty after the
// last page. A page may be shorter than its limit if the texts are long, and shorter or even empty if the filter
// matches few of many runs.
func (s *Service) List(ctx context.Context, q Query) (list []*Run, next string, err error) {
	below, err := q.cursors().Below(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	list, stop, err := s.storage.list(ctx, q, below)
	if err != nil {
		return nil, "", err
	}
	if stop != "" {
		next = q.cursors().After(stop)
	}
	return list, next, nil
}

func (q Query) cursors() store.Cursors {
	return store.NewCursors("run_", q.ClientID, string(q.Status), q.Agent) // a prefix is good for all
}
