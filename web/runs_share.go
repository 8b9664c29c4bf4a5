package web

import (
	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

// eraseContent erases what a run was asked and has answered. Without the box that confirms it nothing happens.
func (w *Web) eraseContent(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("id")
	if c.FormValue("sure") == "" {
		return w.refuseRun(c, id, problem.New(problem.Invalid, "not_confirmed", "Nothing was erased. Tick the box to confirm."))
	}
	if err := w.Backend.Runs.Erase(ctx, id); err != nil {
		return w.refuseRun(c, id, err)
	}
	if err := w.Backend.Editor.Note(ctx, userOf(c), "erase", "runs", id, map[string]any{"content": "erased"}); err != nil {
		return err
	}
	return redirect(c, runAddress(id, "erased"))
}

// revokeShare takes a run's page for recipients away.
func (w *Web) revokeShare(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("id")
	if err := w.Backend.Runs.RevokeShare(ctx, id); err != nil {
		return err
	}
	if err := w.Backend.Editor.Note(ctx, userOf(c), "revoke", "runs", id, map[string]any{"share": "revoked"}); err != nil {
		return err
	}
	return redirect(c, runAddress(id, "revoked"))
}
