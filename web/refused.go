package web

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"beckon/calls/kept"
	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/store"
)

const refusedPath = "/admin/refused"

// recordPages are those that show what was done, and what is in force.
func (w *Web) recordPages() []page {
	return []page{w.refusedPage(), w.refusedCallPage(), w.settingsPage(), w.exportPage(), w.auditPage(), w.doctorPage()}
}

// refusedList is what the list of refused calls shows.
type refusedList struct {
	Views        views
	Client, Code string // asked for; empty for all
	Codes        []string
	Calls        []refusedRow
	Address      string // of this page
	Next         string // of the next one; empty on the last
	NotFirst     bool   // this is not the first page
}

// refusedRow is a refused call in the list.
type refusedRow struct {
	store.RefusedCall
	Why string // what the caller's answer does not tell; empty when it says all
}

// refusedCall is what the page of one shows.
type refusedCall struct {
	refusedRow
	Status       string // with its words
	Headers      []headerField
	Meaning      string
	Advice       []string
	ClientExists bool          // there is a client of that id
	Request      *kept.Request // what is kept of it; nil for nothing
	Error        string        // why it was not replayed
}

// TryAddress is the page of the client with the kept request to try.
func (c refusedCall) TryAddress() string {
	return filtered(addressOf(clientsPath, c.ClientID), "request", c.Request.ID) + "#sample"
}

// Crumb is its place below the list.
func (c refusedCall) Crumb() string { return c.ID }

// OfClient is the list of the calls of the same client.
func (c refusedCall) OfClient() string { return filtered(refusedPath, "client", c.ClientID) }

// OfCode is the list of the calls with the same code.
func (c refusedCall) OfCode() string { return filtered(refusedPath, "code", c.Code) }

type headerField struct{ Name, Value string }

func (w *Web) refusedPage() page {
	return page{path: refusedPath, template: "refused", title: "Refused calls", data: w.showRefused, posts: w.viewPosts(refusedPath)}
}

func (w *Web) refusedCallPage() page {
	path := refusedPath + "/:id"
	return page{path: path, template: "refusedcall", title: "Refused call", data: w.showRefusedCall,
		posts: map[string]echo.HandlerFunc{path + "/replay": w.replayRefused}}
}

func (w *Web) showRefused(c echo.Context) (any, error) {
	q := store.RefusedQuery{
		ClientID: c.QueryParam("client"),
		Code:     c.QueryParam("code"),
		Limit:    store.DefaultRefusedPage,
		Cursor:   c.QueryParam("cursor"),
	}
	calls, next, err := w.Backend.Refused.RefusedCalls(c.Request().Context(), q)
	if err != nil {
		return nil, err
	}
	asked := url.Values{}
	for name, value := range map[string]string{"client": q.ClientID, "code": q.Code} {
		if value != "" {
			asked.Set(name, value)
		}
	}
	list := refusedList{
		Client:   q.ClientID,
		Code:     q.Code,
		Codes:    refusedCodes(),
		Address:  listAddress(refusedPath, asked, q.Cursor),
		NotFirst: q.Cursor != "",
	}
	if list.Calls, err = w.refusedRows(c.Request().Context(), calls); err != nil {
		return nil, err
	}
	if q.Code != "" && !slices.Contains(list.Codes, q.Code) {
		list.Codes = append(list.Codes, q.Code)
	}
	if next != "" {
		list.Next = listAddress(refusedPath, asked, next)
	}
	list.Views, err = w.viewsOf(c.Request().Context(), refusedPath, list.Address)
	return list, err
}

// refusedRows tells the operator apart what is all the same to callers: whose call it was and what its token lacked.
func (w *Web) refusedRows(ctx context.Context, calls []store.RefusedCall) ([]refusedRow, error) {
	rows := make([]refusedRow, len(calls))
	known := map[string]bool{}
	for i, call := range calls {
		rows[i].RefusedCall = call
		if call.Status != http.StatusUnauthorized {
			continue
		}
		if _, asked := known[call.ClientID]; !asked && call.ClientID != "" {
			_, err := resources[clients.Client](w).Get(ctx, call.ClientID)
			if err != nil && !problem.Is(err, problem.NotFound) {
				return nil, err
			}
			known[call.ClientID] = err == nil
		}
		rows[i].Why, _ = explainUnauthorized(call, known[call.ClientID])
	}
	return rows, nil
}

// listAddress is that of a page of a list.
func listAddress(path string, asked url.Values, cursor string) string {
	values := url.Values{}
	maps.Copy(values, asked)
	if cursor != "" {
		values.Set("cursor", cursor)
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

func (w *Web) showRefusedCall(c echo.Context) (any, error) {
	ctx := c.Request().Context()
	call, err := w.Backend.Refused.RefusedCall(ctx, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return w.refusedCallOf(ctx, call)
}

func (w *Web) refusedCallOf(ctx context.Context, call store.RefusedCall) (shown refusedCall, err error) {
	var client *clients.Client
	if call.ClientID != "" {
		record, err := resources[clients.Client](w).Get(ctx, call.ClientID)
		switch {
		case err == nil:
			client = &record.Item
		case !problem.Is(err, problem.NotFound):
			return shown, err
		}
	}
	shown = newRefusedCall(call, client)
	if client != nil {
		shown.Request, err = w.keptOfRefused(ctx, call)
	}
	return shown, err
}

// newRefusedCall explains a call; client is the one that it names, as it is now, or nil.
func newRefusedCall(call store.RefusedCall, client *clients.Client) refusedCall {
	shown := refusedCall{refusedRow: refusedRow{RefusedCall: call}, Status: statusText(call), ClientExists: client != nil}
	if call.Status == http.StatusUnauthorized {
		shown.Why, _ = explainUnauthorized(call, shown.ClientExists)
	}
	for _, name := range slices.Sorted(maps.Keys(call.Headers)) {
		shown.Headers = append(shown.Headers, headerField{name, call.Headers[name]})
	}
	shown.Meaning, shown.Advice = explainRefusal(call, client)
	return shown
}

func statusText(call store.RefusedCall) string {
	if call.IsSkipped() {
		return "skipped"
	}
	return cmp.Or(http.StatusText(call.Status), "refused")
}
