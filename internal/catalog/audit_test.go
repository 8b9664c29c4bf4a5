package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

func TestAudit(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		ctx, editor := context.Background(), catalog.NewEditor(catalog.EditorConfig{Nouns: catalog.NewRegistry(nil), Store: s})
		add := func(section, id, action string, before, after json.RawMessage) {
			require.NoError(t, s.Write(ctx, func(tx store.Tx) error {
				return catalog.Audit(tx, catalog.AuditEntry{Who: "mia", Action: action, Section: section, ResourceID: id, Before: before, After: after})
			}))
		}
		add("clients", "ci", "create", nil, json.RawMessage(`{"id":"ci"}`))
		add("agents", "triage", "update", json.RawMessage(`{"id":"triage"}`), json.RawMessage(`{"id":"triage","model":"m"}`))
		add("clients", "ci", "delete", json.RawMessage(`{"id":"ci"}`), nil)

		// What is taken back leaves no entry.
		broken := errors.New("broken")
		require.ErrorIs(t, s.Write(ctx, func(tx store.Tx) error {
			require.NoError(t, catalog.Audit(tx, catalog.AuditEntry{Who: "mia", Action: "create", Section: "clients", ResourceID: "never"}))
			return broken
		}), broken)

		first, cursor, err := editor.AuditEntries(ctx, catalog.AuditQuery{Limit: 2})
		require.NoError(t, err)
		require.Len(t, first, 2)
		require.Equal(t, "delete", first[0].Action)
		require.Nil(t, first[0].After)
		require.JSONEq(t, `{"id":"ci"}`, string(first[0].Before))
		require.WithinDuration(t, time.Now(), first[0].At, time.Minute)
		rest, end, err := editor.AuditEntries(ctx, catalog.AuditQuery{Limit: 2, Cursor: cursor})
		require.NoError(t, err)
		require.Len(t, rest, 1)
		require.Equal(t, "create", rest[0].Action)
		require.Empty(t, end)

		ofOne, _, err := editor.AuditEntries(ctx, catalog.AuditQuery{Section: "clients", ResourceID: "ci", Limit: 10})
		require.NoError(t, err)
		require.Len(t, ofOne, 2)
		_, _, err = editor.AuditEntries(ctx, catalog.AuditQuery{Section: "clients", Limit: 2, Cursor: cursor})
		require.True(t, problem.Is(err, problem.Invalid), "a cursor is good for its own list only")
	})
}
