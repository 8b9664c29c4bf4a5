package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"beckon/calls"
	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
)

// exportData answers with what is on record of a client.
func (w *Web) exportData(c echo.Context) error {
	id := idParam(c)
	ctx := c.Request().Context()
	if _, err := resources[clients.Client](w).Get(ctx, id); err != nil {
		return err
	}
	return w.sendData(c, runs.DataSubject{ClientID: id}, "clients", id)
}

func (w *Web) sendData(c echo.Context, d runs.DataSubject, section, id string) error {
	ctx := c.Request().Context()
	if err := w.Backend.Editor.Note(ctx, userOf(c), "export", section, id, map[string]any{"data": "exported"}); err != nil {
		return err
	}
	header := c.Response().Header()
	protect(header)
	header.Set("Content-Type", "application/jsonl")
	header.Set("Content-Disposition", `attachment; filename="data.jsonl"`)
	if err := w.Backend.ExportData(ctx, d, c.Response()); err != nil {
		panic(http.ErrAbortHandler) // so that a part is not taken for the whole
	}
	return nil
}

// eraseData erases what is on record of a client, if its id was typed to confirm it.
func (w *Web) eraseData(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	id := idParam(c)
	if _, err := resources[clients.Client](w).Get(c.Request().Context(), id); err != nil {
		return err
	}
	if sent.Get("confirm") != id {
		return w.refuseData(c, "confirm", "Nothing was erased. Type the ID of the client to confirm it.")
	}
	return w.eraseSubject(c, runs.DataSubject{ClientID: id})
}

// visitorData exports or erases what a visitor has sent, whichever button was pressed.
func (w *Web) visitorData(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	d := runs.DataSubject{Visitor: trimmed(sent, "address")}
	if err := d.Check(); err != nil {
		return w.refuseData(c, "address", "Enter a mail address such as ada@example.com.")
	}
	if sent.Get("do") == "export" {
		return w.sendData(c, d, "visitors", calls.VisitorName)
	}
	if trimmed(sent, "confirm") != d.Visitor {
		return w.refuseData(c, "confirm", "Nothing was erased. Type the address a second time to confirm it.")
	}
	return w.eraseSubject(c, d)
}

func (w *Web) refuseData(c echo.Context, field, why string) error {
	p := problem.New(problem.Invalid, "not_confirmed", "%s", why)
	p.Fields.Add(field, "%s", why)
	return w.clientForms().refusedTo(c, "changed", p)
}

func (w *Web) eraseSubject(c echo.Context, d runs.DataSubject) error {
	erased, err := w.Backend.Replays.EraseNoted(c.Request().Context(), w.Backend.Editor, userOf(c), d)
	if err != nil {
		return err
	}
	query := url.Values{
		"done": {"data-erased"},
		"runs": {strconv.Itoa(erased.Runs)},
		"left": {strconv.Itoa(erased.GoOn)},
		"tab":  {"settings"},
	}
	return redirect(c, addressOf(clientsPath, idParam(c))+"?"+query.Encode())
}

// dataNotice says what was erased.
func dataNotice(c echo.Context) string {
	n, _ := strconv.Atoi(c.QueryParam("runs"))
	left, _ := strconv.Atoi(c.QueryParam("left"))
	notice := fmt.Sprintf("The content of %d runs was erased.", n)
	if left > 0 {
		notice += fmt.Sprintf(" %d runs have not ended and keep their content: cancel them or wait, and erase again.", left)
	}
	return notice
}
