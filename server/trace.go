package server

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/internal/telemetry"
)

// trace continues the trace of a call's header, and begins a span for it. Only calls that may start or change
// something have one: not what is read, nor the pages of administrators.
func (s *Server) trace(c echo.Context) *telemetry.Span {
	r, route := c.Request(), c.Path()
	if r.Method != http.MethodPost || !isAPI(route) && route != formRoute {
		return nil
	}
	ctx, name := s.Tracing.Incoming(r.Context(), r.Header), ""
	if s.Tracing.IsOn() {
		name = template(route)
	}
	ctx, span := telemetry.Start(ctx, telemetry.Server, r.Method, name)
	if ctx != r.Context() {
		c.SetRequest(r.WithContext(ctx))
	}
	span.Text("http.request.method", r.Method)
	span.Text("http.route", name)
	return span
}

func endTrace(span *telemetry.Span, status int) {
	span.Number("http.response.status_code", status)
	failure := ""
	if status >= http.StatusInternalServerError {
		failure = strconv.Itoa(status)
	}
	span.End(failure)
}

func isAPI(route string) bool {
	for _, prefix := range runPrefixes {
		if strings.HasPrefix(route, prefix) {
			return true
		}
	}
	return false
}

// template is a route as OpenAPI writes it: /runs/{id} for /runs/:id.
func template(route string) string {
	parts := strings.Split(route, "/")
	for i, part := range parts {
		if name, isParam := strings.CutPrefix(part, ":"); isParam {
			parts[i] = "{" + name + "}"
		}
	}
	return strings.Join(parts, "/")
}
