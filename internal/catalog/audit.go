package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/internal/secret"
	"beckon/internal/store"
)

// DefaultAuditPage is how many entries a page of the audit list has that says nothing else.
const DefaultAuditPage = 50

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

// AuditQuery asks for audit entries, newest first.
type AuditQuery struct {
	Section    string // empty for all
	ResourceID string // empty for all
	Limit      int    // at least 1
	Cursor     string // of the page before; empty for the first
}

// AuditEntries returns a page of entries and the cursor of the next page. The cursor is empty after the last page.
func (e *Editor) AuditEntries(ctx context.Context, q AuditQuery) (list []AuditEntry, next string, err error) {
	cursors := store.NewCursors(auditPrefix, q.Section, q.ResourceID)
	below, err := cursors.Below(q.Cursor)
	if err != nil {
		return nil, "", err
	}
	list, stop, err := listAudit(e.Store.Read(ctx), q, below)
	if err != nil {
		return nil, "", err
	}
	if stop != "" {
		next = cursors.After(stop)
	}
	return list, next, nil
}

// Note writes an entry about something that is no change of a resource, such as a delivery that was sent again.
func (e *Editor) Note(ctx context.Context, who, action, section, id string, what any) error {
	return e.Store.Write(ctx, func(tx store.Tx) error { return e.audit(tx, who, action, key{section, id}, nil, what) })
}

// audit notes a change. before and after are a Resource, or what else is to be said; a secret is marked as new where
// nobody would see otherwise that it has changed.
func (e *Editor) audit(tx store.Tx, who, action string, k key, before, after any) error {
	n := e.Nouns.bySection[k.section]
	was, _ := before.(Resource)
	if is, ok := after.(Resource); ok {
		after = n.shown(was, n.Audited(is))
	}
	if was != nil {
		before = n.shown(nil, n.Audited(was))
	}
	masked, now, err := maskedDocuments(before, after, was != nil)
	if err != nil {
		return err
	}
	return Audit(tx, AuditEntry{
		Who:        who,
		Action:     action,
		Section:    k.section,
		ResourceID: k.id,
		Before:     masked,
		After:      now,
	})
}

// Documents returns two of them as the audit list has them: with their secrets masked, and marked where they differ.
func (s Section[T]) Documents(before, after T) (was, is json.RawMessage, err error) {
	shown := s.noun.shown(before, s.noun.Audited(after))
	return maskedDocuments(s.noun.shown(nil, s.noun.Audited(before)), shown, true)
}

// maskedDocuments masks the secrets of two documents. In a change, the second says which of its secrets are not in the first.
func maskedDocuments(before, after any, isChange bool) (was, is json.RawMessage, err error) {
	known := map[secret.String]bool{}
	was, err = maskedDocument(before, func(s secret.String) string {
		known[s] = true
		return s.String()
	})
	if err != nil {
		return nil, nil, err
	}
	is, err = maskedDocument(after, func(s secret.String) string {
		if isChange && !known[s] {
			return s.String() + " (new)"
		}
		return s.String()
	})
	return was, is, err
}

func maskedDocument(item any, show func(secret.String) string) (json.RawMessage, error) {
	if item == nil {
		return nil, nil
	}
	mask := jsonv2.MarshalToFunc(func(enc *jsontext.Encoder, s secret.String) error {
		if s == "" {
			return enc.WriteToken(jsontext.String(""))
		}
		return enc.WriteToken(jsontext.String(show(s)))
	})
	document, err := jsonv2.Marshal(item, jsonv2.Deterministic(true), jsonv2.WithMarshalers(mask))
	if err != nil {
		return nil, fmt.Errorf("write a resource for the audit list: %w", err)
	}
	return json.RawMessage(document), nil
}
