package web

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// otherKind is the answer to "New endpoint" for a kind that needs more than a URL.
const otherKind = "other"

// answerPlace is an endpoint that the answers of a client go to, or could go to.
type answerPlace struct {
	ID, Name, Address, Kind string
	Note                    string // what has to be known of it; empty for nothing
	Chosen                  bool
	Fixed                   bool         // the form of the client cannot change it
	Last                    *deliveryRow // the newest delivery for the client; nil for none
}

// answerChoice is the part of the form of a new client that says where its answers go.
type answerChoice struct {
	Places  []answerPlace
	More    int // endpoints that are not listed
	Kinds   []answerKind
	URL     field
	Private *privateNote // how the private address that was typed is allowed; nil where none was
	Error   string
}

// answerKind is a card for an endpoint that is created with the client.
type answerKind struct {
	endpointKind
	Value  string
	Chosen bool
}

// answersOf is what the page of a client shows of the places that its answers go to.
type answersOf struct {
	ID, Path  string
	Live      bool // something is still to be sent: the page asks again
	ShowsLast bool // the places have what was sent there last
	Places    []answerPlace
	More      int
}

// NewEndpoint is the form of a new endpoint for the client.
func (a answersOf) NewEndpoint() string { return filtered(endpointsPath+"/new", "client", a.ID) }

// placeFor says how an endpoint stands to a client.
func placeFor(record catalog.Record[deliveries.Endpoint], clientID string, allowed []string) answerPlace {
	e := record.Item
	p := answerPlace{ID: e.ID, Name: cmp.Or(e.Name, e.ID), Address: addressOf(endpointsPath, e.ID), Kind: kindOf(e.Format).Title}
	p.Chosen = len(e.Clients) == 0 || clientID != "" && slices.Contains(e.Clients, clientID)
	var notes []string
	switch {
	case len(e.Clients) == 0:
		p.Fixed = true
		notes = append(notes, "receives the answers of all clients")
	case isDeclared(record.Origin) && !p.Chosen:
		p.Fixed = true
		notes = append(notes, "from the configuration file: add the client to its clients there")
	}
	if len(e.Agents) > 0 && !(len(allowed) > 0 && e.TakesRunsOf(clientID, allowed) && p.Chosen) {
		notes = append(notes, "only of "+strings.Join(e.Agents, ", "))
	}
	if !e.IsEnabled() {
		notes = append(notes, "disabled")
	}
	p.Note = strings.Join(notes, "; ")
	return p
}

// answerChoice lists what the form of a new client can choose from.
func (w *Web) answerChoice(ctx context.Context, s clientScreen) (a answerChoice, err error) {
	list, err := resources[deliveries.Endpoint](w).List(ctx)
	if err != nil {
		return a, err
	}
	for _, record := range list {
		if len(a.Places) == maxPicks {
			a.More++
			continue
		}
		p := placeFor(record, "", nil)
		p.Chosen = p.Chosen || slices.Contains(s.Form.SendTo, p.ID)
		a.Places = append(a.Places, p)
	}
	a.Kinds = []answerKind{{endpointKind: endpointKind{Title: "None", About: "No new endpoint"}, Chosen: s.Form.NewEndpoint == ""}}
	for _, k := range quickKinds() {
		a.Kinds = append(a.Kinds, answerKind{k, k.Format, k.Format == s.Form.NewEndpoint})
	}
	a.Kinds = append(a.Kinds, answerKind{endpointKind{Title: "Something else", About: "Telegram, PagerDuty, GitHub …",
		Find: "Telegram, PagerDuty, GitHub and others: the next page leads to the form."}, otherKind, s.Form.NewEndpoint == otherKind})
	a.Error = s.ErrorOf("newEndpoint")
	a.Private = w.privateNoteFor(s.Errors)
	a.URL = s.Text("endpointURL", "URL of the new endpoint", s.Form.EndpointURL, "").WithPlaceholder("https://…").AsRequired()
	return a, nil
}

// newEndpoint is the endpoint that the form of a new client asks for; ok is false where it asks for none.
func (f clientForm) newEndpoint(item clients.Client) (e deliveries.Endpoint, ok bool) {
	if f.NewEndpoint == "" || f.NewEndpoint == otherKind {
		return e, false
	}
	name := kindOf(f.NewEndpoint).Title + ": " + cmp.Or(item.Name, item.ID)
	return deliveries.Endpoint{Name: name, URL: f.EndpointURL, Format: catalog.OmitDefault(f.NewEndpoint, deliveries.DefaultFormat)}, true
}

// checkAnswers finds what is wrong with the endpoint that is to be created with a client.
func (w *Web) checkAnswers(ctx context.Context, f clientForm, item clients.Client) (wrong problem.Fields, err error) {
	e, ok := f.newEndpoint(item)
	if !ok {
		return nil, nil
	}
	if !slices.ContainsFunc(quickKinds(), func(k endpointKind) bool { return k.Format == f.NewEndpoint }) {
		wrong.Add("newEndpoint", "choose one of the cards")
		return wrong, nil
	}
	refusal := resources[deliveries.Endpoint](w).CheckNew(ctx, e)
	if refusal == nil {
		return nil, nil
	}
	found, status := formErrors(refusal)
	if status == 0 {
		return nil, refusal
	}
	for _, one := range found {
		path := "newEndpoint"
		if one.Path == "url" {
			path = "endpointURL"
		}
		wrong.Add(path, "%s", one.Message)
	}
	return wrong, nil
}

// answersMade is what has become of the endpoints that a new client was created with.
type answersMade struct {
	Secret string // that signs what the new endpoint is sent; empty for those that are not signed
	Errors []string
	// Other says that a kind of endpoint was wanted which has a form of its own.
	Other bool
}

// sendAnswers makes the endpoints of the form send the answers of a client that was created just now. It stays, whatever becomes of them.
func (w *Web) sendAnswers(c echo.Context, sent url.Values, item clients.Client) (made answersMade) {
	ctx, f := c.Request().Context(), readClientForm(sent)
	made.Other = f.NewEndpoint == otherKind
	failed := func(what string, err error) {
		sentence, _, ok := userMessage(err)
		if !ok {
			w.Log.ErrorContext(ctx,
				"an endpoint could not get the answers of a new client", "endpoint", what, "client", item.ID, "error", err)
			sentence = "The log of Beckon says why."
		}
		made.Errors = append(made.Errors, fmt.Sprintf("The endpoint %s does not get the answers yet. %s", what, sentence))
	}
	section := resources[deliveries.Endpoint](w)
	for _, id := range f.SendTo {
		record, err := section.Get(ctx, id)
		if err == nil && (len(record.Item.Clients) == 0 || slices.Contains(record.Item.Clients, item.ID)) {
			continue // it gets them already
		}
		if err == nil {
			record.Item.Clients = append(slices.Clone(record.Item.Clients), item.ID)
			_, err = section.Update(ctx, userOf(c), record.Item, record.Version)
		}
		if err != nil {
			failed(id, err)
		}
	}
	if e, ok := f.newEndpoint(item); ok {
		e.Clients = []string{item.ID}
		_, shown, err := section.Create(ctx, userOf(c), e)
		if err != nil {
			failed(e.Name, err)
		}
		if !e.IsDestination() { // else nothing is signed
			made.Secret = shown.Reveal()
		}
	}
	return made
}

// answersOf lists the endpoints that the answers of a client go to. withLast adds what was sent there last.
func (w *Web) answersOf(ctx context.Context, item clients.Client, withLast bool) (a answersOf, err error) {
	a = answersOf{ID: item.ID, Path: clientArrival{ID: item.ID}.Path(), ShowsLast: withLast}
	list, err := resources[deliveries.Endpoint](w).List(ctx)
	if err != nil {
		return a, err
	}
	for _, record := range list {
		if p := placeFor(record, item.ID, item.AllowedAgents); p.Chosen && record.Item.TakesRunsOf(item.ID, item.AllowedAgents) {
			if len(a.Places) == maxShownAnswers {
				a.More++
				continue
			}
			if withLast {
				if p.Last, err = w.lastDelivery(ctx, p.ID, item); err != nil {
					return a, err
				}
				a.Live = a.Live || p.Last == nil || p.Last.Status == string(deliveries.Pending) ||
					p.Last.Status == string(deliveries.Sending)
			}
			a.Places = append(a.Places, p)
		}
	}
	return a, nil
}

// maxShownAnswers is how many endpoints the page of a client lists.
const maxShownAnswers = 10

// lastDelivery returns the newest delivery of a client's event to an endpoint; nil for none.
func (w *Web) lastDelivery(ctx context.Context, endpointID string, item clients.Client) (*deliveryRow, error) {
	if w.Backend.Deliveries == nil {
		return nil, nil
	}
	list, _, err := w.Backend.Deliveries.List(ctx, deliveries.Query{EndpointID: endpointID, ClientID: item.ID, Since: item.Since, Limit: 1})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	rows, err := w.deliveryRows(ctx, list)
	if err != nil {
		return nil, err
	}
	return &rows[0], nil
}
