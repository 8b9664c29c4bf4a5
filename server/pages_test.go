package server_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/server"
)

// somePages own what is below /admin. Their own errors cannot be drawn at /admin/broken.
type somePages struct{ loggedIn }

func (somePages) Register(e *echo.Echo) {
	e.GET("/admin", func(c echo.Context) error { return c.HTML(http.StatusOK, "welcome") })
	e.GET("/admin/broken", func(echo.Context) error { return errors.New("S3cret detail") })
	e.GET("/admin/busy", func(echo.Context) error {
		return problem.New(problem.Unavailable, "busy", "Too much.").After(1500e6)
	})
}

func (somePages) Owns(path string) bool { return strings.HasPrefix(path, "/admin") }

func (somePages) AnswerProblem(c echo.Context, p *problem.Error, status int) error {
	if c.Path() == "/admin/broken" {
		return errors.New("no template")
	}
	return c.HTML(status, "<h1>"+p.Detail+"</h1>")
}

func TestErrorsOfPagesAreDrawnByThem(t *testing.T) {
	kept := newCollector()
	g := newGateway(t, setting{server: func(c *server.Config) {
		kept.config(c)
		c.Pages = func(*server.Server) (server.Pages, error) { return somePages{}, nil }
	}})
	for path, want := range map[string]struct {
		status     int
		kind, body string
		retry      string
	}{
		"/admin":           {200, "text/html", "welcome", ""},
		"/admin/none":      {404, "text/html", "<h1>There is nothing at this address.</h1>", ""},
		"/admin/busy":      {503, "text/html", "<h1>Too much.</h1>", "2"},
		"/admin/broken":    {500, "application/problem+json", `"code":"internal_error"`, ""},
		"/api/v1/webhooks": {404, "application/problem+json", `"code":"route_not_found"`, ""},
	} {
		t.Run(path, func(t *testing.T) {
			r := g.request(path, "")
			r.Method = http.MethodGet
			got := g.do(r)
			require.Equal(t, want.status, got.StatusCode)
			require.Contains(t, got.Header.Get("Content-Type"), want.kind)
			require.Contains(t, got.body, want.body)
			require.Equal(t, want.retry, got.Header.Get("Retry-After"))
			require.NotContains(t, got.body, "S3cret")
		})
	}
	require.Equal(t, "/api/v1/webhooks", kept.one(t).Path, "what is refused on pages is no call")
	require.Empty(t, kept.batches)
}
