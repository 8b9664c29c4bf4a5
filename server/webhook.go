package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/calls"
	"beckon/calls/senders"
	"beckon/internal/problem"
	"beckon/internal/store"
	"beckon/runs"
)

const (
	webhookRoute   = "/api/v1/webhooks/:clientID"
	webhookMethods = "OPTIONS, GET, POST"
)

// webhook handles POST /api/v1/webhooks/{clientID}. It starts a run for the client and waits for the result, unless the
// caller asks not to wait.
func (s *Server) webhook(c echo.Context) error {
	r := s.newRequest(c)
	r.ClientID = c.Param("clientID")
	return s.serveCall(c, calls.Webhook, r)
}

// createRun handles POST …/runs and …/nodes/{nodeType}/run. It queues a run and returns 202, unless the caller asks to
// wait.
func (s *Server) createRun(c echo.Context) error {
	r := s.newRequest(c)
	r.Agent = c.Param("nodeType") // the ID of an agent or flow; empty for …/runs
	return s.serveCall(c, calls.API, r)
}

// webhookHint handles GET and HEAD of a webhook, with which people and senders try out its URL. The response does not
// depend on the client ID, so that nobody finds out which clients there are. A request with credentials gets a 405.
func (s *Server) webhookHint(c echo.Context) error {
	if s.Calls.ShowsProof(s.newRequest(c)) {
		c.Response().Header().Set(echo.HeaderAllow, "OPTIONS, POST")
		return echo.ErrMethodNotAllowed
	}
	return answerJSON(c, http.StatusOK, map[string]string{"hint": "Send a POST request."})
}

// webhookOptions handles OPTIONS of a webhook, with which some senders ask whether they may call.
func (s *Server) webhookOptions(c echo.Context) error {
	r := c.Request()
	if answer := s.Calls.Preflight(senders.Delivery{Method: r.Method, URL: r.URL, Header: r.Header}); answer != nil {
		return writeAnswer(c, answer)
	}
	c.Response().Header().Set(echo.HeaderAllow, webhookMethods)
	return c.NoContent(http.StatusNoContent)
}

// writeAnswer writes the response that a sender expects.
func writeAnswer(c echo.Context, a *senders.Answer) error {
	header := c.Response().Header()
	for name, values := range a.Header {
		header[name] = values
	}
	if len(a.Body) == 0 {
		return c.NoContent(a.Status)
	}
	return c.Blob(a.Status, header.Get(echo.HeaderContentType), a.Body)
}

// newRequest converts an HTTP request to a calls.Request. The body is not read yet.
func (s *Server) newRequest(c echo.Context) *calls.Request {
	request := c.Request()
	return &calls.Request{
		Method:     request.Method,
		Address:    c.RealIP(),
		URL:        request.URL,
		Header:     request.Header,
		Query:      c.QueryParams(),
		ReceivedAt: time.Now(),
		RequestID:  c.Response().Header().Get(requestIDHeader),
		Stream:     calls.WantsEvents(request.Header),
		Read:       s.bodyReader(c),
		Open:       s.bodyOpener(c),
	}
}

// serveCall starts a call and writes the response: the result of the run, a stream of its events, or a 202 with the URL
// of a run that has not ended.
func (s *Server) serveCall(c echo.Context, channel *calls.Channel, r *calls.Request) error {
	ctx, header := c.Request().Context(), c.Response().Header()
	call := s.Calls.Start(ctx, channel, r)
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
		return writeAnswer(c, call.Answer)
	case call.Skipped != "":
		return s.answerSkipped(c, call.Skipped)
	case call.IsRedelivery():
		header.Set("Idempotency-Replayed", "true")
		return answerJSON(c, http.StatusOK, s.acceptedOf(c, call.Original.ID, call.Original.Status))
	case call.Queued != nil && call.Accepted() != nil:
		return writeAnswer(c, call.Accepted())
	case call.Original != nil:
		return s.answerOriginal(c, call, r)
	case call.Queued != nil:
		return s.answerAccepted(c, call.Queued.ID, call.Queued.Status)
	case r.Stream:
		err = call.Active.Recorded(ctx)
		if err == nil {
			follower := call.Active.Own()
			if follower == nil {
				follower = s.Calls.Runs.Events.Follow(call.Active.ID, "")
			}
			return s.streamFrom(c, follower, call.Active.ID, false, s.stillAllowed(c.Request(), call.Client.ID))
		}
		err = problem.Of(err)
	case call.Prefer.Heartbeat:
		err = s.answerWithHeartbeat(c, call)
	default:
		err = s.answerActive(c, call)
	}
	if err != nil && !call.IsRecorded() {
		header.Del(runIDHeader) // the run was not recorded, so the ID would lead nowhere
	}
	return err
}

// answerActive waits for the run and answers with its result. When the time to wait is over, it answers 202 with the
// URL of the run.
func (s *Server) answerActive(c echo.Context, call *calls.Call) error {
	ctx := c.Request().Context()
	run, err := call.Wait(ctx)
	switch {
	case err != nil && problem.Of(err).Code == problem.CodeResultNotReady:
		c.Response().Header().Set(echo.HeaderLocation, s.runURL(call.Active.ID))
		return err
	case err != nil:
		return err
	case run != nil && run.Status == runs.Waiting:
		if call.Prefer.RequireResult {
			c.Response().Header().Set(echo.HeaderLocation, s.runURL(run.ID))
			return call.NoResult()
		}
		return s.answerAccepted(c, run.ID, run.Status)
	case run != nil:
		return s.answerRun(c, call, run)
	case ctx.Err() != nil:
		return nil // the caller has left
	}
	return s.answerAccepted(c, call.Active.ID, statusOfActive(call.Active))
}

// statusOfActive returns the status of a run that has not ended when its caller stops waiting for it.
func statusOfActive(a *runs.Active) runs.Status {
	if a.IsQueued() {
		return runs.Queued
	}
	return runs.Running
}

// answerOriginal answers a call whose Idempotency-Key was used before with the run of the first call.
func (s *Server) answerOriginal(c echo.Context, call *calls.Call, r *calls.Request) error {
	run := call.Original
	c.Response().Header().Set("Idempotency-Replayed", "true")
	switch {
	case call.IsAsync():
		return s.answerAccepted(c, run.ID, runs.Queued) // the status that the first call was answered with
	case r.Stream:
		return s.follow(c, run, "")
	}
	if err := run.Problem(); err != nil {
		return err
	}
	if !run.HasContent() {
		return errContentErased
	}
	return s.answerRun(c, call, run)
}

var errContentErased = problem.New(problem.Gone, problem.CodeContentErased,
	"This call has been made before, and was answered. The answer is not there any more: "+
		"its client keeps no content, or an administrator has erased it. Use a new Idempotency-Key to ask again.")

// refuseCall counts a refused call and returns the reason as an error. If the first call with the same Idempotency-Key
// is still running, it sets Location to the URL of that call's run.
func (s *Server) refuseCall(c echo.Context, call *calls.Call) error {
	code := problem.Of(call.Refused).Code
	if code == problem.CodeIdempotencyInFlight {
		c.Response().Header().Set(echo.HeaderLocation, s.runURL(call.Original.ID))
	}
	s.Calls.Metrics.Refused(code)
	return call.Refused
}

// answerSkipped answers a valid call that starts no run. The status is 200, because senders take any other for a
// failure.
func (s *Server) answerSkipped(c echo.Context, skipped string) error {
	s.noteSkipped(c, skipped)
	return answerJSON(c, http.StatusOK, skippedAnswer{OK: true, Skipped: skipped})
}

// noteSkipped counts a valid call that starts no run, and lists it on the page Refused.
func (s *Server) noteSkipped(c echo.Context, skipped string) {
	s.Calls.Metrics.Skipped(skipped)
	s.refusedLog.add(func() store.RefusedCall {
		return s.describeCall(c, http.StatusOK, calls.SkipCode(skipped), calls.SkipReason(skipped))
	})
}

// writeLimits sets the RateLimit headers (draft-ietf-httpapi-ratelimit-headers) for the client's rate limit and for
// maxConcurrent, as far as it has them.
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
