package web

import (
	"net/url"
	"slices"
	"time"

	"beckon/internal/catalog"

	"github.com/labstack/echo/v4"
)

const auditPath = "/admin/audit"

// auditList is what the list of changes shows.
type auditList struct {
	Section, ID string // asked for; empty for all
	Sections    []string
	Rows        []auditRow
	Next        string // the address of the next page; empty on the last
	NotFirst    bool   // this is not the first page
}

// auditRow is one change.
type auditRow struct {
	At               time.Time
	Who, What        string
	Section, ID      string
	Address          string // of the page of what was changed; empty when it has none
	Summary          string
	Differences      []difference
	MoreDifferences  int  // differences that are not shown
	Before, IsChange bool // Before: there is a state before; IsChange: there is one after as well
}

// sessionsSection is where it is noted who has logged in. Its ids are the addresses of browsers.
const sessionsSection = "sessions"

// auditSections are those to choose from.
func auditSections() []string {
	list := []string{"deliveries", "runs", sessionsSection}
	for _, f := range forms() {
		list = append(list, f.section)
	}
	slices.Sort(list)
	return list
}

// auditWords are the actions in words; another is shown as it is.
var auditWords = map[string]string{
	"create":          "created",
	"update":          "changed",
	"delete":          "deleted",
	"rotate":          "replaced the secret of",
	"rotate-secret":   "replaced the webhook secret of",
	"rotate-form-key": "replaced the form key of",
	"test":            "tested",
	"enable":          "enabled",
	"disable":         "disabled",
	"resend":          "sent again",
	"recover":         "resent failed deliveries to",
	"cancel":          "canceled",
	"repeat":          "ran again",
	"revoke":          "revoked the page of",
	"delete-session":  "deleted a conversation of",
	actionLogin:       "logged in from",
	actionLockout:     "locked out after too many wrong passwords from",
	actionLogoutAll:   "logged out everywhere from",
}

// IsSession reports whether it is about who has logged in, and from where.
func (r auditRow) IsSession() bool { return r.Section == sessionsSection }

func (w *Web) auditPage() page {
	return page{path: auditPath, template: "audit", title: "Audit", data: w.showAudit}
}

func (w *Web) showAudit(c echo.Context) (any, error) {
	q := catalog.AuditQuery{
		Section:    c.QueryParam("section"),
		ResourceID: c.QueryParam("id"),
		Limit:      catalog.DefaultAuditPage,
		Cursor:     c.QueryParam("cursor"),
	}
	entries, next, err := w.Backend.Editor.AuditEntries(c.Request().Context(), q)
	if err != nil {
		return nil, err
	}
	list := auditList{Section: q.Section, ID: q.ResourceID, Sections: auditSections(), NotFirst: q.Cursor != ""}
	if q.Section != "" && !slices.Contains(list.Sections, q.Section) {
		list.Sections = append(list.Sections, q.Section)
	}
	for _, e := range entries {
		list.Rows = append(list.Rows, newAuditRow(e))
	}
	if next != "" {
		asked := url.Values{}
		if q.Section != "" {
			asked.Set("section", q.Section)
		}
		if q.ResourceID != "" {
			asked.Set("id", q.ResourceID)
		}
		list.Next = listAddress(auditPath, asked, next)
	}
	return list, nil
}

func newAuditRow(e catalog.AuditEntry) auditRow {
	row := auditRow{
		At:       e.At,
		Who:      e.Who,
		What:     e.Action,
		Section:  e.Section,
		ID:       e.ResourceID,
		Before:   e.Before != nil,
		IsChange: e.Before != nil && e.After != nil,
	}
	if words, ok := auditWords[e.Action]; ok {
		row.What = words
	}
	if e.Action == "rotate" && e.Section == "clients" {
		row.What = "replaced the token of"
	}
	if e.Action != "delete" && e.Section != sessionsSection && slices.Contains(auditSections(), e.Section) {
		row.Address = "/admin/" + e.Section + "/" + url.PathEscape(e.ResourceID)
	}
	row.Differences, row.MoreDifferences = compare(e.Before, e.After)
	row.Summary = summaryOf(row)
	return row
}

func summaryOf(row auditRow) string {
	n := len(row.Differences) + row.MoreDifferences
	switch {
	case n == 0:
		return ""
	case !row.IsChange:
		return "details"
	}
	i := slices.IndexFunc(row.Differences, func(d difference) bool { return d.Path == "enabled" })
	switch {
	case i >= 0 && n == 1:
		return enabledOrDisabled(row.Differences[i])
	case i >= 0:
		return enabledOrDisabled(row.Differences[i]) + ", and other changes"
	case n == 1:
		return row.Differences[0].Path
	}
	return number(int64(n)) + " fields"
}

// enabledOrDisabled describes a change of the field "enabled", which is true where it is absent.
func enabledOrDisabled(enabled difference) string {
	if enabled.After == "false" {
		return "disabled"
	}
	return "enabled"
}
