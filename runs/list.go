package runs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

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
	Brief    bool      // the beginning of the input is enough, and the output is not needed
}

// List returns a page of runs, without their nodes, and the cursor of the next; no cursor says that there is none. A page
// may have fewer than its limit when their texts are long.
func (s *Service) List(ctx context.Context, q Query) (list []*Run, next string, err error) {
	below, err := q.cursors().Below(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	var where []string
	var values []any
	add := func(condition string, more ...any) {
		where, values = append(where, condition), append(values, more...)
	}
	add("id < ?", below)
	if q.ClientID != "" {
		add("client_id = ?", q.ClientID)
	}
	if !q.Since.IsZero() {
		var first ulid.ULID
		_ = first.SetTime(uint64(q.Since.UnixMilli())) // fails in the year 10889
		add("id >= ?", "run_"+first.String())
	}
	if q.Status != "" {
		add("status = ?", string(q.Status))
	}
	if q.Status != "" && q.Status != Completed {
		add("status <> 'COMPLETED'") // lets the database use its small index
	}
	if q.Agent != "" {
		add("workflow_id = ?", q.Agent)
	}
	rows, err := s.Store.Read(ctx).Raw("SELECT "+q.columns()+" FROM runs WHERE "+strings.Join(where, " AND ")+" ORDER BY id DESC LIMIT ?", append(values, q.Limit+1)...).Rows()
	if err != nil {
		return nil, "", fmt.Errorf("list runs: %w", err)
	}
	defer rows.Close()
	for size := 0; rows.Next(); {
		if len(list) == q.Limit || size > maxPageBytes {
			next = q.cursors().After(list[len(list)-1].ID)
			break
		}
		var w row
		if err := s.Store.Read(ctx).ScanRows(rows, &w); err != nil {
			return nil, "", fmt.Errorf("list runs: %w", err)
		}
		size += len(w.Input) + len(deref(w.Output))
		list = append(list, w.run())
	}
	if err := rows.Err(); err != nil {
		return nil, "", fmt.Errorf("list runs: %w", err)
	}
	return list, next, nil
}

func (q Query) columns() string {
	if !q.Brief {
		return "*"
	}
	return "id, status, client_id, workflow_id, kind, source, session_id, metadata, error_code, error_message, error_kind, prompt_tokens, completion_tokens, total_tokens, " +
		fmt.Sprintf("priority, attempts, crashes, created_at, received_at, started_at, completed_at, substr(input, 1, %d) AS input", briefInput)
}

func (q Query) cursors() store.Cursors {
	return store.NewCursors("run_", q.ClientID, string(q.Status), q.Agent)
}
