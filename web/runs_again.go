package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"beckon/calls"
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

// repeatRun calls the client anew with what the run was asked.
func (w *Web) repeatRun(c echo.Context) error {
	ctx := c.Request().Context()
	run, err := w.Backend.Runs.Get(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	why, isCommand, err := w.whyNotRepeatable(ctx, run)
	if err != nil {
		return err
	}
	if why != "" {
		return w.refuseRun(c, run.ID, problem.New(problem.Conflict, "not_repeatable", "%s", why))
	}
	if run.ClientID == "" { // somebody tried its agent or flow
		id, err := w.Backend.Calls.TryAgent(ctx, run.WorkflowID, run.Input)
		return w.showRepeated(c, run.ID, id, err)
	}
	r := &calls.Request{ClientID: run.ClientID, Header: http.Header{}, Query: url.Values{"agent": {run.WorkflowID}}, ReceivedAt: w.Now()}
	if !isCommand {
		r.Header.Set("Content-Type", "text/plain; charset=utf-8")
		r.Body = []byte(run.Input)
	}
	id, err := w.Backend.Calls.Try(ctx, r)
	return w.showRepeated(c, run.ID, id, err)
}

// showRepeated answers with the new run, or says why there is none.
func (w *Web) showRepeated(c echo.Context, runID, newID string, err error) error {
	if err != nil {
		return w.refuseRun(c, runID, err)
	}
	if err := w.Backend.Editor.Note(c.Request().Context(), userOf(c), "repeat", "runs", runID, map[string]string{"runId": newID}); err != nil {
		return err
	}
	return redirect(c, runAddress(newID, "again"))
}

// whyNotRepeatable says why a run cannot be run again; empty when it can. isCommand says that its client runs a command.
func (w *Web) whyNotRepeatable(ctx context.Context, run *runs.Run) (why string, isCommand bool, err error) {
	if !run.Status.Ended() {
		return "It is still running.", false, nil
	}
	if run.ClientID == "" {
		return whyNotTriedAgain(run), false, nil
	}
	record, err := resources[clients.Client](w).Get(ctx, run.ClientID)
	if problem.Is(err, problem.NotFound) {
		return "Its client was deleted.", false, nil
	}
	if err != nil {
		return "", false, err
	}
	client := record.Item
	isCommand = !client.TakesRequest()
	switch {
	case !client.IsEnabled():
		why = "Its client is disabled."
	case len(record.Warnings) > 0:
		why = "Its client is not in force; its page says why."
	case !slices.Contains(client.AllowedAgents, run.WorkflowID):
		why = fmt.Sprintf("Its client may not use %q any more.", run.WorkflowID)
	case client.Template != "":
		why = "Its client makes the prompt from the request by a template, and its request is not kept. Send the request again, or set keepRequests on the client, so that the calls from then on can be run again."
	case isCommand && run.Source == runs.SourceAPI:
		why = "Its client runs a command, and this run was asked something else through the API. Send it there again."
	case !isCommand && run.Erased != "", !isCommand && run.Rules.Discarding():
		why = "Its input was not stored."
	case !isCommand && run.Rules.Blacks():
		why = "Its input was redacted. Send the call again."
	case len(run.Uploads) > 0:
		why = "Its call brought files. Send the call again with them."
	case !isCommand && run.Input == "":
		why = "It has no input."
	}
	return why, isCommand, nil
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

// whyNotTriedAgain says why a run without a client cannot be run again; empty when it can.
func whyNotTriedAgain(run *runs.Run) string {
	switch {
	case run.Erased != "":
		return "Its input was not stored."
	case run.Input == "":
		return "It has no input."
	}
	return ""
}
