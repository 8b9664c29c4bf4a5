package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/problem"
)

// How many refused calls are kept, and how many a page has that says nothing else.
const (
	keptRefused        = 1000
	DefaultRefusedPage = 50
)

const refusedPrefix = "ref_"

// RefusedCall is a request that was turned away, or skipped. Its body is not kept.
type RefusedCall struct {
	ID        string // ref_ and a ULID
	At        time.Time
	Status    int    // 200 of one that was skipped
	Code      string // of the problem that was answered, or why it was skipped
	Reason    string // its detail
	Method    string
	Path      string
	RequestID string            // as the answer had it
	ClientID  string            // as the caller gave it; there may be no such client
	Address   string            // of the caller
	Headers   map[string]string // those with secrets are masked
}

// RefusedQuery asks for refused calls, newest first.
type RefusedQuery struct {
	ClientID string // empty for all
	Code     string // empty for all
	Limit    int    // at least 1
	Cursor   string // of the page before; empty for the first
}

// IsSkipped reports whether nothing was wrong with the call: it started no run because its client wants none for it.
func (c RefusedCall) IsSkipped() bool { return c.Status < 400 }

// Refuse inserts refused calls, and then deletes the oldest: it keeps the last thousand refused calls and the last
// thousand skipped calls.
func Refuse(tx Tx, list []RefusedCall) error {
	for _, c := range list {
		headers, err := json.Marshal(c.Headers)
		if err != nil {
			return fmt.Errorf("encode the headers of a refused call: %w", err)
		}
		row := tx.NewRow("refused_calls")
		row.Text("id", refusedPrefix+ulid.Make().String())
		row.Number("at", c.At.UnixMilli())
		row.Number("status", int64(c.Status))
		row.Value("code", c.Code)
		row.Value("reason", c.Reason)
		row.Value("method", c.Method)
		row.Value("path", c.Path)
		row.Value("address", c.Address)
		row.Value("headers", string(headers))
		row.Text("client_id", c.ClientID)
		row.Text("request_id", c.RequestID)
		if err := row.Insert(); err != nil {
			return err
		}
	}
	for _, which := range []string{"status >= 400", "status < 400"} {
		err := tx.Exec("DELETE FROM refused_calls WHERE "+which+" AND id <= (SELECT id FROM refused_calls WHERE "+which+
			" ORDER BY id DESC LIMIT 1 OFFSET ?)", keptRefused)
		if err != nil {
			return err
		}
	}
	return nil
}

// RefusedCalls returns a page of refused calls and the cursor of the next page. The cursor is empty after the last
// page.
func (s *Store) RefusedCalls(ctx context.Context, q RefusedQuery) (list []RefusedCall, next string, err error) {
	cursors := NewCursors(refusedPrefix, q.ClientID, q.Code)
	below, err := cursors.Below(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	rows, err := Rows[refusedRow](s.ReadLate(ctx), `SELECT * FROM refused_calls
		WHERE id < ? AND (? = '' OR client_id = ?) AND (? = '' OR code = ?) ORDER BY id DESC LIMIT ?`,
		below, q.ClientID, q.ClientID, q.Code, q.Code, q.Limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("list the refused calls: %w", err)
	}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		next = cursors.After(rows[q.Limit-1].ID)
	}
	list = make([]RefusedCall, len(rows))
	for i, w := range rows {
		if list[i], err = w.call(); err != nil {
			return nil, "", err
		}
	}
	return list, next, nil
}

// EraseRefused deletes the refused calls of a client.
func (s *Store) EraseRefused(ctx context.Context, clientID string) error {
	return s.Write(ctx, func(tx Tx) error {
		return tx.Scrub(func() error {
			err := tx.Exec("DELETE FROM refused_calls WHERE client_id = ?", clientID)
			return Wrap(err, "delete the refused calls of %q", clientID)
		})
	})
}

// RefusedSince counts the refused calls since a time; more says that there may have been others, which are not kept
// any more.
func (s *Store) RefusedSince(ctx context.Context, since time.Time) (n int64, more bool, err error) {
	if n, _, err = Row[int64](s.ReadLate(ctx),
		"SELECT COUNT(*) FROM refused_calls WHERE at >= ? AND status >= 400", since.UnixMilli()); err != nil {
		return 0, false, fmt.Errorf("count the refused calls: %w", err)
	}
	return n, n >= keptRefused, nil
}

// RefusedCall returns a refused call. The error is a NotFound if there is none with that id, or if it was deleted.
func (s *Store) RefusedCall(ctx context.Context, id string) (RefusedCall, error) {
	row, found, err := Row[refusedRow](s.Read(ctx), "SELECT * FROM refused_calls WHERE id = ?", id)
	if err != nil {
		return RefusedCall{}, fmt.Errorf("read a refused call: %w", err)
	}
	if !found {
		return RefusedCall{}, problem.New(problem.NotFound, "refused_call_not_found",
			"There is no such refused call: the last %d are kept.", keptRefused)
	}
	return row.call()
}

type refusedRow struct {
	ID, Code, Reason, Method, Path, Address, Headers string
	ClientID, RequestID                              *string
	At                                               int64
	Status                                           int
}

func (w refusedRow) call() (RefusedCall, error) {
	c := RefusedCall{
		ID:      w.ID,
		At:      time.UnixMilli(w.At).UTC(),
		Status:  w.Status,
		Code:    w.Code,
		Reason:  w.Reason,
		Method:  w.Method,
		Path:    w.Path,
		Address: w.Address,
	}
	if w.ClientID != nil {
		c.ClientID = *w.ClientID
	}
	if w.RequestID != nil {
		c.RequestID = *w.RequestID
	}
	if err := json.Unmarshal([]byte(w.Headers), &c.Headers); err != nil {
		return c, fmt.Errorf("decode the headers of a refused call: %w", err)
	}
	return c, nil
}
