package web

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/problem"
)

func (w *Web) createClient(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	form := readClientForm(sent)
	item, wrong := form.client()
	record, token, err := kept[clients.Client](w).Create(c.Request().Context(), whoIs(c), item, wrong...)
	if err != nil {
		return w.refuseClient(c, "", form, sent, err)
	}
	return w.showToken(c, clientToken{ID: record.Item.ID, IsNew: true, Token: token.Reveal(), Snippets: snippets(w.PublicURL, record.Item, token)})
}

func (w *Web) saveClient(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	form := readClientForm(sent)
	form.ID = idIn(c)
	item, wrong := form.client()
	if _, err = kept[clients.Client](w).Update(c.Request().Context(), whoIs(c), item, versionIn(sent), wrong...); err != nil {
		return w.refuseClient(c, form.ID, form, sent, err)
	}
	return leaveFor(c, addressOf(clientsPath, form.ID)+"?done=saved")
}

// enableClient switches a client on or off, and leaves the rest of it as it is.
func (w *Web) enableClient(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	ctx, id, done := c.Request().Context(), idIn(c), "disabled"
	record, err := kept[clients.Client](w).Get(ctx, id)
	if err != nil {
		return err
	}
	record.Item.Enabled = new(bool)
	if sent.Get("enabled") == "true" {
		record.Item.Enabled, done = nil, "enabled"
	}
	if _, err := kept[clients.Client](w).Update(ctx, whoIs(c), record.Item, versionIn(sent)); err != nil {
		return w.refuseDone(c, id, done, sent, err)
	}
	return leaveFor(c, addressOf(clientsPath, id)+"?done="+done)
}

func (w *Web) deleteClient(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	id := idIn(c)
	if err := kept[clients.Client](w).Delete(c.Request().Context(), whoIs(c), id, versionIn(sent)); err != nil {
		return w.refuseDone(c, id, "deleted", sent, err)
	}
	return leaveFor(c, clientsPath+"?done=deleted")
}

// refuseClient draws the page again and says what is wrong, with what was typed. When somebody else was faster, saving
// once more overwrites what they did: the page says so.
func (w *Web) refuseClient(c echo.Context, id string, typed clientForm, sent url.Values, refusal error) error {
	return w.drawRefusal(c, id, &typed, "", sent, refusal)
}

// refuseDone says what could not be done to a client: to be deleted, for one.
func (w *Web) refuseDone(c echo.Context, id, wanted string, sent url.Values, refusal error) error {
	return w.drawRefusal(c, id, nil, wanted, sent, refusal)
}

func (w *Web) drawRefusal(c echo.Context, id string, typed *clientForm, wanted string, sent url.Values, refusal error) error {
	found, status := troubleIn(refusal)
	if status == 0 {
		return refusal
	}
	ctx := c.Request().Context()
	s, _, err := w.screenOf(ctx, id)
	if err != nil {
		return err
	}
	s.Refused = wanted
	if typed != nil && !s.Managed {
		s.Form = *typed
		s.Outdated = problem.Is(refusal, problem.Outdated)
	}
	if sent.Has("sample") {
		s.Call = readSample(sent)
	}
	if !s.Outdated {
		s.Errors = found
	}
	s.Errors = inFormOrder(s.One, s.Errors)
	for i := range s.Errors {
		s.Errors[i].Path = fieldOf(s.Errors[i].Path)
	}
	if err := w.addChoices(ctx, &s); err != nil {
		return err
	}
	return w.screens.draw(c, status, w.pageOf(id), s)
}

// pageOf is the page that has a client's form.
func (w *Web) pageOf(id string) page {
	if id == "" {
		return w.newClientPage()
	}
	return w.clientPage()
}

// leaveFor sends the browser to a page once something is done.
func leaveFor(c echo.Context, address string) error {
	protect(c.Response().Header())
	return c.Redirect(http.StatusSeeOther, address)
}
