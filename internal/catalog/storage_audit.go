package catalog

import (
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"beckon/internal/store"
)

// Audit adds an entry in the transaction of the change that it is about. It sets ID and At.
func Audit(tx store.Tx, e AuditEntry) error {
	row := tx.NewRow("audit")
	row.Text("id", auditPrefix+ulid.Make().String())
	row.Time("at", time.Now())
	row.Value("who", e.Who)
	row.Text("action", e.Action)
	row.Text("section", e.Section)
	row.Value("resource_id", e.ResourceID)
	row.Text("before", string(e.Before))
	row.Text("after", string(e.After))
	err := row.Insert()
	return store.Wrap(err, "keep the audit entry of %s/%s", e.Section, e.ResourceID)
}

type auditRow struct {
	ID, Who, Action, Section, ResourceID string
	At                                   int64
	Before, After                        *string
}

// listAudit returns the entries of a page, and what the ids of the next one are less than; see store.Page.
func listAudit(tx store.Tx, q AuditQuery, below string) (list []AuditEntry, stop string, err error) {
	w := store.Walk{Table: "audit", Below: below}
	for _, only := range []store.Equal{
		{Column: "section", Value: q.Section},
		{Column: "resource_id", Value: q.ResourceID},
	} {
		if only.Value != "" {
			w.Only = append(w.Only, only)
		}
	}
	if len(w.Only) == 2 {
		w.Index, w.Only = w.Only, nil
	}
	stop, err = store.Page(tx, w, "*", q.Limit, func(row auditRow) (string, bool) {
		list = append(list, AuditEntry{
			ID:         row.ID,
			At:         time.UnixMilli(row.At).UTC(),
			Who:        row.Who,
			Action:     row.Action,
			Section:    row.Section,
			ResourceID: row.ResourceID,
			Before:     documentOrNil(row.Before),
			After:      documentOrNil(row.After),
		})
		return row.ID, false
	})
	return list, stop, store.Wrap(err, "list the audit entries")
}

func documentOrNil(text *string) json.RawMessage {
	if text == nil {
		return nil
	}
	return json.RawMessage(*text)
}
