package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/runs"
	"beckon/share"
)

// approvalAnswer is the body of a decision on a call of a tool.
type approvalAnswer struct {
	OK    bool   `json:"ok"`
	RunID string `json:"runId"`
	ID    string `json:"id" doc:"Of the call."`
	Tool  string `json:"tool"`
	Allow bool   `json:"allow" doc:"What was decided."`
}

type approvalBody struct {
	Allow *bool `json:"allow" required:"true"`
}

var (
	errNoApprover = problem.New(problem.Denied, problem.CodeNotApprover,
		"A client cannot decide on the calls of its own runs. This needs the admin token (admin.token), "+
			"or the link that was sent for it.")
	errNoDecision = problem.New(problem.Invalid, problem.CodeInvalidJSON,
		`The body must be {"allow": true} or {"allow": false}.`)
)

// maxDecision bounds the body of a decision, in bytes.
const maxDecision = 4 << 10

// byLink is who has decided by a link: it does not say more.
const byLink = "a link"

// decideCall lets an administrator decide on a call of a tool.
func (s *Server) decideCall(c echo.Context) error {
	who, err := s.admin(c.Request())
	if err != nil {
		if _, isClient := s.clientOf(c); isClient == nil {
			err = errNoApprover
		}
		return err
	}
	var body approvalBody
	decoder := json.NewDecoder(http.MaxBytesReader(c.Response(), c.Request().Body, maxDecision))
	decoder.DisallowUnknownFields()
	if decoder.Decode(&body) != nil || body.Allow == nil {
		return errNoDecision
	}
	call, err := s.decide(c, who, *body.Allow)
	if err != nil {
		return err
	}
	c.Response().Header().Set(runIDHeader, c.Param("id"))
	return answerJSON(c, http.StatusOK, approvalAnswer{
		OK:    true,
		RunID: c.Param("id"),
		ID:    call.ID,
		Tool:  call.Tool,
		Allow: *body.Allow,
	})
}

// decide decides on the call that the path names.
func (s *Server) decide(c echo.Context, who string, allow bool) (agents.ToolCall, error) {
	return s.Calls.Runs.Decide(c.Request().Context(), c.Param("id"), c.Param("call"), agents.Decision{
		Allowed: allow,
		By:      who,
		At:      time.Now().UTC(),
	})
}

// showApproval shows a call to whoever has a link to it, and changes nothing: a program that looks ahead decides
// nothing.
func (s *Server) showApproval(c echo.Context) error {
	page, err := s.approvalOf(c)
	if err != nil {
		return s.refuseApproval(c, err)
	}
	return page.Write(c.Response(), http.StatusOK)
}

// decideByLink decides on a call.
func (s *Server) decideByLink(c echo.Context) error {
	if _, err := s.approvalOf(c); err != nil {
		return s.refuseApproval(c, err)
	}
	c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxDecision)
	allow := c.FormValue("allow")
	if allow != "true" && allow != "false" {
		return s.refuseApproval(c, errNoDecision)
	}
	_, err := s.decide(c, byLink, allow == "true")
	if err != nil && !problem.Is(err, problem.Conflict) {
		return s.refuseApproval(c, err)
	}
	status := http.StatusOK
	if err != nil {
		status = http.StatusConflict // the page says what was decided first
	}
	page, err := s.approvalOf(c)
	if err != nil {
		return s.refuseApproval(c, err)
	}
	return page.Write(c.Response(), status)
}

// approvalOf is the page of the call that a link leads to.
func (s *Server) approvalOf(c echo.Context) (page share.Approval, err error) {
	ctx, runID := c.Request().Context(), c.Param("id")
	if s.Share == nil {
		return page, share.ErrNoApproval
	}
	call, err := s.Calls.Runs.Approval(ctx, runID, c.Param("call"))
	if problem.Is(err, problem.NotFound) {
		return page, share.ErrNoApproval
	}
	if err != nil {
		return page, err
	}
	if err := s.Share.CheckApproval(runID, call, c.QueryParams()); err != nil {
		return page, err
	}
	run, err := s.Calls.Runs.Get(ctx, runID)
	if err != nil {
		return page, share.ErrNoApproval
	}
	return approvalPageOf(run, call), nil
}

func approvalPageOf(run *runs.Run, call agents.ToolCall) share.Approval {
	page := share.Approval{Agent: run.WorkflowID, Tool: call.Tool, Arguments: call.Arguments, ExpiresAt: call.ExpiresAt,
		Decided: !call.Decision.At.IsZero(), Allowed: call.Decision.Allowed, By: call.Decision.By, At: call.Decision.At,
		Over: call.Decision.At.IsZero() && call.Status != agents.ToolWaiting}
	var laidOut bytes.Buffer
	if json.Indent(&laidOut, call.ArgumentsJSON(), "", "  ") == nil {
		page.Arguments = laidOut.String()
	}
	return page
}

// refuseApproval answers with a page that says why there is nothing to decide.
func (s *Server) refuseApproval(c echo.Context, err error) error {
	p := problem.Of(err)
	refusal := share.Refusal{Title: "This cannot be decided now", Detail: p.Detail}
	switch {
	case errors.Is(err, share.ErrNoApproval):
		refusal.Title = "There is no such call"
	case p.Kind == problem.Gone:
		refusal.Title = "It is too late"
	case p.Kind == problem.Internal || p.Kind == problem.Unavailable:
		refusal.Detail = "Try again in a few minutes."
	}
	status := statusOf[p.Kind]
	s.logRefusal(c, p, status)
	return refusal.Write(c.Response(), status)
}
