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
	if err := w.Desk.Runs.Cancel(ctx, id); err != nil {
		return w.refuseRun(c, id, err)
	}
	if err := w.Desk.Editor.Note(ctx, whoIs(c), "cancel", "runs", id, nil); err != nil {
		return err
	}
	return leaveFor(c, runAddress(id, "canceled"))
}

// repeatRun calls the client anew with what the run was asked.
func (w *Web) repeatRun(c echo.Context) error {
	ctx := c.Request().Context()
	run, err := w.Desk.Runs.Get(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	why, isCommand, err := w.whyNotAgain(ctx, run)
	if err != nil {
		return err
	}
	if why != "" {
		return w.refuseRun(c, run.ID, problem.New(problem.Conflict, "not_repeatable", "%s", why))
	}
	r := &calls.Request{ClientID: run.ClientID, Header: http.Header{}, Query: url.Values{"agent": {run.WorkflowID}}, ReceivedAt: w.Now()}
	if !isCommand {
		r.Header.Set("Content-Type", "text/plain; charset=utf-8")
		r.Body = []byte(run.Input)
	}
	id, err := w.Desk.Calls.Try(ctx, r)
	if err != nil {
		return w.refuseRun(c, run.ID, err)
	}
	if err := w.Desk.Editor.Note(ctx, whoIs(c), "repeat", "runs", run.ID, map[string]string{"runId": id}); err != nil {
		return err
	}
	return leaveFor(c, runAddress(id, "again"))
}

// whyNotAgain says why a run cannot be run again; nothing when it can. isCommand says that its client runs a command.
func (w *Web) whyNotAgain(ctx context.Context, run *runs.Run) (why string, isCommand bool, err error) {
	if !run.Status.Ended() {
		return "It goes on.", false, nil
	}
	record, err := kept[clients.Client](w).Get(ctx, run.ClientID)
	if problem.Is(err, problem.NotFound) {
		return "Its client is gone, and with it the limits that the run would keep to.", false, nil
	}
	if err != nil {
		return "", false, err
	}
	client := record.Item
	isCommand = !client.Passthrough
	switch {
	case !client.IsEnabled():
		why = "Its client is disabled."
	case len(record.Warnings) > 0:
		why = "Its client is not in force. The client's page says why."
	case !slices.Contains(client.AllowedAgents, run.WorkflowID):
		why = fmt.Sprintf("Its client may not use %q any more.", run.WorkflowID)
	case client.Template != "":
		why = "Its client makes the prompt from the request by a template, and requests are not kept. Send the request again, or try it on the client's page."
	case isCommand && run.Source == runs.SourceAPI:
		why = "Its client runs a command, and this run was asked something else through the API. Send it there again."
	case !isCommand && run.Input == "":
		why = "It has no input."
	}
	return why, isCommand, nil
}

// refuseRun draws the page of a run with why something cannot be done to it.
func (w *Web) refuseRun(c echo.Context, id string, refusal error) error {
	sentence, status, ok := forPage(refusal)
	if !ok {
		return refusal
	}
	s, err := w.runScreenOf(c.Request().Context(), id)
	if err != nil {
		return err
	}
	s.Wrong = sentence
	return w.screens.draw(c, status, w.runPage(), s)
}
