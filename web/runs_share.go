package web

import "github.com/labstack/echo/v4"

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
