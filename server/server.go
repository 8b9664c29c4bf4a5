// Package server speaks HTTP: webhooks, runs, admin REST, OpenAPI, health.
package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/artifacts"
	"beckon/calls"
	"beckon/internal/basepath"
	"beckon/internal/problem"
	"beckon/internal/telemetry"
	"beckon/schedules"
	"beckon/sessions"
	"beckon/share"
	"beckon/tools"
)

// The times that a caller has to send a request, where Config says nothing else.
const (
	defaultHeaderTimeout = 10 * time.Second
	defaultBodyTimeout   = 30 * time.Second
)

const (
	idleTimeout = 2 * time.Minute // between two requests of a connection
	maxHeader   = 64 << 10
	// answerTime is what handlers get to write their answers when the runs they waited for have been ended.
	answerTime = 5 * time.Second
)

// runPrefixes begin the addresses of the runs API: both are the same.
var runPrefixes = []string{"/api/v1/", "/v1/"}

// Config is what a Server is made of.
type Config struct {
	Calls          *calls.Service // with the runs and deliveries that the API shows
	Database       interface{ Health(context.Context) error }
	Artifacts      *artifacts.Service // what runs have made; nil for none
	Share          *share.Service     // the pages of runs for recipients; nil for none
	Conversations  *sessions.Service  // what clients and agents have said to each other
	Schedules      *schedules.Service // when clients run and have called; nil for never
	Tools          *tools.Toolbox     // the connections to tool servers; nil for none
	Log            *slog.Logger
	Tracing        *telemetry.Tracing // nil is off
	Admin          Admin
	KeepRefused    KeepRefused   // nil keeps none
	Refused        RefusedCalls  // those that are kept; nil for none
	PublicURL      string        // the URL at which callers reach the gateway; its path is put in front of links
	Version        string        // of the gateway, for the OpenAPI document
	TrustedProxies []*net.IPNet  // whose X-Forwarded-For is believed
	HeaderTimeout  time.Duration // for the request line and the header fields; 10s
	BodyTimeout    time.Duration // for the body behind them; 30s
	// to take an answer, from its first byte on, and as long again for each of its MiB; 30s
	AnswerTimeout  time.Duration
	Heartbeat      time.Duration // between two of a stream in which nothing happens; 15s
	MaxConnections int           // at the same time; DefaultMaxConnections
	ProbesOnly     bool          // answers /healthz, /readyz and /metrics, and refuses all else

	// Pages makes the pages, which use the server that they are part of. New calls it once; nil makes none.
	Pages func(*Server) (Pages, error)
}

// Pages are for people; see web.Web. Their errors are pages, too. Who is logged in on them may use the admin API.
type Pages interface {
	Sessions
	Register(e *echo.Echo)
	Owns(path string) bool
	AnswerProblem(c echo.Context, p *problem.Error, status int) error
}

// Server answers HTTP requests.
type Server struct {
	Config
	echo        *echo.Echo
	base        basepath.Path
	pages       Pages // nil for none
	proxies     proxies
	crossOrigin *http.CrossOriginProtection
	followers   followers
	adminAPI    func() adminAPI // is made when it is first asked for
	refusedLog  *refusedLog
	http        *http.Server
	unused      unusedConnections
	draining    atomic.Bool
	closing     context.Context // ends when followers of runs are sent away
	close       context.CancelFunc
}

// New returns a server that does not listen yet. An error is one of Config.Pages.
func New(c Config) (*Server, error) {
	c.HeaderTimeout = cmp.Or(c.HeaderTimeout, defaultHeaderTimeout)
	c.BodyTimeout = cmp.Or(c.BodyTimeout, defaultBodyTimeout)
	c.AnswerTimeout, c.Heartbeat = cmp.Or(c.AnswerTimeout, defaultAnswerTimeout), cmp.Or(c.Heartbeat, defaultHeartbeat)
	c.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections())
	s := &Server{Config: c, base: basepath.Of(c.PublicURL), proxies: proxies{trusted: c.TrustedProxies},
		crossOrigin: http.NewCrossOriginProtection(),
		followers:   followers{limit: min(max(c.MaxConnections/2, 1), maxFollowers), open: map[string]int{}}}
	s.closing, s.close = context.WithCancel(context.Background())
	s.unused.closing = s.closing
	s.refusedLog = newRefusedLog(c.KeepRefused, c.Calls.Metrics.RefusedForgotten, c.Log)
	s.echo, s.adminAPI = s.newEcho(), sync.OnceValue(s.newAdminAPI)
	s.echo.GET("/healthz", s.health)
	s.echo.GET("/readyz", s.ready)
	c.Calls.Metrics.Ready(func() bool { return s.readiness(context.Background()) == nil })
	s.echo.GET("/metrics", echo.WrapHandler(c.Calls.Metrics.Handler()))
	s.echo.GET("/.well-known/webhook-keys.json", s.webhookKeys)
	s.echo.POST(webhookRoute, s.webhook)
	s.echo.GET(webhookRoute, s.webhookHint)
	s.echo.OPTIONS(webhookRoute, s.webhookOptions)
	for _, prefix := range runPrefixes {
		s.echo.POST(prefix+"runs", s.createRun)
		s.echo.GET(prefix+"runs", s.listRuns)
		s.echo.GET(prefix+"runs/:id", s.getRun)
		s.echo.POST(prefix+"runs/:id/cancel", s.cancelRun)
		s.echo.POST(prefix+"runs/:id/approvals/:call", s.decideCall)
		s.echo.GET(prefix+"runs/:id/deliveries", s.listRunDeliveries)
		s.echo.GET(prefix+"runs/:id/events", s.followRun)
		s.echo.POST(prefix+"nodes/:nodeType/run", s.createRun)
		s.echo.GET(prefix+"sessions/:id", s.getSession)
		s.echo.DELETE(prefix+"sessions/:id", s.deleteSession)
	}
	s.echo.GET("/api/v1/openapi.json", s.openAPI)
	s.echo.GET(artifacts.Path+":artifact", s.openArtifact)
	s.echo.GET(share.Path+":run", s.openPage)
	s.echo.GET(share.ApprovalPath+":id/:call", s.showApproval)
	s.echo.POST(share.ApprovalPath+":id/:call", s.decideByLink)
	s.addForms()
	if c.Pages != nil {
		var err error
		if s.pages, err = c.Pages(s); err != nil {
			return nil, err
		}
		s.Admin.Sessions = s.pages
		s.pages.Register(s.echo)
	}
	s.http = &http.Server{
		Handler: s, ReadHeaderTimeout: c.HeaderTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug), ConnState: s.unused.track,
	}
	return s, nil
}

// newEcho returns an Echo without routes, whose requests pass what every request passes.
func (s *Server) newEcho() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = s.answerError
	e.IPExtractor = s.proxies.extractor()
	e.Use(decodeParams, s.observe, s.allowOrigins(), s.refuseCalls, s.requireAdmin, requireText)
	return e
}

// ServeHTTP answers one request. HEAD is answered as GET is, without the body, which net/http leaves out (RFC 9110,
// section 9.3.2); a stream has no end that it could be answered from.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead && !strings.HasSuffix(r.URL.Path, "/events") {
		r = r.WithContext(context.WithValue(r.Context(), askedForHead{}, true)) // a shallow copy
		r.Method = http.MethodGet
	}
	r = s.base.Request(withDecodedPath(r))
	if isAdminPath(echo.GetPath(r)) {
		s.adminAPI().echo.ServeHTTP(w, r)
		return
	}
	s.echo.ServeHTTP(w, r)
}

// askedForHead is the key of a context under which a request says that it was a HEAD.
type askedForHead struct{}

// methodOf returns the method that a request came with.
func methodOf(r *http.Request) string {
	if r.Context().Value(askedForHead{}) != nil {
		return http.MethodHead
	}
	return r.Method
}

// Serve answers on l until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	s.refusedLog.start()
	if err := s.http.Serve(limitConnections(l, s.MaxConnections, s.Log)); !errors.Is(err, http.ErrServerClosed) {
		s.refusedLog.stopWriting()
		return err
	}
	return nil
}

// Shutdown takes no more calls, and lets those under way end. Until they have, it goes on to answer: that it is not
// ready, new calls with a 503 and Retry-After, and whoever reads about runs. When ctx ends first the runs end
// FAILED with code "interrupted", and the callers are told so.
func (s *Server) Shutdown(ctx context.Context) error {
	s.draining.Store(true)
	defer s.refusedLog.stopWriting()
	s.http.SetKeepAlivesEnabled(false) // so that those who come again find another replica
	s.Calls.Runs.Drain(ctx)
	s.close()
	s.unused.close()
	answered, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	if err := s.http.Shutdown(answered); err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}
