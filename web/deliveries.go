package web

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/problem"
)

const deliveriesPath = "/admin/deliveries"

// deliveryList is what the list shows.
type deliveryList struct {
	Views     views
	Filter    deliveryFilter
	Statuses  []string
	Endpoints []string // ids to choose from
	Clients   []string
	Types     []string // names of events
	Rows      []deliveryRow
	Address   string // of this page
	Live      bool   // it shows the newest, and keeps up with them
	Next      string // the address of the next page; empty on the last
}

// deliveryFilter is what a list of deliveries is asked for.
type deliveryFilter struct {
	Endpoint, Run, Event, Type, Client, Status string

	Since, Until string // as they were typed
	Cursor       string

	since, until time.Time
	Error        string // what is wrong with a time
}

func readDeliveryFilter(asked url.Values) deliveryFilter {
	text := func(name string) string { return strings.TrimSpace(asked.Get(name)) }
	f := deliveryFilter{Endpoint: text("endpoint"), Run: text("run"), Event: text("event"), Type: text("type"), Client: text("client"),
		Status: text("status"), Since: text("since"), Until: text("until"), Cursor: asked.Get("cursor")}
	read := func(text string) (at time.Time) {
		var ok bool
		if at, ok = parseTime(text); !ok && text != "" {
			f.Error = "Since and until must be times such as 2026-02-18T12:00."
		}
		return at
	}
	f.since, f.until = read(f.Since), read(f.Until)
	return f
}

func (f deliveryFilter) query() deliveries.Query {
	return deliveries.Query{EndpointID: f.Endpoint, RunID: f.Run, EventID: f.Event, Type: f.Type, ClientID: f.Client,
		Status: deliveries.Status(f.Status), Since: f.since, Until: f.until, Limit: deliveries.DefaultPage, Cursor: f.Cursor}
}

// Any reports whether the list leaves anything out.
func (f deliveryFilter) Any() bool { return f.address("") != deliveriesPath }

func (f deliveryFilter) address(cursor string) string {
	return filtered(deliveriesPath, "endpoint", f.Endpoint, "run", f.Run, "event", f.Event, "type", f.Type, "client", f.Client,
		"status", f.Status, "since", f.Since, "until", f.Until, "cursor", cursor)
}

// deliveryRow is a delivery in a list.
type deliveryRow struct {
	ID, Status, Type string
	Endpoint         string // empty for the webhook of a call
	URL              string // of the webhook of a call
	RunID            string
	At               time.Time
	Due              time.Time // of the next attempt; zero when there will be none
	NotSentBecause   string    // such as "the endpoint is disabled"; empty when it is being sent
	Until            time.Time // it fails when it is still not sent then
	Attempts         int64
	Outcome          string // of the last attempt
}

// EndpointAddress is the page of the endpoint.
func (r deliveryRow) EndpointAddress() string { return addressOf(endpointsPath, r.Endpoint) }

// deliveryPages are those of the deliveries.
func (w *Web) deliveryPages() []page {
	return []page{w.deliveriesPage(), w.deliveryPage(), w.deliveryTextPage()}
}

func (w *Web) deliveriesPage() page {
	return page{
		path:     deliveriesPath,
		template: "deliveries",
		title:    "Deliveries",
		data:     w.showDeliveries,
		posts:    w.viewPosts(deliveriesPath),
	}
}

func (w *Web) showDeliveries(c echo.Context) (any, error) {
	ctx, f := c.Request().Context(), readDeliveryFilter(c.QueryParams())
	list := newDeliveryList(f)
	var found []*deliveries.Delivery
	var next string
	var err error
	if f.Error == "" {
		found, next, err = w.Backend.Deliveries.List(ctx, f.query())
	}
	if err != nil {
		return nil, err
	}
	if list.Rows, err = w.deliveryRows(ctx, found); err != nil {
		return nil, err
	}
	if next != "" {
		list.Next = f.address(next)
	}
	if c.Request().Header.Get("HX-Request") == "" { // which asks for the rows alone
		if list.Views, err = w.viewsOf(ctx, deliveriesPath, list.Address); err != nil {
			return nil, err
		}
		err = w.addDeliveryChoices(ctx, &list)
	}
	return list, err
}

func newDeliveryList(f deliveryFilter) deliveryList {
	return deliveryList{Filter: f, Address: f.address(f.Cursor), Live: f.Cursor == "",
		Statuses: []string{string(deliveries.Pending), string(deliveries.Sending), string(deliveries.Delivered), string(deliveries.Failed)}}
}

// addDeliveryChoices lists the values that the filter can have.
func (w *Web) addDeliveryChoices(ctx context.Context, list *deliveryList) (err error) {
	if list.Endpoints, err = idsOf[deliveries.Endpoint](ctx, w); err != nil {
		return err
	}
	if list.Clients, err = idsOf[clients.Client](ctx, w); err != nil {
		return err
	}
	list.Endpoints, list.Clients, list.Types = limitChoices(list.Endpoints), limitChoices(list.Clients), deliveries.EventNames()
	return nil
}

func newDeliveryRow(d *deliveries.Delivery) deliveryRow {
	row := deliveryRow{
		ID:       d.ID,
		Status:   string(d.Status),
		Type:     d.Type,
		Endpoint: d.EndpointID,
		URL:      d.URL,
		RunID:    d.RunID,
		At:       d.CreatedAt,
		Attempts: int64(d.Attempts),
	}
	if d.Status == deliveries.Pending {
		row.Due = d.DueAt
	}
	switch {
	case d.Error != nil:
		row.Outcome = d.Error.Message
	case d.StatusCode != 0:
		row.Outcome = "The receiver answered " + strconv.Itoa(d.StatusCode) + "."
	}
	return row
}

// deliveryRows also marks the deliveries that wait for an endpoint to which nothing is sent.
func (w *Web) deliveryRows(ctx context.Context, list []*deliveries.Delivery) ([]deliveryRow, error) {
	rows := make([]deliveryRow, len(list))
	reasons := map[string]string{} // by endpoint
	for i, d := range list {
		rows[i] = newDeliveryRow(d)
		if d.Status != deliveries.Pending || d.EndpointID == "" {
			continue
		}
		reason, known := reasons[d.EndpointID]
		if !known {
			var err error
			if reason, err = w.whyNotSent(ctx, d.EndpointID); err != nil {
				return nil, err
			}
			reasons[d.EndpointID] = reason
		}
		if reason != "" {
			rows[i].Due, rows[i].NotSentBecause, rows[i].Until = time.Time{}, reason, d.DueAt.Add(deliveries.WaitFor)
		}
	}
	return rows, nil
}

// whyNotSent says why nothing is sent to an endpoint at present; empty when deliveries are sent.
func (w *Web) whyNotSent(ctx context.Context, id string) (string, error) {
	health, err := w.Backend.Deliveries.Health(ctx, id)
	switch {
	case problem.Is(err, problem.NotFound):
		return "the endpoint is gone", nil
	case err != nil:
		return "", err
	case health.DisabledReason != "":
		return "the endpoint is disabled", nil
	}
	return "", nil
}
