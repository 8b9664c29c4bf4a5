package web

import (
	"context"
	"fmt"
	"slices"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
)

func (w *Web) cancelRun(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("id")
	if err := w.Backend.Runs.Cancel(ctx, id); err != nil {
		return w.refuseRun(c, id, err)
	}
	if err := w.Backend.Editor.Note(ctx, userOf(c), "cancel", "runs", id, nil); err != nil {
		return err
	}
	return redirect(c, runAddress(id, "canceled"))
}

// repeatRun starts a run with the same input: of its client, or of its agent where somebody has tried that.
func (w *Web) repeatRun(c echo.Context) error {
	ctx := c.Request().Context()
	run, err := w.Backend.Runs.Get(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	why, err := w.whyNotRepeatable(ctx, run)
	if err != nil {
		return err
	}
	if why != "" {
		return w.refuseRun(c, run.ID, problem.New(problem.Conflict, "not_repeatable", "%s", why))
	}
	id := ""
	if run.ClientID == "" {
		id, err = w.Backend.Calls.TryAgent(ctx, run.WorkflowID, run.Input)
	} else {
		id, err = w.Backend.Calls.TryAgain(ctx, run)
	}
	return w.showRepeated(c, run.ID, id, err)
}

// showRepeated answers with the new run, or says why there is none.
func (w *Web) showRepeated(c echo.Context, runID, newID string, err error) error {
	if err != nil {
		return w.refuseRun(c, runID, err)
	}
	if err := w.Backend.Editor.Note(c.Request().Context(), userOf(c), "repeat", "runs", runID,
		map[string]string{"runId": newID}); err != nil {
		return err
	}
	return redirect(c, runAddress(newID, "again"))
}

// whyNotRepeatable says why a run cannot be run again with the same input; empty when it can.
func (w *Web) whyNotRepeatable(ctx context.Context, run *runs.Run) (why string, err error) {
	if !run.Status.Ended() {
		return "It is still running.", nil
	}
	if run.ClientID == "" {
		return whyNoInput(run), nil
	}
	record, err := resources[clients.Client](w).Get(ctx, run.ClientID)
	if problem.Is(err, problem.NotFound) {
		return "Its client was deleted.", nil
	}
	if err != nil {
		return "", err
	}
	client := record.Item
	switch {
	case !client.IsEnabled():
		return "Its client is disabled.", nil
	case len(record.Warnings) > 0:
		return "Its client is not active; its page says why.", nil
	case !slices.Contains(client.AllowedAgents, run.WorkflowID):
		return fmt.Sprintf("Its client may not use %q any more.", run.WorkflowID), nil
	}
	return whyNoInput(run), nil
}

// refuseRun draws the page of a run with the reason why an action was refused.
func (w *Web) refuseRun(c echo.Context, id string, refusal error) error {
	sentence, status, ok := userMessage(refusal)
	if !ok {
		return refusal
	}
	s, err := w.runScreenOf(c.Request().Context(), id)
	if err != nil {
		return err
	}
	s.Error = sentence
	return w.screens.draw(c, status, w.runPage(), s)
}

// whyNoInput says why the input of a run is not known as it was; empty where it is.
func whyNoInput(run *runs.Run) string {
	switch {
	case run.Erased != "", run.Rules.Discarding():
		return "Its input was not stored."
	case run.Rules.Blacks():
		return "Its input was redacted. Send the call again."
	case len(run.Uploads) > 0:
		return "Its call brought files. Send the call again with them."
	case run.Input == "":
		return "It has no input."
	}
	return ""
}
