package web

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/internal/problem"
)

// approvalRow is a call of a tool that waits for a person.
type approvalRow struct {
	RunID, Tool, Arguments string
	ExpiresAt              time.Time
}

// maxArgumentsShown bounds the arguments of a call in a list, in bytes. The run's page has all of them.
const maxArgumentsShown = 200

// addApprovals adds the calls that wait for a person.
func (w *Web) addApprovals(ctx context.Context, list *runList) error {
	waiting, err := w.Backend.Runs.Approvals(ctx)
	for _, a := range waiting {
		list.Approvals = append(list.Approvals, approvalRow{
			a.RunID, a.Tool, firstCharacters(string(a.ArgumentsJSON()), maxArgumentsShown), a.ExpiresAt,
		})
	}
	return err
}

// decideCall decides on a call of a run.
func (w *Web) decideCall(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	allow := sent.Get("allow")
	if allow != "true" && allow != "false" {
		return problem.New(problem.Invalid, problem.CodeInvalidForm, "allow must be true or false.")
	}
	id, decision := c.Param("id"), agents.Decision{Allowed: allow == "true", By: userOf(c), At: w.Now().UTC()}
	if _, err := w.Backend.Runs.Decide(c.Request().Context(), id, trimmed(sent, "call"), decision); err != nil {
		return w.refuseRun(c, id, err)
	}
	return redirect(c, runAddress(id, "decided"))
}

// Undecided reports whether a person has to decide on a call.
func (r toolRow) Undecided() bool {
	return r.Status == agents.ToolWaiting && r.Decision.At.IsZero()
}

// DecidedText says who has decided on a call; empty where nobody had to.
func (r toolRow) DecidedText() string {
	switch d := r.Decision; {
	case d.At.IsZero():
		return ""
	case d.By == "":
		return "not decided in time"
	case d.Allowed:
		return "allowed by " + d.By
	default:
		return "denied by " + d.By
	}
}
