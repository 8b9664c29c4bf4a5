package web

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"beckon/deliveries"
	"beckon/internal/problem"
	"beckon/internal/signature"
)

func (w *Web) createEndpoint(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	s := endpointScreen{nounForm: nounForm[endpointForm]{Path: endpointsPath, One: "endpoint", Form: readEndpointForm(sent, deliveries.Endpoint{})}}
	e, wrong := s.Form.endpoint(deliveries.Endpoint{})
	record, shown, err := kept[deliveries.Endpoint](w).Create(c.Request().Context(), whoIs(c), e, wrong...)
	if err != nil {
		return w.refuseEndpoint(c, w.newEndpointPage(), s, err)
	}
	return w.showSecret(c, record.Item.ID, shownSecret{Value: shown.Reveal(), IsNew: true})
}

// showSecret draws the page of an endpoint with its new secret, this once.
func (w *Web) showSecret(c echo.Context, id string, shown shownSecret) error {
	s, _, err := w.endpointScreenOf(c.Request().Context(), id)
	if err != nil {
		return err
	}
	if s.Secret = shown; s.UsesKeys() { // the receiver gets what verifies
		s.Secret.Value, s.Secret.IsPublic = s.PublicKey, true
	}
	return w.screens.draw(c, http.StatusOK, w.endpointSecretPage(), s)
}

func (w *Web) saveEndpoint(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	ctx, id := c.Request().Context(), idIn(c)
	s, record, err := w.endpointScreenOf(ctx, id)
	if err != nil {
		return err
	}
	have := record.Item
	if s.Managed {
		return w.refuseEndpoint(c, w.endpointPage(), s, errManaged(id))
	}
	s.Form, s.Version = readEndpointForm(sent, have), versionIn(sent)
	s.Form.ID = id
	e, wrong := s.Form.endpoint(have)
	if _, err = kept[deliveries.Endpoint](w).Update(ctx, whoIs(c), e, s.Version, wrong...); err != nil {
		return w.refuseEndpoint(c, w.endpointPage(), s, err)
	}
	if signatureOf(have) != signatureOf(e) {
		return leaveFor(c, s.Address()+"?done=signature")
	}
	return leaveFor(c, s.Address()+"?done=saved")
}

func signatureOf(e deliveries.Endpoint) string {
	if e.Signature == "" {
		return string(signature.Standard)
	}
	return e.Signature
}

func (w *Web) deleteEndpoint(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	if err := kept[deliveries.Endpoint](w).Delete(c.Request().Context(), whoIs(c), idIn(c), versionIn(sent)); err != nil {
		return w.refuseSaved(c, "deleted", err)
	}
	return leaveFor(c, endpointsPath+"?done=deleted")
}

func (w *Web) rotateSecret(c echo.Context) error {
	id := idIn(c)
	shown, err := deliveries.RotateSecret(c.Request().Context(), kept[deliveries.Endpoint](w), whoIs(c), id, "")
	if err != nil {
		return w.refuseSaved(c, "given a new secret", err)
	}
	return w.showSecret(c, id, shownSecret{Value: shown.Reveal()})
}

// refuseSaved draws the page of an endpoint as it is saved, with why something cannot be done to it.
func (w *Web) refuseSaved(c echo.Context, wanted string, refusal error) error {
	s, _, err := w.endpointScreenOf(c.Request().Context(), idIn(c))
	if err != nil {
		return err
	}
	s.Refused = wanted
	return w.refuseEndpoint(c, w.endpointPage(), s, refusal)
}

// refuseEndpoint draws the form again, with what was typed and what is wrong with it. When somebody else was faster,
// saving once more overwrites what they did: the page says so.
func (w *Web) refuseEndpoint(c echo.Context, to page, s endpointScreen, refusal error) error {
	found, status := troubleIn(refusal)
	if status == 0 {
		return refusal
	}
	s.Errors = inFormOrder(s.One, s.Form.whereTyped(shortPaths(s.Form.ofOthers(found))))
	ctx := c.Request().Context()
	if problem.Is(refusal, problem.Outdated) {
		record, err := kept[deliveries.Endpoint](w).Get(ctx, s.ID)
		if err != nil {
			return err
		}
		s.Outdated, s.Errors, s.Version = true, nil, record.Version
	}
	if err := w.addHints(ctx, &s); err != nil {
		return err
	}
	return w.screens.draw(c, status, to, s)
}

func errManaged(id string) error {
	return problem.New(problem.Conflict, "managed_by_config", "The endpoint %q is declared in the configuration file: change it there.", id)
}

// endpointDone is the page of an endpoint after something was done.
func endpointDone(id, done string) string {
	return addressOf(endpointsPath, id) + "?" + url.Values{"done": {done}}.Encode()
}
