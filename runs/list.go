package runs

import (
	"context"
	"fmt"
	"slices"
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
)

// Query asks for a client's runs, newest first.
type Query struct {
	ClientID string    // empty for those of all clients
	Status   Status    // empty for any
	Agent    string    // empty for any
	Limit    int       // 1 to MaxPage
	Cursor   string    // of the page before; empty for the first
	Since    time.Time // zero for those of all times
	Prefix   string    // of their ids; empty for any
	Brief    bool      // the beginning of the input is enough, and the output is not needed
}

// List returns a page of runs, without their nodes, and the cursor of the next; no cursor says that there is none. A page
// may have fewer than its limit when their texts are long, and fewer or none when few runs among many are asked for.
func (s *Service) List(ctx context.Context, q Query) (list []*Run, next string, err error) {
	below, err := q.cursors().Below(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	size := 0
	stop, err := store.Page(s.Store.Read(ctx), q.walk(below), q.columns(), q.Limit, func(w row) (string, bool) {
		size += len(w.Input) + len(deref(w.Output))
		list = append(list, w.run())
		return w.ID, size > maxPageBytes
	})
	if err != nil {
		return nil, "", fmt.Errorf("list runs: %w", err)
	}
	if stop != "" {
		next = q.cursors().After(stop)
	}
	return list, next, nil
}

// walk takes the index that knows most of what is asked for. Few runs have not completed, and they have indexes of their own.
func (q Query) walk(below string) store.Walk {
	w := store.Walk{Table: "runs", From: q.Prefix, Below: below}
	if q.Prefix != "" {
		w.Below = min(below, q.Prefix+"~") // which sorts behind every id
	}
	if !q.Since.IsZero() {
		w.From = max(w.From, "run_"+oldest(q.Since))
	}
	index := []store.Equal{{Column: "client_id", Value: q.ClientID}, {Column: "workflow_id", Value: q.Agent}}
	rest := store.Equal{Column: "status", Value: string(q.Status)}
	if q.Status != "" && q.Status != Completed {
		index[1], rest = rest, index[1]
		w.Of = "status <> 'COMPLETED'"
	}
	if w.Index = slices.DeleteFunc(index, func(e store.Equal) bool { return e.Value == "" }); len(w.Index) == 1 && w.Index[0].Column == "client_id" {
		w.Each = "workflow_id"
	}
	if rest.Value != "" {
		w.Only = []store.Equal{rest}
	}
	return w
}

func (q Query) columns() string {
	if !q.Brief {
		return "*"
	}
	return "id, status, client_id, workflow_id, kind, source, session_id, metadata, error_code, error_message, error_kind, prompt_tokens, completion_tokens, total_tokens, " +
		fmt.Sprintf("priority, attempts, crashes, created_at, received_at, started_at, completed_at, substr(input, 1, %d) AS input", briefInput)
}

func (q Query) cursors() store.Cursors {
	return store.NewCursors("run_", q.ClientID, string(q.Status), q.Agent) // a prefix is good for all
}
