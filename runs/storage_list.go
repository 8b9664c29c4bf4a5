package runs

import (
	"context"
	"fmt"
	"slices"

	"beckon/internal/store"
)

// list returns the runs of a page, and what the ids of the next one are less than; see store.Page.
func (s storage) list(ctx context.Context, q Query, below string) (list []*Run, stop string, err error) {
	size := 0
	stop, err = store.Page(s.lists(ctx, q), q.walk(below), q.columns(), q.Limit, func(w row) (string, bool) {
		size += len(w.Input) + len(deref(w.Output))
		list = append(list, w.run())
		return w.ID, size > maxPageBytes
	})
	return list, stop, store.Wrap(err, "list runs")
}

// lists is where a list is read. What a page shows may be a little behind; a client finds what it has just started.
func (s storage) lists(ctx context.Context, q Query) store.Tx {
	if q.Brief {
		return s.store.ReadLate(ctx)
	}
	return s.store.Read(ctx)
}

// walk takes the index that knows most of what is asked for. Few runs have not completed, and they have indexes of
// their own.
func (q Query) walk(below string) store.Walk {
	w := store.Walk{Table: "runs", From: q.Prefix, Below: below}
	if q.Prefix != "" {
		w.Below = min(below, q.Prefix+"~") // which sorts behind every id
	}
	if !q.Since.IsZero() {
		w.From = max(w.From, "run_"+oldest(q.Since))
	}
	if !q.Until.IsZero() {
		w.Below = min(w.Below, "run_"+oldest(q.Until))
	}
	index := []store.Equal{{Column: "client_id", Value: q.ClientID}, {Column: "workflow_id", Value: q.Agent}}
	rest := store.Equal{Column: "status", Value: string(q.Status)}
	if q.Status != "" && q.Status != Completed {
		index[1], rest = rest, index[1]
		w.Of = "status <> 'COMPLETED'"
	}
	w.Index = slices.DeleteFunc(index, func(e store.Equal) bool { return e.Value == "" })
	if len(w.Index) == 1 && w.Index[0].Column == "client_id" {
		w.Each = "workflow_id"
	}
	if rest.Value != "" {
		w.Only = []store.Equal{rest}
	}
	if q.source != "" {
		w.Only = append(w.Only, store.Equal{Column: "source", Value: q.source})
	}
	return w
}

func (q Query) columns() string {
	if !q.Brief {
		return "*"
	}
	return fmt.Sprintf(`id, status, client_id, workflow_id, kind, source, session_id, metadata, error_code, error_message, error_kind,
		prompt_tokens, completion_tokens, total_tokens, cost, usage_details, answerer, verdict, priority, attempts, crashes,
		created_at, received_at, started_at, completed_at, substr(input, 1, %d) AS input,
		substr(origin, 1, %d) AS origin_start`, briefInput, briefOrigin)
}
