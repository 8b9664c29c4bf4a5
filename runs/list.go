package runs

import (
	"context"
	"fmt"
	"strings"

	"beckon/internal/store"
)

// The bounds of a page of runs.
const (
	DefaultPage = 50
	MaxPage     = 200
)

// Query asks for a client's runs, newest first.
type Query struct {
	ClientID string // empty for those of all clients
	Status   Status // empty for any
	Agent    string // empty for any
	Limit    int    // 1 to MaxPage
	Cursor   string // of the page before; empty for the first
}

// List returns a page of runs, without their nodes, and the cursor of the next; no cursor says that there is none.
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
	if q.Status != "" {
		add("status = ?", string(q.Status))
	}
	if q.Status != "" && q.Status != Completed {
		add("status <> 'COMPLETED'") // lets the database use its small index
	}
	if q.Agent != "" {
		add("workflow_id = ?", q.Agent)
	}
	var rows []row
	err = s.Store.Read(ctx).Raw("SELECT * FROM runs WHERE "+strings.Join(where, " AND ")+" ORDER BY id DESC LIMIT ?", append(values, q.Limit+1)...).Scan(&rows).Error
	if err != nil {
		return nil, "", fmt.Errorf("list runs: %w", err)
	}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		next = q.cursors().After(rows[q.Limit-1].ID)
	}
	list = make([]*Run, len(rows))
	for i := range rows {
		list[i] = rows[i].run()
	}
	return list, next, nil
}

func (q Query) cursors() store.Cursors {
	return store.NewCursors("run_", q.ClientID, string(q.Status), q.Agent)
}
