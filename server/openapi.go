package server

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// The parts of the document.
const (
	tagCalls  = "calls"
	tagAdmin  = "administration"
	tagHealth = "operation"

	schemeClient  = "client"
	schemeAdmin   = "admin"
	schemeSession = "session"
)

func (s *Server) newDocument(schemas huma.Registry) *huma.OpenAPI {
	schemas.Schema(reflect.TypeFor[problemDocument](), true, "")
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title:       "Beckon",
			Version:     s.Version,
			Description: "HTTP webhooks in, AI agent answers out.",
		},
		Servers: []*huma.Server{{URL: cmp.Or(string(s.base), "/")}},
		Tags: []*huma.Tag{{Name: tagCalls, Description: "Call agents and flows. A client's token opens these."},
			{Name: tagAdmin, Description: "Configure, and see what happened."}, {Name: tagHealth, Description: "Whether it works."}},
		Components: &huma.Components{Schemas: schemas, SecuritySchemes: map[string]*huma.SecurityScheme{
			schemeClient:  {Type: "http", Scheme: "bearer", Description: "The token of a client: mgc_…"},
			schemeAdmin:   {Type: "http", Scheme: "bearer", Description: "The admin token: admin.token in the configuration."},
			schemeSession: {Type: "apiKey", In: "cookie", Name: "beckon_session", Description: "Who is logged in on the page /admin."},
		}},
	}
}

func adminSecurity() []map[string][]string {
	return []map[string][]string{{schemeAdmin: {}}, {schemeSession: {}}}
}

func clientSecurity() []map[string][]string { return []map[string][]string{{schemeClient: {}}} }

func problemResponses(_ huma.Registry, codes ...int) map[string]*huma.Response {
	responses := make(map[string]*huma.Response, len(codes))
	for _, code := range codes {
		responses[fmt.Sprint(code)] = problemResponse(code)
	}
	return responses
}

func problemResponse(code int) *huma.Response {
	return &huma.Response{Description: http.StatusText(code), Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}}}
}

// finishedDocument mends what huma gets wrong about answers, and returns the document as it is served.
func finishedDocument(api huma.API) func() ([]byte, error) {
	document := api.OpenAPI()
	schemas := document.Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own, which nobody is answered with
	delete(schemas, "ErrorDetail")
	for _, item := range document.Paths {
		for _, op := range operationsOf(item) {
			for _, response := range op.Responses {
				for _, content := range response.Content {
					orNullSchemas(content.Schema)
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		if name != schemaName(reflect.TypeFor[failedRunDocument](), "") {
			orNullSchemas(schemas[name])
		}
	}
	return sync.OnceValues(document.MarshalJSON) // which takes long, and few ask for it
}

// orNullSchemas lets an error be null where there is none: huma cannot say that of objects.
func orNullSchemas(s *huma.Schema) {
	if s == nil {
		return
	}
	if failure := s.Properties["error"]; failure != nil && strings.HasSuffix(failure.Ref, "Failure") {
		s.Properties["error"] = &huma.Schema{
			OneOf:       []*huma.Schema{{Ref: failure.Ref}, {Type: "null"}},
			Description: failure.Description,
		}
	}
}

func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet:    item.Get,
		http.MethodPost:   item.Post,
		http.MethodPut:    item.Put,
		http.MethodDelete: item.Delete,
	}
	maps.DeleteFunc(all, func(_ string, op *huma.Operation) bool { return op == nil })
	return all
}

// openAPI answers with the document of all routes.
func (s *Server) openAPI(c echo.Context) error {
	document, err := s.adminAPI().document()
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.Blob(http.StatusOK, "application/json", document)
}
