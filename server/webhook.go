package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/calls"
	"beckon/calls/senders"
	"beckon/internal/problem"
	"beckon/runs"
)

const (
	webhookRoute   = "/api/v1/webhooks/:clientID"
	webhookMethods = "OPTIONS, GET, POST"
)

// webhook runs what a client calls for, and answers with what came of it.
func (s *Server) webhook(c echo.Context) error {
	r := s.newRequest(c)
	r.ClientID = c.Param("clientID")
	return s.answerCall(c, calls.Webhook, r)
}

// createRun starts a run that its caller comes back for, unless the caller asks to wait.
func (s *Server) createRun(c echo.Context) error {
	r := s.newRequest(c)
	r.Agent = c.Param("nodeType") // the id of an agent or flow
	return s.answerCall(c, calls.API, r)
}

// webhookHint answers GET and HEAD of a webhook, which people and senders try it with, for every id alike.
func (s *Server) webhookHint(c echo.Context) error {
	if s.Calls.ShowsProof(s.newRequest(c)) {
		c.Response().Header().Set(echo.HeaderAllow, "OPTIONS, POST")
		return echo.ErrMethodNotAllowed
	}
	return answerJSON(c, http.StatusOK, map[string]string{"hint": "Send a POST request."})
}

// webhookOptions answers senders that ask whether they may call.
func (s *Server) webhookOptions(c echo.Context) error {
	r := c.Request()
	if answer := s.Calls.Preflight(senders.Delivery{Method: r.Method, URL: r.URL, Header: r.Header}); answer != nil {
		return answerAs(c, answer)
	}
	c.Response().Header().Set(echo.HeaderAllow, webhookMethods)
	return c.NoContent(http.StatusNoContent)
}

// answerAs answers as a sender expects it.
func answerAs(c echo.Context, a *senders.Answer) error {
	header := c.Response().Header()
	for name, values := range a.Header {
		header[name] = values
	}
	if len(a.Body) == 0 {
		return c.NoContent(a.Status)
	}
	return c.Blob(a.Status, header.Get(echo.HeaderContentType), a.Body)
}

// newRequest returns an HTTP request as a call whose body has not been read.
func (s *Server) newRequest(c echo.Context) *calls.Request {
	request := c.Request()
	return &calls.Request{
		Method:     request.Method,
		Address:    c.RealIP(),
		URL:        request.URL,
		Header:     request.Header,
		Query:      c.QueryParams(),
		ReceivedAt: time.Now(),
		Stream:     calls.WantsEvents(request.Header),
		Read:       s.bodyReader(c),
	}
}

// answerCall starts a call and answers it: with its run, with the events of its run, or with the address of a run that
// goes on.
func (s *Server) answerCall(c echo.Context, sender *calls.Sender, r *calls.Request) error {
	ctx, header := c.Request().Context(), c.Response().Header()
	call := s.Calls.Start(ctx, sender, r)
	defer call.Close()
	writeLimits(c, call)
	if id := call.RunID(); id != "" {
		header.Set(runIDHeader, id)
	}
	if call.Refused != nil {
		return s.refuseCall(c, call)
	}
	if applied := call.Prefer.Applied(); applied != "" && call.Original == nil {
		header.Set("Preference-Applied", applied)
	}
	var err error
	switch {
	case call.Answer != nil:
		return answerAs(c, call.Answer)
	case call.IsRedelivery():
		header.Set("Idempotency-Replayed", "true")
		return answerJSON(c, http.StatusOK, acceptedOf(call.Original.ID, call.Original.Status))
	case call.Queued != nil && call.Accepted() != nil:
		return answerAs(c, call.Accepted())
	case call.Original != nil:
		return s.answerOriginal(c, call, r)
	case call.Queued != nil:
		return answerAccepted(c, call.Queued.ID, call.Queued.Status)
	case r.Stream:
		err = call.Active.Recorded(ctx)
		if err == nil {
			return s.stream(c, call.Active.ID, "", false, s.stillAllowed(c.Request(), call.Client.ID))
		}
		err = problem.Of(err)
	case call.Prefer.Heartbeat:
		err = s.answerWithHeartbeat(c, call)
	default:
		err = s.answerActive(c, call)
	}
	if err != nil && !call.IsRecorded() {
		header.Del(runIDHeader) // nobody would find the run
	}
	return err
}

// answerActive waits for the run and answers with it, or at the end of the caller's time with its address.
func (s *Server) answerActive(c echo.Context, call *calls.Call) error {
	ctx := c.Request().Context()
	run, err := call.Wait(ctx)
	switch {
	case err != nil && problem.Of(err).Code == problem.CodeResultNotReady:
		c.Response().Header().Set(echo.HeaderLocation, runURL(call.Active.ID))
		return err
	case err != nil:
		return err
	case run != nil:
		return s.answerRun(c, call, run)
	case ctx.Err() != nil:
		return nil // the caller has left
	}
	return answerAccepted(c, call.Active.ID, runs.Running)
}

// answerOriginal answers a call that has been made before with the run of the first one.
func (s *Server) answerOriginal(c echo.Context, call *calls.Call, r *calls.Request) error {
	run := call.Original
	c.Response().Header().Set("Idempotency-Replayed", "true")
	switch {
	case call.IsAsync():
		return answerAccepted(c, run.ID, runs.Queued) // as the first caller was told
	case r.Stream:
		return s.follow(c, run, "")
	}
	if err := run.Problem(); err != nil {
		return err
	}
	return s.answerRun(c, call, run)
}

// refuseCall counts a refused call and returns why it was refused. Where the first call with its Idempotency-Key is still
// running, Location names the run of that.
func (s *Server) refuseCall(c echo.Context, call *calls.Call) error {
	code := problem.Of(call.Refused).Code
	if code == problem.CodeIdempotencyInFlight {
		c.Response().Header().Set(echo.HeaderLocation, runURL(call.Original.ID))
	}
	s.Calls.Metrics.Refused(code)
	return call.Refused
}

// writeLimits writes the RateLimit fields of draft-ietf-httpapi-ratelimit-headers for the limits that the client has.
func writeLimits(c echo.Context, call *calls.Call) {
	header := c.Response().Header()
	quota, free := call.Quota()
	if quota.Limit > 0 {
		header.Add("RateLimit-Policy", `"requests";q=`+strconv.Itoa(quota.Limit)+`;w=`+strconv.Itoa(wholeSeconds(quota.Window)))
		header.Add("RateLimit", `"requests";r=`+strconv.Itoa(quota.Remaining)+`;t=`+strconv.Itoa(wholeSeconds(quota.Reset)))
	}
	if call.Client != nil && call.Client.MaxConcurrent > 0 {
		header.Add("RateLimit-Policy", `"concurrent";q=`+strconv.Itoa(call.Client.MaxConcurrent)+`;qu="concurrent-requests"`)
		header.Add("RateLimit", `"concurrent";r=`+strconv.Itoa(free))
	}
}
