package web

import (
	"context"
	"mime"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/calls/kept"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/runs"
)

// keptOfRun returns the kept request of a run that can be replayed; nil where there is none.
func (w *Web) keptOfRun(ctx context.Context, run *runs.Run) (*kept.Request, error) {
	if w.Backend.Replays == nil {
		return nil, nil
	}
	return replayable(w.Backend.Replays.KeptOfRun(ctx, run))
}

// keptOfRefused returns the kept request of a call that started no run; nil where there is none.
func (w *Web) keptOfRefused(ctx context.Context, call store.RefusedCall) (*kept.Request, error) {
	if w.Backend.Replays == nil || call.RequestID == "" {
		return nil, nil
	}
	return replayable(w.Backend.Replays.Kept.OfAnswer(ctx, call.ClientID, call.RequestID, call.Code))
}

func replayable(k kept.Request, err error) (*kept.Request, error) {
	if err == nil {
		err = k.Replayable()
	}
	if problem.Is(err, problem.NotFound) {
		return nil, nil
	}
	return &k, err
}

// replayRun starts a run with the kept request of another one.
func (w *Web) replayRun(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("id")
	made, err := w.Backend.Replays.ReplayRun(ctx, id)
	if err != nil {
		return w.refuseRun(c, id, err)
	}
	return w.replayed(c, "runs", id, map[string]string{"runId": made}, made)
}

// replayRefused starts a run with the kept request of a call that started none.
func (w *Web) replayRefused(c echo.Context) error {
	ctx := c.Request().Context()
	call, err := w.Backend.Refused.RefusedCall(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	k, err := w.keptOfRefused(ctx, call)
	if err != nil {
		return err
	}
	if k == nil {
		return problem.New(problem.NotFound, kept.CodeNotKept, "The request of this call is not kept any more.")
	}
	made, err := w.Backend.Replays.ReplayRequest(ctx, k.ClientID, k.ID)
	if err != nil {
		sentence, status, ok := userMessage(err)
		if !ok {
			return err
		}
		shown, err := w.refusedCallOf(ctx, call)
		if err != nil {
			return err
		}
		shown.Error = sentence
		return w.screens.draw(c, status, w.refusedCallPage(), shown)
	}
	return w.replayed(c, "clients", k.ClientID, map[string]string{"request": k.ID, "runId": made}, made)
}

func (w *Web) replayed(c echo.Context, section, id string, what map[string]string, made string) error {
	if err := w.Backend.Editor.Note(c.Request().Context(), userOf(c), "replay", section, id, what); err != nil {
		return err
	}
	return redirect(c, runAddress(made, "again"))
}

// keptCall returns a kept request of a client as its page tries it; ok is false where it is not kept.
func (w *Web) keptCall(ctx context.Context, clientID, id string) (call sampleCall, ok bool, err error) {
	if w.Backend.Replays == nil || id == "" {
		return call, false, nil
	}
	k, err := replayable(w.Backend.Replays.Kept.Get(ctx, clientID, id))
	if err != nil || k == nil {
		return call, false, err
	}
	mediaType, _, _ := mime.ParseMediaType(k.Header.Get("Content-Type"))
	return sampleCall{Body: strings.ToValidUTF8(string(k.Body), "\uFFFD"), ContentType: mediaType, Query: k.Query.Encode()}, true, nil
}
