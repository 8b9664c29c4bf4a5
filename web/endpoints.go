package web

import (
	"cmp"
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

const endpointsPath = "/admin/endpoints"

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
	Word  string // Active, Failing, Disabled, Not active
	Class string // good, warn, bad, idle
	Why   string // empty for one that is well
	Since time.Time
	// Disabled and ByConfiguration: its deliveries wait, and it is its enabled: false that says so.
	Disabled, ByConfiguration bool
}

// endpointForms are the pages of endpoints but for the one that shows a secret.
func (w *Web) endpointForms() nounPages[deliveries.Endpoint, endpointForm] {
	return nounPages[deliveries.Endpoint, endpointForm]{
		form: formOf("endpoints"), web: w,
		newItem: func(_ context.Context, asked url.Values) (deliveries.Endpoint, error) { return newEndpoint(asked), nil },
		formFor: endpointFormOf,
		read: func(sent url.Values, have deliveries.Endpoint) (endpointForm, deliveries.Endpoint, problem.Fields) {
			f := readEndpointForm(sent, have)
			e, wrong := f.endpoint(have)
			return f, e, wrong
		},
		rows: w.endpointRows, noticeFor: endpointNotice, posts: w.endpointPosts,
		screen: func(c echo.Context, f nounForm[endpointForm], kept *deliveries.Endpoint) (any, error) {
			return w.endpointScreenOf(c.Request().Context(), f, kept)
		},
		afterCreate: func(c echo.Context, e deliveries.Endpoint, shown secret.String) error {
			if e.IsDestination() { // nothing is signed
				return redirect(c, addressOf(endpointsPath, e.ID)+"?done=created")
			}
			return w.showSecret(c, e.ID, shownSecret{Value: shown.Reveal(), IsNew: true})
		},
		doneAfterUpdate: func(have, e deliveries.Endpoint) string {
			if signatureOf(have) != signatureOf(e) && !e.IsDestination() {
				return "signature"
			}
			return "saved"
		},
		arrangeErrors: func(f *nounForm[endpointForm]) {
			f.Errors = inFormOrder(f.One, f.Form.moveToTypedFields(shortPaths(f.Form.moveToOtherEvents(f.Errors))))
		},
	}
}

// newEndpoint is what the form of a new endpoint begins with.
func newEndpoint(asked url.Values) (e deliveries.Endpoint) {
	if format := asked.Get("format"); kindOf(format).Format == format && format != formatTemplate {
		e.Format = format
	}
	if client := asked.Get("client"); catalog.ValidID(client) {
		e.Clients = []string{client}
	}
	return e
}

func signatureOf(e deliveries.Endpoint) string { return e.SignatureInUse() }

func (w *Web) endpointPages() []page {
	return append(w.endpointForms().pages(), w.endpointSecretPage())
}

// endpointPosts are the forms of the page of an endpoint, besides those that every noun has.
func (w *Web) endpointPosts(id string) map[string]echo.HandlerFunc {
	if id == "" {
		return nil
	}
	return map[string]echo.HandlerFunc{
		"/test":    w.testEndpoint,
		"/enable":  w.switchEndpoint("enable", (*deliveries.Service).Enable),
		"/disable": w.switchEndpoint("disable", (*deliveries.Service).Disable),
		"/recover": w.recoverEndpoint,
	}
}

// endpointRows counts the deliveries that wait for each.
func (w *Web) endpointRows(ctx context.Context, list []catalog.Record[deliveries.Endpoint]) (any, error) {
	troubles, err := w.troubles(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(list))
	for i, record := range list {
		ids[i] = record.Item.ID
	}
	waiting, err := w.Backend.Deliveries.Waiting(ctx, ids)
	rows := make([]endpointRow, len(list))
	for i, record := range list {
		e := record.Item
		rows[i] = endpointRow{
			ID:      e.ID,
			Name:    cmp.Or(e.Name, e.ID),
			Address: addressOf(endpointsPath, e.ID),
			URL:     cmp.Or(hostOf(e.URL), e.Format),
			Events:  cmp.Or(strings.Join(e.Events, ", "), takenByDefault(e)),
			Managed: isDeclared(record.Origin),
			State:   stateOf(record, troubles[e.ID]),
			Waiting: waiting[e.ID],
		}
	}
	return rows, err
}

func takenByDefault(e deliveries.Endpoint) string {
	if e.IsDestination() {
		return "how a run ended"
	}
	return "what a run and its nodes do"
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
	list, err := w.Backend.Deliveries.InTrouble(ctx)
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
	stateIdle = "idle"
)

// stateOf says how an endpoint is getting on, in words for people.
func stateOf(record catalog.Record[deliveries.Endpoint], h deliveries.Health) endpointState {
	switch {
	case len(record.Warnings) > 0:
		return endpointState{Word: "Not active", Class: stateBad, Why: fieldSentence("endpoint", record.Warnings[0])}
	case !h.DisabledAt.IsZero():
		class := stateBad
		if h.DisabledReason == deliveries.DisabledByHand { // it was meant
			class = stateIdle
		}
		return endpointState{
			Word:     "Disabled",
			Class:    class,
			Why:      deliveries.WhyDisabled(h.DisabledReason),
			Since:    h.DisabledAt,
			Disabled: true,
		}
	case !record.Item.IsEnabled():
		return endpointState{
			Word:            "Disabled",
			Class:           stateIdle,
			Why:             "It is disabled in its settings.",
			Disabled:        true,
			ByConfiguration: true,
		}
	case !h.FailingSince.IsZero():
		return endpointState{Word: "Failing", Class: stateWarn, Why: "No attempt has succeeded since then.", Since: h.FailingSince}
	}
	return endpointState{Word: "Active", Class: stateGood}
}
