package runs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/oklog/ulid/v2"

	"beckon/internal/problem"
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
	below, err := q.position()
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
		next = q.cursor(rows[q.Limit-1].ID)
	}
	list = make([]*Run, len(rows))
	for i := range rows {
		list[i] = rows[i].run()
	}
	return list, next, nil
}

// behindAll sorts behind every id of a run.
const behindAll = "run_~"

// position reads the cursor: the id of the last run before this page, and a check that it belongs to the same query.
func (q Query) position() (string, error) {
	if q.Cursor == "" {
		return behindAll, nil
	}
	id, _, _ := strings.Cut(string(decodeCursor(q.Cursor)), ".")
	if _, err := ulid.ParseStrict(strings.TrimPrefix(id, "run_")); err != nil || q.cursor(id) != q.Cursor {
		return "", problem.New(problem.Invalid, "invalid_cursor", "The cursor is not one that a page of this list gave. Begin without one.")
	}
	return id, nil
}

func (q Query) cursor(id string) string {
	check := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s", id, q.ClientID, q.Status, q.Agent))
	return base64.RawURLEncoding.EncodeToString(append([]byte(id+"."), check[:9]...))
}

func decodeCursor(cursor string) []byte {
	if len(cursor) > 128 {
		return nil
	}
	text, _ := base64.RawURLEncoding.DecodeString(cursor)
	return text
}
