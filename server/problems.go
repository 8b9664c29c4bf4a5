package server

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

var statusOf = map[problem.Kind]int{
	problem.Invalid:         http.StatusBadRequest,
	problem.Unauthenticated: http.StatusUnauthorized,
	problem.OverBudget:      http.StatusPaymentRequired,
	problem.Denied:          http.StatusForbidden,
	problem.NotFound:        http.StatusNotFound,
	problem.NotAllowed:      http.StatusMethodNotAllowed,
	problem.Slow:            http.StatusRequestTimeout,
	problem.Conflict:        http.StatusConflict,
	problem.Gone:            http.StatusGone,
	problem.Outdated:        http.StatusPreconditionFailed,
	problem.TooLarge:        http.StatusRequestEntityTooLarge,
	problem.Unsupported:     http.StatusUnsupportedMediaType,
	problem.Unprocessable:   http.StatusUnprocessableEntity,
	problem.Exhausted:       http.StatusTooManyRequests,
	problem.Upstream:        http.StatusBadGateway,
	problem.Unavailable:     http.StatusServiceUnavailable,
	problem.Expired:         http.StatusGatewayTimeout,
	problem.Internal:        http.StatusInternalServerError,
}

// problemDocument is a problem+json body (RFC 9457) with Beckon's own members.
type problemDocument struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Code   string         `json:"code"`
	OK     bool           `json:"ok"`
	Error  string         `json:"error"`
	RunID  string         `json:"runId,omitempty"`
	Fields problem.Fields `json:"errors,omitempty"`
}

// answerError answers a request with an error. It is the only place that does. The caller sees the problem's
// detail; the log gets its cause.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		s.Log.Debug("an answer broke off",
			slog.String("request_id", c.Response().Header().Get(requestIDHeader)), slog.Any("error", err))
		return
	}
	p := problemOf(err)
	status := statusOf[p.Kind]
	header := c.Response().Header()
	ofPages := s.pages != nil && s.pages.Owns(c.Request().URL.Path)
	if p.Code == problem.CodeRouteNotFound && !ofPages {
		p = problem.New(p.Kind, p.Code, "%s The API's addresses are listed at %s, and shown at %s.", p.Detail,
			s.base.Join("/api/v1/openapi.json"), s.base.Join("/docs"))
	}
	s.logRefusal(c, p, status)
	s.noteRefusal(c, p, status)
	if p.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(wholeSeconds(p.RetryAfter)))
	}
	if ofPages {
		err := s.pages.AnswerProblem(c, p, status)
		if err == nil || c.Response().Committed {
			return
		}
		s.Log.Error("the page of an error could not be drawn", slog.Any("error", err))
	}
	if status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", "Bearer")
		if c.Path() == webhookRoute {
			header.Add("WWW-Authenticate", `Basic realm="Beckon"`)
		}
	}
	if err := answerAsProblem(c, status, problemDocumentOf(p, status, header.Get(runIDHeader))); err != nil {
		s.Log.Debug("an error could not be answered", slog.Any("error", err))
	}
}

func answerAsProblem(c echo.Context, status int, document problemDocument) error {
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	body = append(body, '\n')
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
	return c.Blob(status, "application/problem+json", body)
}

func problemDocumentOf(p *problem.Error, status int, runID string) problemDocument {
	return problemDocument{Type: "urn:beckon:problem:" + p.Code, Title: http.StatusText(status), Status: status,
		Detail: p.Detail, Code: p.Code, Error: p.Detail, RunID: runID, Fields: p.Fields}
}

func (s *Server) logRefusal(c echo.Context, p *problem.Error, status int) {
	level := slog.LevelDebug
	switch {
	case p.Kind == problem.Internal, p.Kind == problem.Unavailable && p.Unwrap() != nil:
		level = slog.LevelError
	case p.Kind == problem.Unavailable: // nothing is broken, there is only too much
		level = slog.LevelWarn
	}
	header := c.Response().Header()
	s.Log.LogAttrs(c.Request().Context(), level, "request refused",
		slog.String("request_id", header.Get(requestIDHeader)),
		slog.String("route", routeOf(c)), slog.Int("status", status), slog.String("code", p.Code),
		slog.String("address", c.RealIP()),
		slog.String("run_id", header.Get(runIDHeader)), slog.Any("error", p))
}

// problemOf also understands the errors of Echo's router.
func problemOf(err error) *problem.Error {
	he, ok := errors.AsType[*echo.HTTPError](err)
	switch {
	case !ok:
		return problem.Of(err)
	case he.Code == http.StatusNotFound:
		return problem.New(problem.NotFound, problem.CodeRouteNotFound, "There is nothing at this address.")
	case he.Code == http.StatusMethodNotAllowed:
		return problem.New(problem.NotAllowed, problem.CodeMethodNotAllowed,
			"This address does not take this method. The Allow header lists those it takes.")
	}
	return problem.Of(err)
}

// wholeSeconds rounds up: who comes back at that second must not be early.
func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
