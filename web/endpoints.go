package web

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/deliveries"
	"beckon/internal/catalog"
)

const (
	endpointsPath = "/admin/endpoints"
	// maxEndpoints is how many a page of the list has.
	maxEndpoints = 50
)

// endpointList is what the list shows.
type endpointList struct {
	Path   string
	Notice string
	Rows   []endpointRow
	Next   string // the address of the next page; empty on the last
	Later  bool   // this is not the first page
}

// endpointRow is an endpoint in the list.
type endpointRow struct {
	ID, Name, Address string
	URL               string // its host alone: what follows may be a key
	Events            string
	Managed           bool
	State             endpointState
	Waiting           int64 // deliveries
}

// endpointState is how an endpoint is getting on.
type endpointState struct {
	Word  string // taking deliveries, failing, disabled, not in force
	Class string // good, warn, bad
	Why   string // empty for one that is well
	Since time.Time
	// Disabled and ByConfiguration: its deliveries wait, and it is its enabled: false that says so.
	Disabled, ByConfiguration bool
}

// endpointPages are those of the endpoints.
func (w *Web) endpointPages() []page {
	return []page{w.endpointsPage(), w.newEndpointPage(), w.endpointPage(), w.endpointSecretPage()}
}

func (w *Web) endpointsPage() page {
	row := endpointRow{ID: "ops", Name: "Ops", Address: endpointsPath + "/ops", URL: "example.com", Events: "run.failed", Managed: true,
		State: endpointState{"failing", "warn", "No attempt succeeds.", time.Unix(0, 0), true, true}, Waiting: 1}
	return page{path: endpointsPath, template: "endpoints", title: "Endpoints", data: w.showEndpoints,
		sample: endpointList{Path: endpointsPath, Notice: "Done.", Rows: []endpointRow{row, {ID: "b"}}, Next: "?after=b", Later: true}}
}

func (w *Web) showEndpoints(c echo.Context) (any, error) {
	ctx := c.Request().Context()
	all, err := kept[deliveries.Endpoint](w).List(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b catalog.Record[deliveries.Endpoint]) int { return strings.Compare(a.Item.ID, b.Item.ID) })
	after := c.QueryParam("after")
	rest := slices.DeleteFunc(all, func(r catalog.Record[deliveries.Endpoint]) bool { return r.Item.ID <= after })
	list := endpointList{Path: endpointsPath, Notice: endpointNotice(c), Later: after != ""}
	if len(rest) > maxEndpoints {
		rest = rest[:maxEndpoints]
		list.Next = filtered(endpointsPath, "after", rest[maxEndpoints-1].Item.ID)
	}
	troubles, err := w.troubles(ctx)
	if err != nil {
		return nil, err
	}
	for _, record := range rest {
		list.Rows = append(list.Rows, newEndpointRow(record, troubles[record.Item.ID]))
	}
	return list, w.addWaiting(ctx, list.Rows)
}

// addWaiting counts the deliveries that wait for each.
func (w *Web) addWaiting(ctx context.Context, rows []endpointRow) error {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	waiting, err := w.Desk.Deliveries.Waiting(ctx, ids)
	for i := range rows {
		rows[i].Waiting = waiting[rows[i].ID]
	}
	return err
}

func newEndpointRow(record catalog.Record[deliveries.Endpoint], h deliveries.Health) endpointRow {
	e := record.Item
	return endpointRow{ID: e.ID, Name: cmp.Or(e.Name, e.ID), Address: addressOf(endpointsPath, e.ID), URL: hostOf(e.URL), Events: cmp.Or(strings.Join(e.Events, ", "), "what a run and its nodes do"),
		Managed: isDeclared(record.Origin), State: stateOf(record, h)}
}

// hostOf is as much of a URL as is nobody's secret.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// troubles are the endpoints that aren't well.
func (w *Web) troubles(ctx context.Context) (map[string]deliveries.Health, error) {
	list, err := w.Desk.Deliveries.InTrouble(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]deliveries.Health, len(list))
	for _, t := range list {
		byID[t.EndpointID] = t.Health
	}
	return byID, nil
}

// The colors of states.
const (
	stateGood = "good"
	stateWarn = "warn"
	stateBad  = "bad"
)

// stateOf says how an endpoint is getting on, in words for people.
func stateOf(record catalog.Record[deliveries.Endpoint], h deliveries.Health) endpointState {
	switch {
	case len(record.Warnings) > 0:
		return endpointState{Word: "not in force", Class: stateBad, Why: said("endpoint", record.Warnings[0])}
	case !h.DisabledAt.IsZero():
		return endpointState{Word: "disabled", Class: stateBad, Why: deliveries.WhyDisabled(h.DisabledReason), Since: h.DisabledAt, Disabled: true}
	case !record.Item.IsEnabled():
		return endpointState{Word: "disabled", Class: stateBad, Why: "Its configuration says so.", Disabled: true, ByConfiguration: true}
	case !h.FailingSince.IsZero():
		return endpointState{Word: "failing", Class: stateWarn, Why: "No attempt has succeeded since.", Since: h.FailingSince}
	}
	return endpointState{Word: "taking deliveries", Class: stateGood}
}
