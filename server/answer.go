package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/elnormous/contenttype"
	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/runs"
)

// callAnswer is the body of a call that got its answer.
type callAnswer struct {
	OK         bool         `json:"ok"`
	Response   string       `json:"response"`
	RunID      string       `json:"runId"`
	Status     runs.Status  `json:"status"`
	Agent      string       `json:"agent"`
	Usage      agents.Usage `json:"usage"`
	DurationMs int64        `json:"durationMs"`
}

// answerRun answers 200 with a completed run, in the form that the caller accepts.
func answerRun(c echo.Context, run *runs.Run) error {
	header := c.Response().Header()
	header.Add("Vary", "Accept")
	if form := textForm(c.Request()); form != "" {
		header.Set(echo.HeaderContentLength, strconv.Itoa(len(run.Output)))
		return c.Blob(http.StatusOK, form, []byte(run.Output))
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // it is data for a program, not for a page
	if err := encoder.Encode(callAnswer{OK: true, Response: run.Output, RunID: run.ID, Status: run.Status, Agent: run.WorkflowID,
		Usage: run.Usage, DurationMs: run.Duration().Milliseconds()}); err != nil {
		return err
	}
	header.Set(echo.HeaderContentLength, strconv.Itoa(body.Len()))
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body.Bytes())
}

var offered = []contenttype.MediaType{
	contenttype.NewMediaType("application/json"),
	contenttype.NewMediaType("text/plain"),
	contenttype.NewMediaType("text/markdown"),
}

// textForm returns the Content-Type of an answer of text alone when the caller prefers that to JSON, else "".
func textForm(r *http.Request) string {
	switch accept := r.Header.Get("Accept"); accept {
	case "", "*/*", "application/json":
		return ""
	}
	best, _, err := contenttype.GetAcceptableMediaType(r, offered)
	if err != nil || best.Type != "text" {
		return ""
	}
	return best.Type + "/" + best.Subtype + "; charset=utf-8"
}
