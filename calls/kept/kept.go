// Package kept stores the latest requests of clients with keepRequests, so that they can be replayed after a change.
// It receives requests without the tokens and signatures that authenticated them.
package kept

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/problem"
	"beckon/internal/store"
)

// MaxBody is the largest body in bytes that is kept.
const MaxBody = 256 << 10

// Why the body of a request is not kept.
const (
	TooLarge   = "too_large"  // it has more than MaxBody bytes
	Files      = "files"      // it may hold files, which were read piece by piece
	Unreadable = "unreadable" // it is broken JSON, in which a callback's secrets cannot be found
)

// CodeNotKept is the code of the problem of a request that is not there.
const CodeNotKept = "request_not_kept"

const idPrefix = "req_"

// Request is a request of a client.
type Request struct {
	ID        string // req_ and a ULID
	ClientID  string
	RunID     string // empty: it started none
	RequestID string // X-Request-Id of its answer
	At        time.Time
	Source    string // as of runs
	Agent     string // the one that its path named
	Method    string
	Query     url.Values
	Header    http.Header
	Body      []byte // decoded; not in lists
	Bytes     int64  // of the body as it came
	Omitted   string // why the body is not kept; empty: it is
	Code      string // why it started no run; empty: it did
}

// NewID returns the ID of a request.
func NewID() string { return idPrefix + ulid.Make().String() }

// Replayable returns a NotFound that says why a request cannot be replayed, or nil.
func (r Request) Replayable() error {
	const begin = "The request cannot be replayed: "
	switch r.Omitted {
	case "":
		return nil
	case TooLarge:
		return problem.New(problem.NotFound, CodeNotKept,
			begin+"its body has %d bytes, and bodies of up to %d are kept. Send it again.", r.Bytes, MaxBody)
	case Files:
		return problem.New(problem.NotFound, CodeNotKept,
			begin+"it came with files or as a form that may have some, and those are not kept. Send it again.")
	}
	return problem.New(problem.NotFound, CodeNotKept,
		begin+"its body is not valid JSON, and is not kept. Correct it and send it again.")
}

func errNotKept(what string) error {
	return problem.New(problem.NotFound, CodeNotKept,
		"%s is not kept. Set keepRequests on the client, such as keepRequests: 100: "+
			"its latest calls from then on can be replayed.", what)
}

// Get returns a kept request of a client. The error is a NotFound if the client has no such request.
func (s *Service) Get(ctx context.Context, clientID, id string) (Request, error) {
	return s.one(ctx, "This request", func(tx store.Tx) (row, bool, error) { return byID(tx, clientID, id) })
}

// OfRun returns the last request that a run has come of.
func (s *Service) OfRun(ctx context.Context, runID string) (Request, error) {
	return s.one(ctx, "The request of this run", func(tx store.Tx) (row, bool, error) { return ofRun(tx, runID) })
}

// OfAnswer returns the request of a client that was answered with a request ID and a code.
func (s *Service) OfAnswer(ctx context.Context, clientID, requestID, code string) (Request, error) {
	return s.one(ctx, "This request", func(tx store.Tx) (row, bool, error) {
		return ofAnswer(tx, clientID, requestID, code)
	})
}

func (s *Service) one(ctx context.Context, what string, find func(tx store.Tx) (row, bool, error)) (Request, error) {
	if s == nil {
		return Request{}, errNotKept(what)
	}
	if err := s.flush(ctx); err != nil {
		return Request{}, err
	}
	w, found, err := find(s.Store.Read(ctx))
	switch {
	case err != nil:
		return Request{}, store.Wrap(err, "read a kept request")
	case !found:
		return Request{}, errNotKept(what)
	}
	return w.request()
}

// List returns a page of the requests of a client, newest first and without their bodies, and the cursor of the
// next page.
func (s *Service) List(
	ctx context.Context, clientID string, limit int, cursor string,
) (list []Request, next string, err error) {
	cursors := store.NewCursors(idPrefix, clientID)
	below, err := cursors.Below(cursor)
	if err != nil || s == nil {
		return nil, "", err
	}
	if err := s.flush(ctx); err != nil {
		return nil, "", err
	}
	rows, err := ofClient(s.Store.Read(ctx), clientID, below, limit+1)
	if err != nil {
		return nil, "", store.Wrap(err, "list the kept requests")
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = cursors.After(rows[limit-1].ID)
	}
	for _, w := range rows {
		r, err := w.request()
		if err != nil {
			return nil, "", err
		}
		list = append(list, r)
	}
	return list, next, nil
}
