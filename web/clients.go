package web

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/runs"
)

const (
	clientsPath = "/admin/clients"
	// maxClients is how many a page of the list has. Each costs a look for its last call.
	maxClients = 50
)

// clientList is what the list shows.
type clientList struct {
	Path   string
	Notice string
	Rows   []clientRow
	Next   string // the address of the next page; empty on the last
	Later  bool   // this is not the first page
}

// clientRow is a client in the list.
type clientRow struct {
	listed[clients.Client]
	Last *lastCall // nil for one that never called
}

// lastCall is the newest run of a client.
type lastCall struct {
	RunID, Status, Message string
	At                     time.Time
}

// clientPages are those of the clients.
func (w *Web) clientPages() []page {
	return []page{w.clientsPage(), w.newClientPage(), w.clientPage(), w.clientTokenPage()}
}

func (w *Web) clientsPage() page {
	row := clientRow{listed[clients.Client]{Item: clients.Client{ID: "ci", Name: "CI"}, Why: "It is broken.", Managed: true}, &lastCall{"run_1", "FAILED", "It took too long.", time.Unix(0, 0)}}
	return page{path: clientsPath, template: "clients", title: "Clients", data: w.showClients,
		sample: clientList{Path: clientsPath, Notice: "Done.", Next: "?after=ci", Rows: []clientRow{row, {}}}}
}

func (w *Web) showClients(c echo.Context) (any, error) {
	ctx, after := c.Request().Context(), c.QueryParam("after")
	all, err := kept[clients.Client](w).List(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b catalog.Record[clients.Client]) int { return strings.Compare(a.Item.ID, b.Item.ID) })
	rest := slices.DeleteFunc(all, func(r catalog.Record[clients.Client]) bool { return r.Item.ID <= after })
	list := clientList{Path: clientsPath, Notice: clientNotice(c), Later: after != ""}
	if len(rest) > maxClients {
		rest = rest[:maxClients]
		list.Next = clientsPath + "?after=" + url.QueryEscape(rest[maxClients-1].Item.ID)
	}
	for _, record := range rest {
		row := clientRow{listed: nounPages[clients.Client, clientForm]{form: formOf("client")}.listed(record)}
		if row.Last, err = w.lastCallOf(ctx, record.Item.ID); err != nil {
			return nil, err
		}
		list.Rows = append(list.Rows, row)
	}
	return list, nil
}

// Prompt says where the prompt of the client's calls comes from.
func (r clientRow) Prompt() string {
	switch {
	case !r.Item.Passthrough:
		return "the command " + r.Item.CommandID
	case r.Item.Template != "":
		return "a template over the request"
	}
	return "the request"
}

// lastCallOf finds the newest run of a client; nil when there is none.
func (w *Web) lastCallOf(ctx context.Context, id string) (*lastCall, error) {
	list, _, err := w.Desk.Runs.List(ctx, runs.Query{ClientID: id, Limit: 1, Brief: true})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	last := &lastCall{RunID: list[0].ID, Status: string(list[0].Status), At: list[0].CreatedAt}
	if failure := list[0].Error; failure != nil {
		last.Message = failure.Message
	}
	return last, nil
}

// isDeclared reports whether a resource comes from the configuration file, which is where it is changed.
func isDeclared(origin string) bool { return origin == "config" }

// clientNotice says what was done before the page was asked for. The address names it and cannot say anything else.
func clientNotice(c echo.Context) string {
	switch done := c.QueryParam("done"); done {
	case "enabled":
		return "The client is enabled: its calls are answered."
	case "disabled":
		return "The client is disabled: its calls are refused with 403."
	case "deleted":
		return "The client is deleted, and its token is good for nothing. Its runs are kept."
	default:
		return noticeOf("client", done)
	}
}
