package server

import (
	"context"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
)

// webhook runs what a client calls for and brings the answer back.
func (s *Server) webhook(c echo.Context) error {
	received := time.Now()
	active, wait, err := s.startCall(c, received)
	if err != nil {
		s.Metrics.Refused(problem.Of(err).Code)
		return err
	}
	c.Response().Header().Set(runIDHeader, active.ID)
	if applied := wait.applied(); applied != "" {
		c.Response().Header().Set("Preference-Applied", applied)
	}
	select {
	case <-active.Done():
	case <-c.Request().Context().Done():
		return nil // nobody listens any more; the run goes on
	}
	s.Metrics.Webhook(time.Since(received))
	run, err := active.Outcome()
	if err != nil {
		return err
	}
	return answerRun(c, run)
}

// startCall admits the caller, makes the prompt and starts the run.
func (s *Server) startCall(c echo.Context, received time.Time) (_ *runs.Active, wait preference, err error) {
	catalog, request := s.Catalog(), c.Request()
	client := catalog.Clients.Authenticate(c.Param("clientID"), bearer(request.Header))
	if client == nil {
		return nil, wait, errUnauthorized
	}
	if !client.IsEnabled() {
		return nil, wait, problem.New(problem.Denied, "client_disabled", "This client is disabled.")
	}
	if wait, err = readPrefer(request.Header); err != nil {
		return nil, wait, err
	}
	leave, err := s.admit(c, client)
	if err != nil {
		return nil, wait, err
	}
	active, err := s.startRun(c, catalog, client, wait, received, leave)
	if err != nil {
		leave()
		return nil, wait, err
	}
	if client.CancelOnDisconnect {
		context.AfterFunc(request.Context(), active.Cancel)
	}
	return active, wait, nil
}

func (s *Server) startRun(c echo.Context, catalog Catalog, client *clients.Member, wait preference, received time.Time, leave func()) (*runs.Active, error) {
	request := c.Request()
	if client.Passthrough {
		if err := clients.CheckContentType(request.Header); err != nil {
			return nil, err
		}
	}
	body, err := readBody(c, client.BodyLimit(s.MaxBodyBytes), s.BodyTimeout)
	if err != nil {
		return nil, err
	}
	prompt, err := client.Prompt(catalog.Commands, clients.Request{Header: request.Header, Query: c.QueryParams(), Body: body, ReceivedAt: received},
		int(client.BodyLimit(s.MaxBodyBytes)))
	if err != nil {
		return nil, err
	}
	if prompt.Webhook != nil {
		return nil, problem.New(problem.Invalid, "webhook_unsupported", "This version of Beckon delivers no events yet. Leave webhook out, and take the answer from the response.")
	}
	agent, err := client.Choose(prompt.Agent)
	if err != nil {
		return nil, err
	}
	entry := catalog.Agents.Get(agent)
	if entry == nil {
		return nil, problem.New(problem.Unavailable, "agent_unavailable", "The agent %q cannot be used now: its configuration has an error, which the log names.", agent)
	}
	if !wait.hasWait {
		wait.wait = client.SyncTimeout.Or(clients.DefaultSyncTimeout)
	}
	return s.Runs.Start(request.Context(), runs.Request{ClientID: client.ID, Entry: entry, Source: runs.SourceWebhook, Input: prompt.Text,
		SessionID: prompt.SessionID, Metadata: prompt.Metadata, ReceivedAt: received, Wait: wait.wait, OnEnd: leave})
}

// admit takes the call off the limits of the gateway and of the client, and tells the caller what is left. What it
// took is given back by leave when the run has ended, which may be long after its caller left.
func (s *Server) admit(c echo.Context, client *clients.Member) (leave func(), err error) {
	if s.draining.Load() {
		return nil, problem.New(problem.Unavailable, "shutting_down", "Beckon is shutting down. Try again in a moment.").After(answerTime)
	}
	if s.running.Add(1) > s.MaxConcurrent {
		s.running.Add(-1)
		return nil, problem.New(problem.Unavailable, "gateway_full", "Beckon is working on as many calls as it may. Try again in a moment.").After(time.Second)
	}
	quota, err := client.Admit()
	limitHeaders(c, client, quota)
	if err != nil {
		s.running.Add(-1)
		return nil, err
	}
	return func() {
		client.Leave()
		s.running.Add(-1)
	}, nil
}

// limitHeaders writes the RateLimit fields of draft-ietf-httpapi-ratelimit-headers for the limits that the client has.
func limitHeaders(c echo.Context, client *clients.Member, quota clients.Quota) {
	header := c.Response().Header()
	if quota.Limit > 0 {
		header.Add("RateLimit-Policy", `"requests";q=`+strconv.Itoa(quota.Limit)+`;w=`+strconv.Itoa(wholeSeconds(quota.Window)))
		header.Add("RateLimit", `"requests";r=`+strconv.Itoa(quota.Remaining)+`;t=`+strconv.Itoa(wholeSeconds(quota.Reset)))
	}
	if client.MaxConcurrent > 0 {
		header.Add("RateLimit-Policy", `"concurrent";q=`+strconv.Itoa(client.MaxConcurrent)+`;qu="concurrent-requests"`)
		header.Add("RateLimit", `"concurrent";r=`+strconv.Itoa(client.Free()))
	}
}
