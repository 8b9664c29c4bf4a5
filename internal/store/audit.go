package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"gorm.io/gorm"
)

// The bounds of a page of the audit list.
const (
	DefaultAuditPage = 50
	MaxAuditPage     = 200
)

const auditPrefix = "aud_"

// AuditEntry is one change that a person made.
type AuditEntry struct {
	ID         string // aud_ and a ULID
	At         time.Time
	Who        string
	Action     string // "create", "update", "delete", "rotate", …
	Section    string // "clients"
	ResourceID string
	Before     json.RawMessage // with its secrets masked; nil for what was not there
	After      json.RawMessage
}

// Audit adds an entry in the transaction of the change that it is about. It sets ID and At.
func (s *Store) Audit(tx *gorm.DB, e AuditEntry) error {
	err := tx.Exec("INSERT INTO audit (id, at, who, action, section, resource_id, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		auditPrefix+ulid.Make().String(), time.Now().UnixMilli(), e.Who, e.Action, e.Section, e.ResourceID, textOrNull(e.Before), textOrNull(e.After)).Error
	if err != nil {
		return fmt.Errorf("keep the audit entry of %s/%s: %w", e.Section, e.ResourceID, err)
	}
	return nil
}

func textOrNull(document json.RawMessage) any {
	if document == nil {
		return nil
	}
	return string(document)
}

// AuditQuery asks for audit entries, newest first.
type AuditQuery struct {
	Section    string // empty for all
	ResourceID string // empty for all
	Limit      int    // 1 to MaxAuditPage
	Cursor     string // of the page before; empty for the first
}

// AuditEntries returns a page of entries and the cursor of the next; no cursor says that there is none.
func (s *Store) AuditEntries(ctx context.Context, q AuditQuery) (list []AuditEntry, next string, err error) {
	cursors := NewCursors(auditPrefix, q.Section, q.ResourceID)
	below, err := cursors.Below(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	w := Walk{Table: "audit", Below: below}
	for _, e := range []Equal{{"section", q.Section}, {"resource_id", q.ResourceID}} {
		if e.Value != "" {
			w.Only = append(w.Only, e)
		}
	}
	if len(w.Only) == 2 {
		w.Index, w.Only = w.Only, nil
	}
	stop, err := w.Rows(ctx, s, "*", q.Limit, func(scan func(any) error) (string, bool, error) {
		var row struct {
			ID, Who, Action, Section, ResourceID string
			At                                   int64
			Before, After                        *string
		}
		if err := scan(&row); err != nil {
			return "", false, err
		}
		list = append(list, AuditEntry{ID: row.ID, At: time.UnixMilli(row.At).UTC(), Who: row.Who, Action: row.Action, Section: row.Section,
			ResourceID: row.ResourceID, Before: documentOrNil(row.Before), After: documentOrNil(row.After)})
		return row.ID, false, nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("list the audit entries: %w", err)
	}
	if stop != "" {
		next = cursors.After(stop)
	}
	return list, next, nil
}

func documentOrNil(text *string) json.RawMessage {
	if text == nil {
		return nil
	}
	return json.RawMessage(*text)
}
