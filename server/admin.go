package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/budgets"
	"beckon/calls"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Sessions knows who is logged in on the page.
type Sessions interface {
	Admin(r *http.Request) (who string, ok bool)
}

// Admin is what the admin API works on.
type Admin struct {
	Token    secret.String // authenticates programs; empty: no program has access
	Sessions Sessions      // authenticates users of the page; nil: no user has access
	Editor   *catalog.Editor
	Budgets  func(ctx context.Context) ([]budgets.Use, error) // all that are set; nil for none
}

const (
	adminPath = "/api/v1/admin"
	// programName is who the audit list says it was when a change came with the admin token.
	programName = "admin token"
)

// errNoAdmin answers a missing token, a wrong one and a client's token alike.
var errNoAdmin = problem.New(problem.Unauthenticated, problem.CodeUnauthorized,
	"This needs the admin token (admin.token): Authorization: Bearer … . A client's token does not open it.")

var errCrossOrigin = problem.New(problem.Denied, "cross_origin",
	"A page of another origin made your browser send this. Use the admin token for calls from elsewhere.")

// adminAPI is the routes for administrators, and the document of all routes. Their schemas take as much memory as
// all else that a gateway holds at rest, so it is made with the first request for either.
type adminAPI struct {
	echo     *echo.Echo
	document func() ([]byte, error) // OpenAPI, as JSON
}

func (s *Server) newAdminAPI() adminAPI {
	e := s.newEcho()
	api := s.newAPI(e)
	s.addNouns(api)
	s.registerActions(api)
	s.registerTools(api)
	s.registerRecords(api)
	s.registerSessions(api)
	s.registerData(api)
	s.registerRequests(api)
	s.describe(api)
	return adminAPI{e, finishedDocument(api)}
}

type adminKey struct{}

// adminName returns the administrator whose request it is.
func adminName(ctx context.Context) string {
	who, _ := ctx.Value(adminKey{}).(string)
	return who
}

// requireAdmin refuses everybody but administrators, also at paths below adminPath that do not exist.
func (s *Server) requireAdmin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if !isAdminPath(c.Path()) && !isAdminPath(echo.GetPath(r)) {
			return next(c)
		}
		who, err := s.admin(r)
		if err != nil {
			s.Calls.Metrics.Refused(problem.Of(err).Code)
			return err
		}
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), adminKey{}, who)))
		return next(c)
	}
}

func isAdminPath(path string) bool {
	return path == adminPath || strings.HasPrefix(path, adminPath+"/")
}

func (s *Server) admin(r *http.Request) (who string, err error) {
	given, wanted := sha256.Sum256([]byte(calls.BearerToken(r.Header))), sha256.Sum256([]byte(s.Admin.Token.Reveal()))
	if subtle.ConstantTimeCompare(given[:], wanted[:]) == 1 && s.Admin.Token != "" {
		return programName, nil
	}
	if s.Admin.Sessions != nil {
		if who, ok := s.Admin.Sessions.Admin(r); ok {
			if s.crossOrigin.Check(r) != nil {
				return "", errCrossOrigin
			}
			return who, nil
		}
	}
	return "", errNoAdmin
}
