package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/calls"
	"beckon/internal/gate"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/runs"
)

// callAnswer is the body of a call that got its answer.
type callAnswer struct {
	OK         bool               `json:"ok"`
	Response   string             `json:"response"`
	RunID      string             `json:"runId"`
	Status     runs.Status        `json:"status"`
	Agent      string             `json:"agent"`
	Usage      agents.Usage       `json:"usage"`
	Cost       *float64           `json:"cost,omitempty" doc:"In USD, by the prices of its time; missing where no model has a price."`
	DurationMs int64              `json:"durationMs"`
	Verdict    string             `json:"verdict,omitempty" enum:"pass,fail" doc:"What the gate of the client or flow says of the answer, where there is one."`
	Reason     string             `json:"verdictReason,omitempty" doc:"Why the verdict is what it is."`
	Data       any                `json:"data,omitempty" doc:"The response as JSON, where the agent's output has a schema."`
	Degraded   bool               `json:"degraded,omitempty" doc:"A fallback answered: provider and model say which."`
	Provider   string             `json:"provider,omitempty"`
	Model      string             `json:"model,omitempty"`
	Artifacts  []artifacts.Linked `json:"artifacts,omitempty" doc:"The files that it has made."`
	ShareURL   string             `json:"shareUrl,omitempty" doc:"Its page for recipients, where it has one."`
}

// verdictHeader has the verdict of a run with a gate, for callers that do not read JSON.
const verdictHeader = "Beckon-Verdict"

// answerRun answers with a completed run, as its caller wants to be told of it: 200, or the client's gateStatus
// where a gate fails.
func (s *Server) answerRun(c echo.Context, call *calls.Call, run *runs.Run) error {
	header, status := c.Response().Header(), http.StatusOK
	header.Add("Vary", "Accept")
	if run.Verdict != "" {
		header.Set(verdictHeader, run.Verdict)
	}
	if run.Verdict == gate.Fail {
		status = call.Client.FailStatus()
	}
	if contentType, text := call.Reply(run); contentType != "" {
		header.Set(echo.HeaderContentLength, strconv.Itoa(len(text)))
		return c.Blob(status, contentType, memory.Bytes(text))
	}
	answer := s.answerOf(run)
	if len(run.Output) >= longText {
		return answerLong(c, status, answer)
	}
	return answerJSON(c, status, answer)
}

// answerOf returns the document of a completed run.
func (s *Server) answerOf(run *runs.Run) callAnswer {
	answer := callAnswer{
		OK:         true,
		Response:   run.Output,
		RunID:      run.ID,
		Status:     run.Status,
		Agent:      run.WorkflowID,
		Usage:      run.Usage,
		Cost:       usd(run.Usage.Cost.OrNil()),
		DurationMs: run.Milliseconds(),
		Verdict:    run.Verdict,
		Reason:     run.Reason,
		ShareURL:   s.shareURL(run),
	}
	if run.By.Degraded {
		answer.Degraded, answer.Provider, answer.Model = true, run.By.Provider, run.By.Model
	}
	if data := run.Data(); data != nil {
		answer.Data = data
	}
	if len(run.Artifacts) > 0 {
		answer.Artifacts = s.artifactsOf(run.Artifacts)
	}
	return answer
}

// answerJSON answers with a document.
func answerJSON(c echo.Context, status int, document any) error {
	body, err := encodeJSON(document)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
	return c.Blob(status, echo.MIMEApplicationJSON, body)
}

// usualDocument is about how long most documents are, in bytes.
const usualDocument = 512

func encodeJSON(document any) ([]byte, error) {
	body := bytes.NewBuffer(make([]byte, 0, usualDocument))
	encoder := json.NewEncoder(body)
	encoder.SetEscapeHTML(false) // it is data for a program, not for a page
	err := encoder.Encode(document)
	return body.Bytes(), err
}

// acceptedRetry is when the caller of a run that goes on should look for it again.
const acceptedRetry = 2 * time.Second

// skippedAnswer is the body of a call that starts no run.
type skippedAnswer struct {
	OK      bool   `json:"ok"`
	Skipped string `json:"skipped" enum:"filter,empty_prompt,resolved" doc:"Why no run was started."`
}

// acceptedAnswer is the body of a call whose run goes on.
type acceptedAnswer struct {
	OK     bool        `json:"ok"`
	RunID  string      `json:"runId"`
	Status runs.Status `json:"status"`
	URL    string      `json:"url"`
	// WaitingFor is nil for a run that waits for nobody.
	WaitingFor []waitingCall `json:"waitingFor,omitempty" doc:"The calls of tools on which a person has to decide before the run goes on; left out where it waits for none."`
}

// waitingCall is a call of a tool on which a person has to decide.
type waitingCall struct {
	ID        string  `json:"id"`
	Tool      string  `json:"tool" example:"deploy.rollback"`
	Arguments string  `json:"arguments" doc:"The beginning of the arguments, as text. The run has all of them."`
	ExpiresAt *string `json:"expiresAt" doc:"When it is denied."`
	DecideAt  string  `json:"decideAt" doc:"Takes {\"allow\": true} or false as POST, with the admin token."`
}

// maxShownArguments is how much of the arguments of a call an answer has, in characters. The run has all of them.
const maxShownArguments = 200

// answerAccepted answers 202: the run is on disk, and the caller finds it at its URL.
func (s *Server) answerAccepted(c echo.Context, runID string, status runs.Status) error {
	header := c.Response().Header()
	header.Set(runIDHeader, runID)
	header.Set(echo.HeaderLocation, s.runURL(runID))
	header.Set("Retry-After", strconv.Itoa(wholeSeconds(acceptedRetry)))
	return answerJSON(c, http.StatusAccepted, s.acceptedOf(c, runID, status))
}

// acceptedOf is the body of an answer about a run that has not ended. Of one that waits for a person it says for what.
func (s *Server) acceptedOf(c echo.Context, runID string, status runs.Status) acceptedAnswer {
	answer := acceptedAnswer{OK: true, RunID: runID, Status: status, URL: s.runURL(runID)}
	if status != runs.Waiting {
		return answer
	}
	calls, err := s.Calls.Runs.ApprovalsOf(c.Request().Context(), runID)
	if err != nil {
		s.Log.Warn("the calls that a run waits for cannot be read", "run_id", runID, "error", err)
	}
	for _, call := range calls {
		answer.WaitingFor = append(answer.WaitingFor, waitingCall{
			ID:        call.ID,
			Tool:      call.Tool,
			Arguments: problem.ShortenTo(call.Arguments, maxShownArguments),
			ExpiresAt: timeOrNull(call.ExpiresAt),
			DecideAt:  answer.URL + "/approvals/" + call.ID,
		})
	}
	return answer
}

// runURL is the path of a run, as callers reach it.
func (s *Server) runURL(id string) string { return s.base.Join("/api/v1/runs/" + id) }
