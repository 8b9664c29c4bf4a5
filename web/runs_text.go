package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"beckon/events"
	"beckon/internal/problem"
	"beckon/runs"
)

// The bounds of the texts on a page, so that it stays small whatever agents and receivers write.
const (
	maxText  = 6 << 10
	maxTexts = 24 << 10 // all of them
)

// shownText is a text, or how it begins.
type shownText struct {
	Label string // what it is, for those who don't see where it stands
	Text  string
	Size  int64  // of all of it, in bytes
	Whole string // the address of all of it; empty when it is here
}

// texts shows texts as long as there is room.
type texts struct {
	address string // of the whole texts
	left    int
}

func newTexts(address string) *texts { return &texts{address, maxTexts} }

// show takes the parameters that name the whole text at the address.
func (t *texts) show(label, text string, parameters ...string) shownText {
	s := shownText{Label: label, Text: text, Size: int64(len(text))}
	if room := min(maxText, t.left); len(text) > room {
		s.Text, s.Whole = text[:wholeCharacters(text, room)], filtered(t.address, parameters...)
	}
	t.left -= len(s.Text)
	return s
}

// runTextPage has the texts of a run as they are.
func (w *Web) runTextPage() page {
	return page{path: runsPath + "/:id/text", template: "run", title: "Run", data: func(c echo.Context) (any, error) {
		ctx := c.Request().Context()
		run, err := w.Backend.Runs.Get(ctx, c.Param("id"))
		if err != nil {
			return nil, err
		}
		text, err := w.textOf(ctx, run, c.QueryParams())
		if err != nil {
			return nil, err
		}
		return nil, plainText(c, text)
	}}
}

func (w *Web) textOf(ctx context.Context, run *runs.Run, asked url.Values) (string, error) {
	if id := asked.Get("event"); id != "" {
		return w.payloadOf(ctx, run.ID, id)
	}
	if id := asked.Get("node"); id != "" {
		for _, n := range run.AllNodes() {
			if n.ID == id {
				return n.Output, nil
			}
		}
		return "", errNoText()
	}
	for _, n := range run.AllNodes() {
		for _, c := range n.ToolCalls {
			switch c.ID {
			case asked.Get("arguments"):
				return string(c.ArgumentsJSON()), nil
			case asked.Get("result"):
				return c.Result, nil
			}
		}
	}
	switch asked.Get("part") {
	case "input":
		return run.Input, nil
	case "prompt":
		return run.Fence.Mark(run.Input), nil
	case "output":
		return run.Output, nil
	case "metadata":
		return string(run.Metadata), nil
	}
	return "", errNoText()
}

func (w *Web) payloadOf(ctx context.Context, runID, id string) (string, error) {
	if err := events.CheckID(runID, id); err != nil {
		return "", errNoText()
	}
	found, err := events.Find(ctx, w.Store, []events.Ref{{RunID: runID, ID: id}})
	if err != nil {
		return "", err
	}
	if e, ok := found[id]; ok {
		return string(e.Payload), nil
	}
	// The events of a run that was written at its end are not in the log, and are few.
	list, err := w.Backend.Runs.Events.Read(ctx, runID, "")
	if err != nil {
		return "", err
	}
	if i := slices.IndexFunc(list, func(e events.Event) bool { return e.ID == id }); i >= 0 {
		return string(list[i].Payload), nil
	}
	return "", errNoText()
}

func errNoText() error {
	return problem.New(problem.NotFound, "text_not_found", "There is no such text. It may have been deleted with what it belongs to.")
}

// plainText answers with a text that no browser takes for a page.
func plainText(c echo.Context, text string) error {
	protect(c.Response().Header())
	return c.Blob(http.StatusOK, "text/plain; charset=utf-8", []byte(text))
}
