package server

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/units"
	"beckon/tools"
	"beckon/tools/names"
)

type toolServerDocument struct {
	ID        string            `json:"id" doc:"Lower-case letters, digits and hyphens. Left out of a POST, it is made from the name. The names of its tools begin with it."`
	Name      string            `json:"name" doc:"To display; the id, where there is none."`
	Command   []string          `json:"command,omitempty" doc:"A program that speaks MCP on its standard input and output, and its arguments. Only where admin.commands allows it."`
	Env       map[string]string `json:"env" doc:"All of the program's environment, besides a PATH. The values are shown as •••, and sent like this they stay."`
	MaxMemory int64             `json:"maxMemory,omitempty" example:"4294967296" doc:"Bytes that each process of the program may hold; 4 GiB."`
	URL       *string           `json:"url" doc:"Of a server over streamable HTTP. The values of a query are shown as •••, and sent like this they stay while scheme, host and path do."`
	Headers   map[string]string `json:"headers" doc:"Sent with every request to the URL. The values are shown as •••, and sent like this they stay."`
	Secrets   map[string]string `json:"secrets" doc:"Filled in for {{secret:NAME}} in the arguments of calls. The values are shown as •••, and sent like this they stay."`
	Timeout   string            `json:"timeout" example:"60s" doc:"For one call, and for connecting."`
	Disabled  bool              `json:"disabled" doc:"Whether nobody can use it."`
	State     string            `json:"state" readOnly:"true" enum:"idle,connecting,connected,failed,disabled" doc:"Of the connection with it, on the replica that answers. It is opened when a run first needs it."`
	Error     *string           `json:"lastError" readOnly:"true" doc:"Why the last attempt to connect failed; null when it did not."`
	Managed
}

func (d *toolServerDocument) idField() *string { return &d.ID }

func (d *toolServerDocument) show(s tools.Server) {
	*d = toolServerDocument{
		ID:        s.ID,
		Name:      cmp.Or(s.Name, s.ID),
		Command:   s.Command,
		Env:       shownHeaders(s.Env),
		MaxMemory: int64(s.Memory),
		URL:       orNull(s.URL),
		Headers:   shownHeaders(s.Headers),
		Secrets:   shownHeaders(s.Secrets),
		Timeout:   shownDuration(s.Timeout, tools.DefaultTimeout),
		Disabled:  s.Disabled,
	}
}

func (d *toolServerDocument) read(catalog.Kind) (s tools.Server, wrong problem.Fields) {
	return tools.Server{
		ID:       d.ID,
		Name:     catalog.OmitDefault(d.Name, d.ID),
		Command:  d.Command,
		Env:      readHeaders(d.Env),
		Memory:   units.Bytes(d.MaxMemory),
		URL:      deref(d.URL),
		Headers:  readHeaders(d.Headers),
		Secrets:  readHeaders(d.Secrets),
		Timeout:  readDuration(&wrong, "timeout", d.Timeout, tools.DefaultTimeout),
		Disabled: d.Disabled,
	}, wrong
}

func (s *Server) toolServers() noun[tools.Server, toolServerDocument, *toolServerDocument] {
	return noun[tools.Server, toolServerDocument, *toolServerDocument]{
		all:      catalog.Of[tools.Server](s.Admin.Editor),
		complete: s.withState,
	}
}

func (s *Server) withState(_ context.Context, list []*toolServerDocument) error {
	for _, d := range list {
		status := s.Tools.Status(d.ID)
		d.State, d.Error = cmp.Or(status.State, tools.StateIdle), orNull(status.Failure)
	}
	return nil
}

func (s *Server) registerTools(api huma.API) {
	if s.Admin.Editor == nil {
		return
	}
	route(api, http.MethodGet, "/"+names.Section+"/{id}/tools", "list-tools",
		"Connect to a tool server where that has not been done, and list its tools", s.listTools)
	route(api, http.MethodPost,
		"/"+names.Section+"/{id}/try", "try-tool", "Call a tool, and say what came of it", s.tryTool,
		answers(http.StatusOK, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge,
			http.StatusUnsupportedMediaType, http.StatusBadGateway, http.StatusGatewayTimeout))
}

type toolDocument struct {
	Name         string          `json:"name" doc:"As agents and clients name it."`
	ProviderName string          `json:"providerName" doc:"As models know it."`
	Title        *string         `json:"title"`
	Description  *string         `json:"description"`
	ReadOnly     bool            `json:"readOnly" doc:"It changes nothing, says its server: it is called again after a crash."`
	Schema       json.RawMessage `json:"schema" doc:"JSON Schema of its arguments."`
}

type toolsDocument struct {
	State   string         `json:"state" doc:"Of the connection, on the replica that answers."`
	Server  *string        `json:"server" doc:"What the server calls itself."`
	Since   *string        `json:"connectedAt"`
	Error   *string        `json:"lastError" doc:"Why the last attempt to connect failed; null when it did not."`
	NextTry *string        `json:"nextAttemptAt" doc:"After a failure; null where the next call tries at once."`
	Tools   []toolDocument `json:"tools" nullable:"false" doc:"Of its last list."`
	LeftOut []string       `json:"leftOut" nullable:"false" doc:"What was left out of the list or changed in it, and why."`
	Events  []toolEvent    `json:"events" nullable:"false" doc:"What has happened with it, the last first."`
}

type toolEvent struct {
	At   *string `json:"at"`
	Text string  `json:"text"`
}

type toolsOutput struct{ Body toolsDocument }

func (s *Server) listTools(ctx context.Context, in *idInput) (*toolsOutput, error) {
	if _, err := s.toolServers().all.Get(ctx, in.ID); err != nil {
		return nil, err
	}
	status := s.Tools.Connect(ctx, in.ID)
	out := &toolsOutput{toolsDocument{
		State:   cmp.Or(status.State, tools.StateIdle),
		Server:  orNull(status.Server),
		Since:   timeOrNull(status.Since),
		Error:   orNull(status.Failure),
		NextTry: timeOrNull(status.NextTry),
		Tools:   []toolDocument{},
		LeftOut: orEmpty(status.LeftOut),
		Events:  []toolEvent{},
	}}
	for _, t := range status.Tools {
		out.Body.Tools = append(out.Body.Tools, toolDocument{
			t.Name, t.ProviderName(), orNull(t.Title), orNull(t.Description), t.ReadOnly, t.Schema,
		})
	}
	for _, n := range status.Notes {
		out.Body.Events = append(out.Body.Events, toolEvent{timeOrNull(n.At), n.Text})
	}
	return out, nil
}

type tryInput struct {
	ID   string `path:"id"`
	Body struct {
		Tool      string          `json:"tool" example:"docs.search" doc:"As agents name it, or without the id of the server."`
		Arguments json.RawMessage `json:"arguments,omitempty" doc:"An object; {}."`
	}
}

type tryOutput struct {
	Body struct {
		Text    string `json:"text" doc:"As a model would be told. Files in the result are named, and not kept."`
		IsError bool   `json:"isError" doc:"The tool says that it failed."`
	}
}

func (s *Server) tryTool(ctx context.Context, in *tryInput) (*tryOutput, error) {
	if _, err := s.toolServers().all.Get(ctx, in.ID); err != nil {
		return nil, err
	}
	name := tools.NameIn(in.ID, in.Body.Tool)
	if err := s.note(ctx, "try", names.Section, in.ID, map[string]any{"tool": name}); err != nil {
		return nil, err
	}
	result, err := s.Tools.Try(ctx, name, in.Body.Arguments)
	if err != nil {
		return nil, err
	}
	out := &tryOutput{}
	out.Body.Text, out.Body.IsError = result.Text, result.IsError
	return out, nil
}
