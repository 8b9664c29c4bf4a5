package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/danielgtaylor/huma/v2/validation"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"beckon/artifacts"
	"beckon/internal/problem"
	"beckon/runs"
)

// newAPI returns the API that reads, validates and documents the admin routes. What goes wrong in it comes to
// answerError like everything else.
func (s *Server) newAPI(e *echo.Echo) huma.API {
	schemas := huma.NewMapRegistry("#/components/schemas/", schemaName)
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalStrictly}
	config := huma.Config{
		OpenAPI:                      s.newDocument(schemas),
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		// "json" is what huma looks for with …+json
		Formats:      map[string]huma.Format{"application/json": format, "json": format},
		Transformers: []huma.Transformer{catchProblem},
	}
	config.FieldsOptionalByDefault = true
	api := humaecho.New(e, config)
	api.UseMiddleware(s.exchange)
	return api
}

// schemaName leaves out of a type's name what it has for the sake of Go.
func schemaName(t reflect.Type, hint string) string {
	if t == reflect.TypeFor[artifacts.Linked]() {
		return "Artifact"
	}
	return strings.TrimSuffix(strings.ReplaceAll(huma.DefaultSchemaNamer(t, hint), "Document", ""), "Answer")
}

// unmarshalStrictly also refuses members that are there twice, and those that differ from what they should be called by
// their case alone.
func unmarshalStrictly(data []byte, into any) error {
	return jsonv2.Unmarshal(data, into, jsonv2.RejectUnknownMembers(true))
}

// exchange is one request on its way through huma. When something goes wrong, nothing is written but what answerError
// writes.
type exchange struct {
	humaContext
	body   []byte
	failed error
}

// humaContext has another name than its method Context.
type humaContext huma.Context

func (x *exchange) Unwrap() huma.Context  { return x.humaContext }
func (x *exchange) BodyReader() io.Reader { return bytes.NewReader(x.body) }

func (x *exchange) SetStatus(code int) {
	if x.failed == nil {
		x.humaContext.SetStatus(code)
	}
}

func (x *exchange) BodyWriter() io.Writer {
	if x.failed != nil {
		return io.Discard
	}
	return x.humaContext.BodyWriter()
}

func (s *Server) exchange(ctx huma.Context, next func(huma.Context)) {
	x := &exchange{humaContext: ctx}
	c := humaecho.Unwrap(ctx)
	if method := ctx.Method(); method != http.MethodGet && method != http.MethodDelete {
		x.body, x.failed = readBody(c, s.Calls.MaxBodyBytes, s.BodyTimeout, nil)
	}
	if x.failed == nil {
		next(x)
	}
	if x.failed != nil {
		c.Response().Header().Del("Content-Type") // huma's choice
		s.answerError(x.failed, c)
	}
}

// handlerError carries an error of a handler through huma.
type handlerError struct{ error }

func (handlerError) GetStatus() int { return http.StatusInternalServerError } // which problemOf knows better

// catchProblem takes errors out of huma's way.
func catchProblem(ctx huma.Context, status string, answer any) (any, error) {
	x, ok := ctx.(*exchange)
	if !ok {
		return answer, nil
	}
	switch e := answer.(type) {
	case handlerError:
		x.failed = e.error
	case *huma.ErrorModel:
		x.failed = problemOfModel(e)
	default:
		return answer, nil
	}
	return struct{}{}, nil
}

// problemOfModel translates what huma found wrong with a request. Its details hold the values that were given;
// those stay behind.
func problemOfModel(e *huma.ErrorModel) error {
	switch {
	case e.Status == http.StatusUnsupportedMediaType:
		return problem.New(problem.Unsupported, problem.CodeUnsupportedMediaType, "Send application/json.")
	case e.Status == http.StatusBadRequest && len(e.Errors) == 0:
		return problem.New(problem.Invalid, problem.CodeInvalidJSON, "The request needs a body: a JSON object.")
	case e.Status == http.StatusBadRequest:
		return problem.New(problem.Invalid, problem.CodeInvalidJSON,
			"The body is not valid JSON, or an object has the same member twice.")
	case e.Status >= http.StatusInternalServerError:
		return fmt.Errorf("the admin API: %s", e.Detail)
	}
	code := "invalid_resource"
	var fields problem.Fields
	for _, detail := range e.Errors {
		place, path, _ := strings.Cut(detail.Location, ".")
		message := plainMessage(detail.Message)
		if place != "body" {
			code = problem.CodeInvalidParameter
		}
		if place == "query" && path == "limit" { // of which huma names one bound
			message = fmt.Sprintf("must be a number from 1 to %d", runs.MaxPage)
		}
		fields.Add(shortened(path), "%s", message)
	}
	err := fields.Err()
	if p := problem.Of(err); err != nil {
		p.Code = code
		return p
	}
	return problem.New(problem.Invalid, code, "The request is not valid.")
}

// plainMessages say in our words what huma's say about its schema; %s is what huma names. The text of any other message
// may quote the body.
var plainMessages = [...]struct{ huma, plain string }{
	{validation.MsgUnexpectedProperty, "is not known here"},
	{"unknown query parameter", "is not known here"},
	{validation.MsgExpectedRequiredProperty, "%s is required"},
	{validation.MsgExpectedOneOf, "must be one of %s"},
	{validation.MsgExpectedMinimumNumber, "must be at least %s"},
	{validation.MsgExpectedMaximumNumber, "must be at most %s"},
	{validation.MsgExpectedString, "must be a text"},
	{validation.MsgExpectedInteger, "must be a whole number"},
	{validation.MsgExpectedNumber, "must be a number"},
	{validation.MsgExpectedBoolean, "must be true or false"},
	{validation.MsgExpectedArray, "must be a list"},
	{validation.MsgExpectedObject, "must be an object"},
}

func plainMessage(message string) string {
	for _, m := range plainMessages {
		before, after, hasVerb := strings.Cut(m.huma, "%")
		if !hasVerb && message == m.huma {
			return m.plain
		}
		named, begins := strings.CutPrefix(message, before)
		if hasVerb && begins && strings.HasSuffix(named, after[1:]) { // behind the verb's letter
			return strings.Replace(m.plain, "%s", strings.TrimSuffix(named, after[1:]), 1)
		}
	}
	return "has the wrong form"
}

const maxShown = 100

func shortened(path string) string {
	if len(path) <= maxShown {
		return path
	}
	return strings.ToValidUTF8(path[:maxShown], "") + "…"
}

// route registers an operation of the admin API.
func route[I, O any](
	api huma.API, method, path, id, summary string, handler func(ctx context.Context, in *I) (*O, error),
	more ...func(*huma.Operation),
) {
	op := huma.Operation{
		OperationID: id,
		Method:      method,
		Path:        adminPath + path,
		Summary:     summary,
		Tags:        []string{tagAdmin},
		Security:    adminSecurity(),
		Responses: problemResponses(api.OpenAPI().Components.Schemas, http.StatusBadRequest, http.StatusUnauthorized,
			http.StatusNotFound, http.StatusServiceUnavailable),
	}
	for _, change := range more {
		change(&op)
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, handlerError{err}
		}
		return out, nil
	})
}

// answers sets the status of success, and names refusals besides those that every route has.
func answers(status int, refusals ...int) func(*huma.Operation) {
	return func(op *huma.Operation) {
		op.DefaultStatus = status
		for _, code := range refusals {
			op.Responses[fmt.Sprint(code)] = problemResponse(code)
		}
	}
}

// page is a part of a list.
type page[T any] struct {
	Items      []T     `json:"items" required:"true" nullable:"false"`
	NextCursor *string `json:"nextCursor" required:"true" doc:"Asks for the next page; null on the last."`
}

func pageOf[S, T any](list []S, next string, show func(S) T) page[T] {
	p := page[T]{Items: make([]T, len(list)), NextCursor: orNull(next)}
	for i, item := range list {
		p.Items[i] = show(item)
	}
	return p
}
