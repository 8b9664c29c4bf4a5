package web

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/deliveries"
	"beckon/internal/problem"
)

// testEndpoint leads to the delivery, which has the attempt.
func (w *Web) testEndpoint(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	ctx, id := c.Request().Context(), idParam(c)
	d, _, err := w.Backend.Deliveries.Test(ctx, id, trimmed(sent, "event"))
	if err != nil {
		return w.endpointForms().refusedTo(c, "tested", err)
	}
	if err := w.note(c, "test", id, map[string]any{"event": d.Type}); err != nil {
		return err
	}
	return redirect(c, deliveryAddress(d.ID, "tested"))
}

// switchEndpoint enables or disables an endpoint.
func (w *Web) switchEndpoint(action string, do func(d *deliveries.Service, ctx context.Context, id string) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := idParam(c)
		if err := do(w.Backend.Deliveries, c.Request().Context(), id); err != nil {
			return w.endpointForms().refusedTo(c, action+"d", err)
		}
		if err := w.note(c, action, id, nil); err != nil {
			return err
		}
		return redirect(c, addressOf(endpointsPath, id)+"?done="+action+"d")
	}
}

// recoverEndpoint sends everything again that has failed since a time.
func (w *Web) recoverEndpoint(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	id := idParam(c)
	since, err := readTime(sent.Get("since"))
	if err != nil {
		return w.endpointForms().refusedTo(c, "sent again", err)
	}
	n, err := w.Backend.Deliveries.Recover(c.Request().Context(), id, since)
	if err != nil {
		return w.endpointForms().refusedTo(c, "sent again", err)
	}
	if err := w.note(c, "recover", id, map[string]any{"since": stamp(since), "recovered": n}); err != nil {
		return err
	}
	return redirect(c, addressOf(endpointsPath, id)+"?done=recovered&n="+strconv.FormatInt(n, 10))
}

// readTime reads a time as browsers send one, which is UTC on these pages, or as programs write it.
func readTime(text string) (time.Time, error) {
	at, ok := parseTime(strings.TrimSpace(text))
	var wrong problem.Fields
	if !ok {
		wrong.Add("since", "must be a time such as 2026-02-18T12:00")
	}
	return at, wrong.Err()
}

// parseTime reads a time as browsers write one that was typed, which is UTC here, or as programs do.
func parseTime(text string) (at time.Time, ok bool) {
	for _, layout := range []string{inputTime, "2006-01-02T15:04:05", time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// note puts what was done into the audit list.
func (w *Web) note(c echo.Context, action, id string, what any) error {
	return w.Backend.Editor.Note(c.Request().Context(), userOf(c), action, "endpoints", id, what)
}

// endpointNotice says what the last action has done. The address only names the action, so that nobody can put words on the page.
func endpointNotice(c echo.Context) string {
	done := c.QueryParam("done")
	if done == "recovered" {
		n, err := strconv.ParseUint(c.QueryParam("n"), 10, 31)
		switch {
		case err != nil:
			return ""
		case n == 0:
			return "No delivery has failed since then, so nothing is sent again."
		case n == 1:
			return "1 delivery is sent again."
		}
		return number(int64(n)) + " deliveries are sent again."
	}
	return map[string]string{
		"created":   "Endpoint created. Send a test to see it arrive.",
		"saved":     "Saved. The change is active.",
		"signature": "Saved. The new signature has a new secret. Create one in the danger zone to see it, and give it to the receiver.",
		"enabled":   "The endpoint is enabled. Waiting deliveries are sent now.",
		"disabled":  "The endpoint is disabled. Its deliveries wait for at most 24 hours.",
		"deleted":   "The endpoint is deleted. Its waiting deliveries fail after 24 hours.",
	}[done]
}
