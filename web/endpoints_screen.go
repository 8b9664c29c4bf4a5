package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/signature"
)

// endpointScreen is what the page of an endpoint shows: its form, and how it is getting on.
type endpointScreen struct {
	nounForm[endpointForm]
	State     endpointState
	Waiting   int64 // deliveries
	Secret    shownSecret
	Overlaps  []time.Time // until then the secrets before this one sign as well, the last of them first
	PublicKey string      // what verifies its deliveries; empty where that is the secret
	KeysURL   string      // where the public keys are
	Recent    []deliveryRow
	Example   *deliveries.Example // of what it is sent; nil where it is not in force
	NoExample string              // why there is none
	Success   *deliveryShare      // of the newest deliveries; nil where none has ended
	// EventsInUse are the names of events that an endpoint may take, the built-in ones first.
	EventsInUse []string
	// Agents and Clients are those whose events it may take.
	Agents, Clients pickList
	Private         *privateNote // how the private address that was typed is allowed; nil where none was
	Since           string       // what the form to recover begins with
}

// shownSecret is a new secret, this once.
type shownSecret struct {
	Value    string
	IsPublic bool // it is what verifies, and may be had again
	IsNew    bool // the endpoint is
}

// UsesKeys reports whether a key pair signs.
func (s endpointScreen) UsesKeys() bool { return s.Form.Signature == string(signature.Ed25519) }

// Action is a form of the page.
func (s endpointScreen) Action(name string) string { return s.Address() + "/" + name }

// Deliveries is the list of those to the endpoint.
func (s endpointScreen) Deliveries() string { return filtered(deliveriesPath, "endpoint", s.ID) }

// SecretsLost reports whether secrets were typed that have to be typed again.
func (s endpointScreen) SecretsLost() bool {
	return s.Form.typedSecrets && (len(s.Errors) > 0 || s.Outdated)
}

// deliveryShare is how many of the newest deliveries were delivered.
type deliveryShare struct {
	Of    int64 // that have ended
	Share string
}

// shareOf counts those that have ended.
func shareOf(list []*deliveries.Delivery) *deliveryShare {
	var ended, delivered int64
	for _, d := range list {
		switch d.Status {
		case deliveries.Delivered:
			delivered++
			ended++
		case deliveries.Failed:
			ended++
		}
	}
	if ended == 0 {
		return nil
	}
	return &deliveryShare{ended, percent(float64(delivered) / float64(ended))}
}

const (
	recentDeliveries = 10
	// countedDeliveries is how many deliveries the success rate of an endpoint is made from.
	countedDeliveries = 100
	// inputTime is how browsers write a time that was typed.
	inputTime = "2006-01-02T15:04"
)

// endpointSecretPage is drawn once, with a new secret. A browser that comes back to its address is sent to the endpoint.
func (w *Web) endpointSecretPage() page {
	path := endpointsPath + "/:id/secret"
	back := func(c echo.Context) (any, error) { return nil, redirect(c, addressOf(endpointsPath, idParam(c))) }
	return page{path: path, template: "endpoint", title: "Endpoint", data: back, posts: map[string]echo.HandlerFunc{path: w.rotateSecret}}
}

// showSecret draws the page of an endpoint with its new secret, this once.
func (w *Web) showSecret(c echo.Context, id string, shown shownSecret) error {
	f, have, err := w.endpointForms().savedForm(c.Request().Context(), id)
	if err != nil {
		return err
	}
	s, err := w.endpointScreenOf(c.Request().Context(), f, &have)
	if err != nil {
		return err
	}
	if s.Secret = shown; s.UsesKeys() { // the receiver gets what verifies
		s.Secret.Value, s.Secret.IsPublic = s.PublicKey, true
	}
	return w.screens.draw(c, http.StatusOK, w.endpointSecretPage(), s)
}

func (w *Web) rotateSecret(c echo.Context) error {
	id := idParam(c)
	shown, err := deliveries.RotateSecret(c.Request().Context(), resources[deliveries.Endpoint](w), userOf(c), id, "")
	if err != nil {
		return w.endpointForms().refusedTo(c, "given a new secret", err)
	}
	return w.showSecret(c, id, shownSecret{Value: shown.Reveal()})
}

// endpointScreenOf shows an endpoint around its form.
func (w *Web) endpointScreenOf(ctx context.Context, f nounForm[endpointForm], kept *deliveries.Endpoint) (s endpointScreen, err error) {
	s.nounForm, s.Private = f, w.privateNoteFor(f.Errors)
	if kept != nil {
		if err := w.addHealth(ctx, &s, *kept); err != nil {
			return s, err
		}
	}
	return s, w.addHints(ctx, &s)
}

// addHealth says how an endpoint is getting on.
func (w *Web) addHealth(ctx context.Context, s *endpointScreen, e deliveries.Endpoint) error {
	troubles, err := w.troubles(ctx)
	if err != nil {
		return err
	}
	s.State = stateOf(catalog.Record[deliveries.Endpoint]{Item: e, Warnings: s.Warnings}, troubles[e.ID])
	waiting, err := w.Backend.Deliveries.Waiting(ctx, []string{e.ID})
	if err != nil {
		return err
	}
	s.Waiting = waiting[e.ID]
	now := w.Now()
	for _, old := range e.Retired {
		if now.Before(old.Until) {
			s.Overlaps = append(s.Overlaps, old.Until)
		}
	}
	s.Since = now.Add(-24 * time.Hour).UTC().Format(inputTime)
	if since := s.State.Since; !since.IsZero() {
		s.Since = since.UTC().Format(inputTime)
	}
	if signatureOf(e) == string(signature.Ed25519) {
		if s.PublicKey, err = w.publicKeyOf(e); err != nil {
			return err
		}
		s.KeysURL = strings.TrimSuffix(w.PublicURL, "/") + "/.well-known/webhook-keys.json"
	}
	if len(s.Warnings) == 0 {
		if example, err := w.Backend.Deliveries.Example(e.ID); err != nil {
			s.NoExample = problem.Of(err).Detail
		} else {
			s.Example = &example
		}
	}
	list, _, err := w.Backend.Deliveries.List(ctx, deliveries.Query{EndpointID: e.ID, Limit: countedDeliveries})
	if err != nil {
		return err
	}
	s.Success = shareOf(list)
	s.Recent, err = w.deliveryRows(ctx, list[:min(len(list), recentDeliveries)])
	return err
}

// publicKeyOf is what verifies the deliveries of an endpoint: by its own key, or the gateway's where it has none. It is
// empty as long as the gateway has none either.
func (w *Web) publicKeyOf(e deliveries.Endpoint) (string, error) {
	if e.Secret != "" {
		key, err := signature.PublicKey(e.Secret)
		return signature.EncodePublicKey(key), err
	}
	keys, err := w.Backend.Deliveries.PublicKeys()
	if i := slices.IndexFunc(keys, func(k deliveries.PublicKey) bool { return k.ID == "gateway" }); i >= 0 {
		return signature.EncodePublicKey(keys[i].Key), err
	}
	return "", err
}

// addHints names what the filters can hold.
func (w *Web) addHints(ctx context.Context, s *endpointScreen) error {
	s.useEvents(w.Backend.Deliveries.EventNames())
	agentIDs, err := w.invocables(ctx)
	if err != nil {
		return err
	}
	clientIDs, err := idsOf[clients.Client](ctx, w)
	s.Agents = newPickList("Agents and flows",
		"all agents and flows", s.Text("agents", "Other agents and flows", s.Form.Agents, ""), agentIDs)
	s.Clients = newPickList("Clients", "all clients", s.Text("clients", "Other clients", s.Form.Clients, ""), clientIDs)
	return err
}
