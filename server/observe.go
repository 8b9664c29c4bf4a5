package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/labstack/echo/v4"
	"github.com/oklog/ulid/v2"
)

const (
	requestIDHeader = "X-Request-Id"
	runIDHeader     = "Beckon-Run-Id"
	maxRequestID    = 128
)

// Values of headers that every answer begins with. Nothing changes them: a header that is set again gets another slice.
var noSniff, noStore = []string{"nosniff"}, []string{"no-store"}

// observe gives every request its id and a time to arrive in, and its answer one to be read in, counts it, and
// turns a panic into an answer.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set(requestIDHeader, requestID(c.Request()))
		header["X-Content-Type-Options"], header["Cache-Control"] = noSniff, noStore
		if s.base != "" {
			c.Response().Before(func() { s.base.Header(header) })
		}
		limitBodyTime(c, s.BodyTimeout)
		c.Response().Writer = &timeoutWriter{ResponseWriter: c.Response().Writer, perMiB: s.AnswerTimeout}
		s.proxies.watch(c.Request(), s.Log)
		span := s.trace(c)
		if err := s.recovered(next, c); err != nil {
			c.Error(err)
		}
		endTrace(span, c.Response().Status)
		s.Calls.Metrics.Request(routeOf(c), strconv.Itoa(c.Response().Status))
		return nil
	}
}

func (s *Server) recovered(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if r == http.ErrAbortHandler {
				panic(r)
			}
			s.Log.Error("panic in a handler", slog.String("route", routeOf(c)), slog.Any("panic", r),
				slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return next(c)
}

// routeOf is the pattern of the route, so that nothing a caller sends becomes a label.
func routeOf(c echo.Context) string {
	if path := c.Path(); path != "" {
		return path
	}
	return "unknown"
}

// requestID is the caller's own id when it is short and plain, else a new one.
func requestID(r *http.Request) string {
	given := r.Header.Get(requestIDHeader)
	if given == "" || len(given) > maxRequestID {
		return newRequestID()
	}
	for i := range len(given) {
		switch b := given[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9',
			b == '-', b == '_', b == '.', b == ':', b == '/', b == '+', b == '=', b == '@':
		default:
			return newRequestID()
		}
	}
	return given
}

func newRequestID() string { return "req_" + ulid.Make().String() }
