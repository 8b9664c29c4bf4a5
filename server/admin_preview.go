package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"beckon/calls"
	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// previewInput is any body with its type, as the webhook would get it, or a previewBody.
type previewInput struct {
	ID          string `path:"id"`
	ContentType string `header:"Content-Type" hidden:"true"`
	RawBody     []byte
}

// previewBody is a request that is described.
type previewBody struct {
	ContentType string            `json:"contentType" doc:"Of the body. Without it, application/json where the body is anything but a string."`
	Body        json.RawMessage   `json:"body" required:"true" doc:"What the webhook would get: a string, or any other JSON as itself."`
	Query       map[string]string `json:"query" doc:"The parameters of the URL."`
	Headers     map[string]string `json:"headers"`
}

type previewOutput struct {
	Body struct {
		Prompt  string `json:"prompt" doc:"What a model would be asked. What third parties have written stands in markers, which are others for each run."`
		Agent   string `json:"agent" doc:"The agent or flow that would be asked."`
		Skipped string `json:"skipped,omitempty" enum:"filter,empty_prompt" doc:"Why the call would start no run; then prompt and agent are empty."`
	}
}

func (s *Server) registerPreview(api huma.API) {
	route(api, http.MethodPost, "/clients/{id}/preview", "preview-prompt",
		"Make the prompt of a request, without asking a model", s.preview,
		answers(http.StatusOK, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity))
	body := api.OpenAPI().Paths[adminPath+"/clients/{id}/preview"].Post.RequestBody
	body.Required = false // of a client that runs a command
	body.Description = "A request that is described; or the body of the webhook itself, " +
		"of any type that the webhook takes."
	described := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[previewBody](), true, "")
	body.Content = map[string]*huma.MediaType{
		"application/json": {Schema: &huma.Schema{AnyOf: []*huma.Schema{described, {}}}},
		"*/*":              {Schema: &huma.Schema{}},
	}
}

// preview does what a call of the webhook does, up to the start of a run.
func (s *Server) preview(ctx context.Context, in *previewInput) (*previewOutput, error) {
	client := s.Calls.Catalog().Clients.Get(in.ID)
	if client == nil || client.Unusable {
		if _, err := catalog.Of[clients.Client](s.Admin.Editor).Get(ctx, in.ID); err != nil {
			return nil, err
		}
		return nil, problem.New(problem.Unprocessable, problem.CodeClientUnusable,
			"The client %q is not active: its warnings say why.", in.ID)
	}
	r, err := in.request()
	if err != nil {
		return nil, err
	}
	p, agent, err := s.Calls.Preview(client.Client, r)
	if err != nil {
		return nil, err
	}
	out := &previewOutput{}
	out.Body.Prompt, out.Body.Agent, out.Body.Skipped = p.Marked(), agent, p.Skipped
	return out, nil
}

// request returns the call that the webhook would get.
func (in *previewInput) request() (*calls.Request, error) {
	r := &calls.Request{
		Header:     http.Header{},
		Query:      url.Values{},
		Body:       bytes.Clone(in.RawBody),
		ReceivedAt: time.Now(),
	}
	described, ok, err := in.described()
	if err != nil {
		return r, err
	}
	if !ok {
		if in.ContentType != "" {
			r.Header.Set("Content-Type", in.ContentType)
		}
		return r, nil
	}
	for name, value := range described.Headers {
		r.Header.Set(name, value)
	}
	for name, value := range described.Query {
		r.Query.Set(name, value)
	}
	var text string
	switch raw := bytes.TrimSpace(described.Body); {
	case string(raw) == "null":
		r.Body = nil
	case json.Unmarshal(raw, &text) == nil:
		r.Body = []byte(text)
	default:
		r.Body = raw
		r.Header.Set("Content-Type", "application/json")
	}
	if described.ContentType != "" {
		r.Header.Set("Content-Type", described.ContentType)
	}
	return r, nil
}

// described reads a body that has a body, and beside it nothing but what describes a request.
func (in *previewInput) described() (d previewBody, ok bool, err error) {
	var members map[string]jsontext.Value
	if jsonv2.Unmarshal(in.RawBody, &members) != nil || members["body"] == nil {
		return d, false, nil
	}
	var wrong problem.Fields
	for _, member := range []struct {
		name string
		into any
		must string
	}{
		{"contentType", &d.ContentType, "must be a string"}, {"body", &d.Body, "must be JSON"},
		{"query", &d.Query, "must be an object of strings"}, {"headers", &d.Headers, "must be an object of strings"},
	} {
		value, given := members[member.name]
		if given && json.Unmarshal(value, member.into) != nil {
			wrong.Add(member.name, "%s", member.must)
		}
		delete(members, member.name)
	}
	if len(members) > 0 {
		return d, false, nil
	}
	return d, true, wrong.Err()
}
