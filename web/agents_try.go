package web

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

// agentTry is what the page of an agent or a flow has tried: a prompt, and the run that it has started or why it has not.
type agentTry struct {
	Prompt string
	Result tryResult
}

// tryResult is a run that a page has started, or why it has not.
type tryResult struct {
	RunID, Error string
}

// tryInvocable starts a run of an agent or a flow with the prompt that was typed.
func (p nounPages[T, F]) tryInvocable(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	f, have, err := p.savedForm(ctx, idParam(c))
	if err != nil {
		return err
	}
	f.Try.Prompt = sent.Get("prompt")
	runID, err := p.web.Backend.Calls.TryAgent(ctx, f.ID, f.Try.Prompt)
	return showTry(c, runID, err, func(status int, result tryResult) error {
		f.Try.Result = result
		return p.draw(c, status, f, &have)
	})
}

// showTry answers with the page that follows a new run, or says why there is none. Without scripts, the page of the run follows.
func showTry(c echo.Context, runID string, err error, draw func(status int, result tryResult) error) error {
	follows := c.Request().Header.Get("HX-Request") != ""
	switch {
	case err == nil && follows:
		return draw(http.StatusOK, tryResult{RunID: runID})
	case err == nil:
		return redirect(c, addressOf(runsPath, runID))
	case problem.Of(err).Kind == problem.Internal:
		return err
	}
	status := http.StatusUnprocessableEntity
	if follows { // htmx shows nothing of an answer that says that it is an error
		status = http.StatusOK
	}
	return draw(status, tryResult{Error: problem.Of(err).Detail})
}
