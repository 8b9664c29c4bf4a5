package web

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/calls"
	"beckon/clients"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/runs"
)

// maxArrivedPrompt is how much of a prompt is shown of what arrived, in bytes.
const maxArrivedPrompt = 1000

// clientArrival is what has become of the last call of a client, for those who connect a sender.
type clientArrival struct {
	ID       string
	IsNew    bool // nothing has arrived yet
	Live     bool // more is to come: the page asks again
	At       time.Time
	Proof    string // how the call proved itself
	Repeated bool
	IsAdded  bool                // it was added to the run of an earlier call, whose prompt is not its own
	Note     string              // why it started no run although all is well
	Event    *calls.ArrivedEvent // nil where nothing is known of it
	RunID    string
	Status   string
	Prompt   string
	Fenced   bool   // what third parties have written stands in markers
	Error    string // why the run failed
	Refused  *arrivalRefused
}

// arrivalRefused is a call that was refused after the last one that arrived.
type arrivalRefused struct {
	At      time.Time
	ID, Why string
	Meaning string
	Advice  []string
}

// clientArrivalScreen is the page of the last call, with the places that answers go to: the page after a client is created takes
// both parts from it.
type clientArrivalScreen struct {
	clientArrival
	Places answersOf
}

// Crumb is its place below the list.
func (a clientArrival) Crumb() string { return a.ID }

// Path is the page that shows it alone.
func (a clientArrival) Path() string { return addressOf(clientsPath, a.ID) + "/arrival" }

// ClientAddress is the page of the client.
func (a clientArrival) ClientAddress() string { return addressOf(clientsPath, a.ID) }

func (w *Web) clientArrivalPage() page {
	return page{path: clientsPath + "/:id/arrival", template: "clientarrival", title: "Last call", data: func(c echo.Context) (any, error) {
		record, err := resources[clients.Client](w).Get(c.Request().Context(), idParam(c))
		if err != nil {
			return nil, err
		}
		var s clientArrivalScreen
		if s.clientArrival, err = w.arrivalOf(c.Request().Context(), record.Item); err != nil {
			return nil, err
		}
		s.Places, err = w.answersOf(c.Request().Context(), record.Item, true)
		s.Places.Live = s.Places.Live || s.Live && len(s.Places.Places) > 0
		return s, err
	}}
}

// arrivalOf looks for the last call of a client since it was made. What proved it, and the event, are known to the process that took
// the call only.
func (w *Web) arrivalOf(ctx context.Context, item clients.Client) (a clientArrival, err error) {
	a = clientArrival{ID: item.ID}
	last, arrived := w.Backend.Calls.LastArrival(item.ID)
	if arrived = arrived && !last.At.Before(item.Since); arrived {
		a.At, a.Proof, a.Repeated, a.Event, a.RunID = last.At, proofInWords(last.Scheme), last.Repeated, last.Event, last.RunID
		switch {
		case last.Handshake:
			a.Note = "This call only tested the connection, which works. No run was started."
		case last.Skipped != "":
			a.Note = calls.SkipReason(last.Skipped)
		}
	}
	if err := w.addArrivedRun(ctx, item, &a, arrived); err != nil {
		return a, err
	}
	if err := w.addRefused(ctx, item, &a); err != nil {
		return a, err
	}
	a.IsNew = a.At.IsZero() && a.Refused == nil
	a.Live = a.RunID == "" || a.Refused != nil || !runs.Status(a.Status).Ended()
	return a, nil
}

// addArrivedRun adds the run of the last call, or the newest run where this process knows of no call.
func (w *Web) addArrivedRun(ctx context.Context, item clients.Client, a *clientArrival, arrived bool) error {
	var run *runs.Run
	switch {
	case a.RunID != "":
		found, err := w.Backend.Runs.Get(ctx, a.RunID)
		if err != nil && !problem.Is(err, problem.NotFound) { // it is written in a moment
			return err
		}
		run = found
	case !arrived:
		list, _, err := w.Backend.Runs.List(ctx, runs.Query{ClientID: item.ID, Limit: 1, Brief: true, Since: item.Since})
		if err != nil {
			return err
		}
		if len(list) > 0 && (list[0].Source == runs.SourceWebhook || list[0].Source == runs.SourceAPI) {
			if run, err = w.Backend.Runs.Get(ctx, list[0].ID); err != nil {
				return err
			}
			a.At, a.RunID = run.CreatedAt, run.ID
		}
	}
	if run == nil {
		return nil
	}
	a.Status = string(run.Status)
	a.IsAdded = arrived && !a.Repeated && run.CreatedAt.Before(a.At.Truncate(time.Millisecond)) // as precise as a record
	if !a.IsAdded {
		a.Prompt, a.Fenced = firstCharacters(run.Fence.Mark(run.Input), maxArrivedPrompt), run.Fence != nil
	}
	if run.Error != nil {
		a.Error = run.Error.Message
	}
	return nil
}

// addRefused adds the last refused call, if nothing has arrived since.
func (w *Web) addRefused(ctx context.Context, item clients.Client, a *clientArrival) error {
	list, _, err := w.Backend.Refused.RefusedCalls(ctx, store.RefusedQuery{ClientID: item.ID, Limit: 1})
	if err != nil || len(list) == 0 || list[0].IsSkipped() || list[0].At.Before(item.Since) || list[0].At.Before(a.At) {
		return err
	}
	shown := newRefusedCall(list[0], &item)
	a.Refused = &arrivalRefused{At: list[0].At, ID: list[0].ID, Why: shown.Why, Meaning: list[0].Reason, Advice: shown.Advice}
	if shown.Why != "" { // then the advice says it all
		a.Refused.Meaning = ""
	}
	return nil
}

// proofInWords says how a call has proved itself.
func proofInWords(scheme string) string {
	one := clients.Scheme(scheme)
	switch {
	case one == nil:
		return ""
	case scheme == "bearer":
		return "by the client's bearer token"
	case one.Token != nil:
		return "by the client's token (" + one.Title + ")"
	case scheme == "oidc":
		return "by the token of its platform (OpenID Connect)"
	}
	return "by the signature of " + one.Title
}
