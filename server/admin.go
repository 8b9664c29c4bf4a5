package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Resource is what the admin API does with one noun; see config.Section.
type Resource[T any] interface {
	List(ctx context.Context) ([]catalog.Record[T], error)
	Get(ctx context.Context, id string) (catalog.Record[T], error)
	Create(ctx context.Context, who string, item T, wrong ...problem.Field) (catalog.Record[T], secret.String, error)
	Update(ctx context.Context, who string, item T, version int64, wrong ...problem.Field) (catalog.Record[T], error)
	Delete(ctx context.Context, who, id string, version int64) error
}

// Resources are what people name.
type Resources struct {
	Providers Resource[agents.Provider]
	Agents    Resource[agents.Agent]
	Flows     Resource[agents.Flow]
	Commands  Resource[commands.Command]
	Clients   Resource[clients.Client]
	Endpoints Resource[deliveries.Endpoint]
}

// Secrets makes new tokens and secrets, and keeps notes of what was done; see config.Editor.
type Secrets interface {
	RotateToken(ctx context.Context, who, id string, overlap time.Duration) (secret.String, error)
	RotateSecret(ctx context.Context, who, id string, given secret.String) (secret.String, error)
	Note(ctx context.Context, who, action, section, id string, what any) error
}

// AuditList is the list of what was changed; see store.Store.
type AuditList interface {
	AuditEntries(ctx context.Context, q catalog.AuditQuery) (list []catalog.AuditEntry, next string, err error)
}

// Sessions knows who is logged in on the page.
type Sessions interface {
	Admin(r *http.Request) (who string, ok bool)
}

// Admin is what the admin API works on.
type Admin struct {
	Token     secret.String // that lets programs in; empty lets in none
	Sessions  Sessions      // that let in who is logged in on the page; nil lets in nobody
	Resources Resources
	Secrets   Secrets
	Audit     AuditList
}

const (
	adminPath = "/api/v1/admin"
	// programName is who the audit list says it was when a change came with the admin token.
	programName = "admin token"
)

// errNoAdmin is one answer for all: no token, a wrong one, a client's.
var errNoAdmin = problem.New(problem.Unauthenticated, "unauthorized",
	"This needs the admin token (admin.token): Authorization: Bearer … . A client's token does not open it.")

var errCrossOrigin = problem.New(problem.Denied, "cross_origin", "A page of another origin made your browser send this. Use the admin token for calls from elsewhere.")

// addAdmin adds the admin routes, and the document of all routes.
func (s *Server) addAdmin() {
	api := s.newAPI()
	of := s.Admin.Resources
	noun[agents.Provider, providerDocument, *providerDocument]{name: "providers", one: "provider", resource: of.Providers}.register(api)
	noun[agents.Agent, agentDocument, *agentDocument]{name: "agents", one: "agent", resource: of.Agents}.register(api)
	noun[agents.Flow, flowDocument, *flowDocument]{name: "flows", one: "flow", resource: of.Flows}.register(api)
	noun[commands.Command, commandDocument, *commandDocument]{name: "commands", one: "command", resource: of.Commands}.register(api)
	noun[clients.Client, clientDocument, *clientDocument]{name: "clients", one: "client", resource: of.Clients, complete: s.withLimit, settle: s.followLimit}.register(api)
	s.endpoints().register(api)
	s.registerActions(api)
	s.registerRecords(api)
	s.describe(api)
	s.finish(api)
}

type adminKey struct{}

// whoIs returns the administrator whose request it is.
func whoIs(ctx context.Context) string {
	who, _ := ctx.Value(adminKey{}).(string)
	return who
}

// guardAdmin lets nobody but administrators know even what there is below adminPath.
func (s *Server) guardAdmin(next echo.HandlerFunc) echo.HandlerFunc {
	crossOrigin := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		r := c.Request()
		if !belowAdmin(c.Path()) && !belowAdmin(echo.GetPath(r)) {
			return next(c)
		}
		who, err := s.admin(r, crossOrigin)
		if err != nil {
			return s.refuse(problem.Of(err))
		}
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), adminKey{}, who)))
		return next(c)
	}
}

func belowAdmin(path string) bool {
	return path == adminPath || strings.HasPrefix(path, adminPath+"/")
}

func (s *Server) admin(r *http.Request, crossOrigin *http.CrossOriginProtection) (who string, err error) {
	given, wanted := sha256.Sum256([]byte(bearer(r.Header))), sha256.Sum256([]byte(s.Admin.Token.Reveal()))
	if subtle.ConstantTimeCompare(given[:], wanted[:]) == 1 && s.Admin.Token != "" {
		return programName, nil
	}
	if s.Admin.Sessions != nil {
		if who, ok := s.Admin.Sessions.Admin(r); ok {
			if crossOrigin.Check(r) != nil {
				return "", errCrossOrigin
			}
			return who, nil
		}
	}
	return "", errNoAdmin
}
