package web

import (
	"context"
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
	State      endpointState
	Waiting    int64 // deliveries
	Secret     shownSecret
	Overlaps   []time.Time // until then the secrets before this one sign as well, the last of them first
	PublicKey  string      // what verifies its deliveries; empty where that is the secret
	KeysURL    string      // where the public keys are
	Recent     []deliveryRow
	AgentHint  string
	ClientHint string
	Since      string // what the form to recover begins with
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

// Wrong is what is wrong with a field; empty when nothing is.
func (s endpointScreen) Wrong(path string) string { return s.field("", path, "", "", "").Wrong }

// SecretsLost reports whether secrets were typed that have to be typed again.
func (s endpointScreen) SecretsLost() bool {
	return s.Form.typedSecrets && (len(s.Errors) > 0 || s.Outdated)
}

const (
	recentDeliveries = 5
	// inputTime is how browsers write a time that was typed.
	inputTime = "2006-01-02T15:04"
)

func (w *Web) newEndpointPage() page {
	path := endpointsPath + "/new"
	sample := sampleEndpoint()
	sample.ID = ""
	return page{path: path, template: "endpoint", title: "New endpoint", data: w.showNewEndpoint, sample: sample, posts: map[string]echo.HandlerFunc{path: w.createEndpoint}}
}

func (w *Web) endpointPage() page {
	path := endpointsPath + "/:id"
	return page{path: path, template: "endpoint", title: "Endpoint", data: w.showEndpoint, sample: sampleEndpoint(), posts: map[string]echo.HandlerFunc{
		path:              w.saveEndpoint,
		path + "/delete":  w.deleteEndpoint,
		path + "/test":    w.testEndpoint,
		path + "/enable":  w.enableEndpoint,
		path + "/disable": w.disableEndpoint,
		path + "/recover": w.recoverEndpoint,
	}}
}

// endpointSecretPage is drawn once, with a new secret. A browser that comes back to its address is sent to the endpoint.
func (w *Web) endpointSecretPage() page {
	path := endpointsPath + "/:id/secret"
	back := func(c echo.Context) (any, error) { return nil, leaveFor(c, addressOf(endpointsPath, idIn(c))) }
	return page{path: path, template: "endpoint", title: "Endpoint", data: back, sample: sampleEndpoint(), posts: map[string]echo.HandlerFunc{path: w.rotateSecret}}
}

func (w *Web) showNewEndpoint(c echo.Context) (any, error) {
	s := endpointScreen{nounForm: nounForm[endpointForm]{Path: endpointsPath, One: "endpoint", Form: endpointFormOf(deliveries.Endpoint{})}}
	return s, w.addHints(c.Request().Context(), &s)
}

func (w *Web) showEndpoint(c echo.Context) (any, error) {
	s, _, err := w.endpointScreenOf(c.Request().Context(), idIn(c))
	s.Notice = endpointNotice(c)
	return s, err
}

// endpointScreenOf shows an endpoint as it is saved.
func (w *Web) endpointScreenOf(ctx context.Context, id string) (s endpointScreen, record catalog.Record[deliveries.Endpoint], err error) {
	if record, err = kept[deliveries.Endpoint](w).Get(ctx, id); err != nil {
		return s, record, err
	}
	e := record.Item
	s.nounForm = nounForm[endpointForm]{Path: endpointsPath, One: "endpoint", Form: endpointFormOf(e)}
	aboutSaved(&s.nounForm, record)
	troubles, err := w.troubles(ctx)
	if err != nil {
		return s, record, err
	}
	s.State = stateOf(record, troubles[id])
	waiting, err := w.Desk.Deliveries.Waiting(ctx, []string{id})
	if err != nil {
		return s, record, err
	}
	s.Waiting = waiting[id]
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
	if s.UsesKeys() {
		if s.PublicKey, err = w.publicKeyOf(e); err != nil {
			return s, record, err
		}
		s.KeysURL = strings.TrimSuffix(w.PublicURL, "/") + "/.well-known/webhook-keys.json"
	}
	list, _, err := w.Desk.Deliveries.List(ctx, deliveries.Query{EndpointID: id, Limit: recentDeliveries})
	if err != nil {
		return s, record, err
	}
	if s.Recent, err = w.deliveryRows(ctx, list); err != nil {
		return s, record, err
	}
	return s, record, w.addHints(ctx, &s)
}

// publicKeyOf is what verifies the deliveries of an endpoint: by its own key, or the gateway's where it has none. It is
// empty as long as the gateway has none either.
func (w *Web) publicKeyOf(e deliveries.Endpoint) (string, error) {
	if e.Secret != "" {
		key, err := signature.PublicKey(e.Secret)
		return signature.EncodePublicKey(key), err
	}
	keys, err := w.Desk.Deliveries.PublicKeys()
	if i := slices.IndexFunc(keys, func(k deliveries.PublicKey) bool { return k.ID == "gateway" }); i >= 0 {
		return signature.EncodePublicKey(keys[i].Key), err
	}
	return "", err
}

// addHints names what the filters can hold.
func (w *Web) addHints(ctx context.Context, s *endpointScreen) error {
	agentIDs, err := w.invocables(ctx)
	if err != nil {
		return err
	}
	clientIDs, err := idsOf[clients.Client](ctx, w)
	s.AgentHint, s.ClientHint = hint("agents and flows", agentIDs), hint("clients", clientIDs)
	return err
}

func sampleEndpoint() endpointScreen {
	e := deliveries.Endpoint{ID: "ops", URL: "https://example.com", Signature: string(signature.Ed25519), Format: `{"text": {{json .type}}}`, Events: []string{"run.failed", "mine"}}
	s := endpointScreen{nounForm: nounForm[endpointForm]{Path: endpointsPath, One: "endpoint", ID: "ops", Version: 1, Form: endpointFormOf(e), Notice: "Done.",
		Warnings: problem.Fields{{Message: "is broken"}}, Errors: problem.Fields{{Path: "url", Message: "is wrong"}, {Path: "retry", Message: "is wrong"}, {Path: "events", Message: "is wrong"}, {Path: "headers", Message: "is wrong"}, {Path: "format", Message: "is wrong"}, {Path: "signature", Message: "is wrong"}}},
		State: endpointState{"disabled", stateBad, "Why.", time.Unix(0, 0), true, false}, Waiting: 1, Secret: shownSecret{"whsec_x", true, true}, Overlaps: []time.Time{time.Unix(60, 0), time.Unix(0, 0)},
		PublicKey: "whpk_x", KeysURL: "/.well-known/webhook-keys.json", Recent: []deliveryRow{sampleDeliveryRow()}, AgentHint: "All.", ClientHint: "All.", Since: "2026-02-18T00:00"}
	s.Form.Headers, s.Form.typedSecrets = []headerInput{{Name: "X-Env", Kept: true}}, true
	return s
}
