package server

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"beckon/events"
	"beckon/runs"
	"beckon/sessions"
)

// describe puts the routes that are plain handlers into the document.
func (s *Server) describe(api huma.API) {
	d := describer{api.OpenAPI(), api.OpenAPI().Components.Schemas}
	d.calls()
	d.runs()
	d.sessions()
	d.artifacts()
	d.pages()
	d.forms()
	d.operation()
}

type describer struct {
	document *huma.OpenAPI
	schemas  huma.Registry
}

// add puts in one operation. Its path has parameters as {name}.
func (d describer) add(
	method, path, id, tag, summary string, responses map[string]*huma.Response, change func(*huma.Operation),
) {
	op := &huma.Operation{
		Method:      method,
		Path:        path,
		OperationID: id,
		Tags:        []string{tag},
		Summary:     summary,
		Responses:   responses,
	}
	if tag == tagCalls {
		op.Security = clientSecurity()
	}
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name:     strings.TrimSuffix(name, "}"),
				In:       "path",
				Required: true,
				Schema:   text(""),
			})
		}
	}
	if change != nil {
		change(op)
	}
	d.document.AddOperation(op)
}

func (d describer) of(example any) *huma.Schema {
	return d.schemas.Schema(reflect.TypeOf(example), true, "")
}

func (d describer) answer(description string, kinds map[string]*huma.Schema, headers ...string) *huma.Response {
	r := &huma.Response{
		Description: description,
		Content:     map[string]*huma.MediaType{},
		Headers:     map[string]*huma.Param{},
	}
	for kind, schema := range kinds {
		r.Content[kind] = &huma.MediaType{Schema: schema}
	}
	for _, name := range append(headers, requestIDHeader) {
		r.Headers[name] = &huma.Param{Schema: text("")}
	}
	return r
}

func (d describer) json(description string, example any, headers ...string) *huma.Response {
	return d.answer(description, map[string]*huma.Schema{"application/json": d.of(example)}, headers...)
}

func text(description string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: description}
}

func header(name, description string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: description, Schema: text("")}
}

func query(name, description string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: description, Schema: text("")}
}

// paging returns the parameters of a list.
func paging(most, usual int) []*huma.Param {
	low, high := 1.0, float64(most)
	count := &huma.Schema{Type: huma.TypeInteger, Minimum: &low, Maximum: &high, Default: usual}
	return []*huma.Param{
		{Name: "limit", In: "query", Schema: count},
		query("cursor", "The nextCursor of the page before."),
	}
}

// callParameters are those of every call that starts a run.
func callParameters() []*huma.Param {
	return []*huma.Param{
		header("Prefer", "wait=N waits N seconds, 0 to 900; respond-async answers at once with 202."),
		header("Idempotency-Key", "The first call's answer again for 24 hours."),
		header("Accept",
			"text/event-stream for the run's events; text/plain for the response alone; text/markdown, "+
				"application/sarif+json, application/junit+xml or text/x-github for its findings."),
	}
}

// callRefusals are what a call that starts a run can be answered with when it does not.
func callRefusals(with map[string]*huma.Response) map[string]*huma.Response {
	for _, code := range []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout,
		http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	} {
		with[strconv.Itoa(code)] = problemResponse(code)
	}
	return with
}

func (d describer) calls() {
	stream := text("Server-Sent Events: " + strings.Join([]string{
		events.RunQueued, events.RunStarted, events.MessageDelta, events.NodeStarted,
		events.NodeProgress, events.NodeCompleted,
		events.NodeFailed, events.NodeCanceled, events.ToolStarted, events.ToolCompleted, events.RunWaiting,
		events.RunCompleted, events.RunFailed, events.RunCanceled,
	}, ", ") + ". Comments are heartbeats.")
	completed := map[string]*huma.Schema{
		"application/json":       {OneOf: []*huma.Schema{d.of(callAnswer{}), d.of(skippedAnswer{})}},
		"text/plain":             text("The response alone."),
		"text/event-stream":      stream,
		"text/markdown":          text("The findings as a table; the response alone where there are none."),
		"application/sarif+json": {Type: huma.TypeObject, Description: "The findings as a SARIF 2.1.0 log."},
		"application/junit+xml":  text("The findings as JUnit XML."),
		"text/x-github":          text("The findings as workflow commands of GitHub Actions."),
	}
	started := func() map[string]*huma.Response {
		return callRefusals(map[string]*huma.Response{
			"200": d.answer("The run has completed, or the call was skipped.", completed, runIDHeader,
				verdictHeader, "Preference-Applied",
				"Idempotency-Replayed", "RateLimit", "RateLimit-Policy"),
			"202": d.json("The run goes on.", acceptedAnswer{}, runIDHeader, "Location",
				"Retry-After", "Preference-Applied"),
		})
	}
	anything := &huma.Schema{}
	sound := &huma.MediaType{Schema: &huma.Schema{
		Type:        huma.TypeString,
		Format:      "binary",
		Description: "A file to transcribe, where an agent of the client reads files.",
	}}
	d.add(http.MethodPost, "/api/v1/webhooks/{clientID}", "call-webhook", tagCalls,
		"Run what the client is for, and get the answer", started(), func(op *huma.Operation) {
			op.Parameters = append(append(op.Parameters, query("agent",
				"One of the client's allowedAgents, for bodies that cannot say it.")), callParameters()...)
			op.RequestBody = &huma.RequestBody{
				Description: "The prompt. Of a client that runs a command, webhook and metadata of a JSON object are " +
					"read. Nothing is needed where the client or its agent has a prompt.",
				Content: map[string]*huma.MediaType{
					"application/json": {Schema: &huma.Schema{
						Description: "An object with a string prompt and its siblings; " +
							"any other JSON is the prompt itself.",
						AnyOf: []*huma.Schema{d.of(promptBody{}), anything},
					}},
					"text/plain":                        {Schema: text("The prompt.")},
					"application/x-www-form-urlencoded": {Schema: anything},
					"multipart/form-data":               {Schema: anything},
					"audio/*":                           sound,
				},
			}
		})
	hint := map[string]*huma.Response{
		"200": d.json("It is there for POST.", map[string]string{}),
		"405": problemResponse(http.StatusMethodNotAllowed),
	}
	d.add(http.MethodGet, "/api/v1/webhooks/{clientID}", "see-webhook", tagCalls, "Learn that webhooks take POST",
		hint, func(op *huma.Operation) {
			op.Security = []map[string][]string{}
		})
	d.add(http.MethodOptions,
		"/api/v1/webhooks/{clientID}", "ask-webhook", tagCalls, "Ask whether CloudEvents may be sent",
		map[string]*huma.Response{
			"200": {Description: "They may."},
			"204": {Description: "The header Allow says what may be done."},
		}, func(op *huma.Operation) {
			op.Security = []map[string][]string{}
		})
	run := func(op *huma.Operation) {
		op.Parameters = append(op.Parameters, callParameters()...)
		op.Description = "/v1/… is the same as /api/v1/… ."
		op.RequestBody = &huma.RequestBody{
			Description: "Without input and prompt, the members that are not known here are the input. " +
				"Without those, the run does what the client, its command, or the agent or flow has as its prompt.",
			Content: map[string]*huma.MediaType{
				"application/json": {Schema: d.of(runBody{})},
				"multipart/form-data": {Schema: &huma.Schema{Description: "The members as fields, " +
					"with a file for an agent that reads files."}},
				"audio/*": sound,
			},
		}
	}
	d.add(http.MethodPost, "/api/v1/runs", "create-run", tagCalls, "Start a run to come back for", started(), run)
	d.add(http.MethodPost,
		"/api/v1/nodes/{nodeType}/run", "run-node", tagCalls, "Start a run of one agent", started(), run)
	known := problemResponses(d.schemas, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
		http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	known["200"] = d.answer("The events, those that were and those that come.",
		map[string]*huma.Schema{"text/event-stream": stream})
	d.add(http.MethodGet, "/api/v1/runs/{id}/events", "follow-run", tagCalls, "Follow a run",
		known, func(op *huma.Operation) {
			op.Parameters = append(op.Parameters, header("Last-Event-ID", "Goes on behind this event."))
		})
}

func (d describer) runs() {
	refused := func(success string, answer *huma.Response, more ...int) map[string]*huma.Response {
		responses := problemResponses(d.schemas,
			append(more, http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable)...)
		responses[success] = answer
		return responses
	}
	d.add(http.MethodGet, "/api/v1/runs", "list-runs", tagCalls, "List the client's runs, newest first",
		refused("200", d.json("A page of runs.", page[RunDocument]{}), http.StatusBadRequest),
		func(op *huma.Operation) {
			status := query("status", "")
			status.Schema.Enum = []any{
				runs.Queued, runs.Running, runs.Waiting, runs.Completed, runs.Failed, runs.Canceled,
			}
			op.Parameters = append(op.Parameters, status, query("agent", "The id of an agent or flow."))
			op.Parameters = append(op.Parameters, paging(runs.MaxPage, runs.DefaultPage)...)
		})
	d.add(http.MethodGet, "/api/v1/runs/{id}", "get-run", tagCalls, "Read a run with its nodes",
		refused("200", d.json("The run.", RunDetail{}, runIDHeader), http.StatusNotFound), nil)
	d.add(http.MethodGet, "/api/v1/runs/{id}/deliveries", "list-run-deliveries", tagCalls,
		"List what was sent of a run to its own webhook, newest first",
		refused("200", d.json("A page of deliveries, each with its attempts.", runDeliveries{}, runIDHeader),
			http.StatusBadRequest, http.StatusNotFound), func(op *huma.Operation) {
			op.Parameters = append(op.Parameters, paging(maxRunDeliveries, maxRunDeliveries)...)
		})
	decided := refused("200", d.json("It is decided, and the run goes on.", approvalAnswer{}, runIDHeader),
		http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusGone)
	d.add(http.MethodPost, "/api/v1/runs/{id}/approvals/{call}", "decide-call", tagCalls,
		"Allow or deny a call of a tool, with the admin token", decided, func(op *huma.Operation) {
			op.RequestBody = &huma.RequestBody{
				Required: true,
				Content:  map[string]*huma.MediaType{"application/json": {Schema: d.of(approvalBody{})}},
			}
			op.Security = []map[string][]string{{schemeAdmin: {}}, {schemeSession: {}}}
		})
	d.add(http.MethodPost, "/api/v1/runs/{id}/cancel", "cancel-run", tagCalls, "Cancel a run",
		refused("202", d.json("It ends CANCELED within 2 seconds.", acceptedAnswer{}, runIDHeader),
			http.StatusNotFound, http.StatusConflict), nil)
}

func (d describer) sessions() {
	refused := func(more ...int) map[string]*huma.Response {
		return problemResponses(d.schemas, append(more, http.StatusUnauthorized, http.StatusForbidden,
			http.StatusNotFound, http.StatusServiceUnavailable)...)
	}
	read := refused(http.StatusBadRequest)
	read["200"] = d.json("The session, with a page of its turns.", sessionDetail{})
	d.add(http.MethodGet, "/api/v1/sessions/{id}", "get-session", tagCalls,
		"Read a conversation of the client", read, func(op *huma.Operation) {
			op.Parameters = append(op.Parameters, paging(sessions.MaxPage, sessions.DefaultPage)...)
		})
	deleted := refused()
	deleted["204"] = &huma.Response{Description: "It is deleted, with all that was said in it."}
	d.add(http.MethodDelete, "/api/v1/sessions/{id}", "delete-session", tagCalls,
		"Delete a conversation of the client", deleted, nil)
}

func (d describer) operation() {
	d.add(http.MethodGet, "/healthz", "health", tagHealth, "Whether the process lives",
		map[string]*huma.Response{"200": d.json("It does.", statusAnswer{})}, nil)
	d.add(http.MethodGet, "/readyz", "ready", tagHealth, "Whether calls will be taken",
		map[string]*huma.Response{"200": d.json("They will.", statusAnswer{}), "503": problemResponse(503)}, nil)
	d.add(http.MethodGet, "/metrics", "metrics", tagHealth, "Metrics for Prometheus",
		map[string]*huma.Response{"200": d.answer("The metrics.", map[string]*huma.Schema{"text/plain": text("")})},
		nil)
	d.add(http.MethodGet, "/.well-known/webhook-keys.json", "webhook-keys", tagHealth,
		"The public keys that verify standard-ed25519",
		map[string]*huma.Response{"200": d.json("The keys.", keysAnswer{})}, nil)
	d.add(http.MethodGet, "/api/v1/openapi.json", "openapi", tagHealth, "This document",
		map[string]*huma.Response{"200": d.answer("OpenAPI 3.1.",
			map[string]*huma.Schema{"application/json": {Type: huma.TypeObject}})}, nil)
}

// The bodies below are read by clients and deliveries; here they are only described.

type promptBody struct {
	Prompt    string         `json:"prompt" required:"true"`
	Agent     string         `json:"agent" doc:"One of the client's allowedAgents; the first is the default, or the command's own."`
	SessionID string         `json:"sessionId"`
	Metadata  map[string]any `json:"metadata" doc:"Comes back in the run and its events."`
	Webhook   callbackBody   `json:"webhook" doc:"Whom to tell of the run."`
	_         struct{}       `additionalProperties:"true"`
}

type runBody struct {
	WorkflowID string         `json:"workflowId" doc:"An agent or flow; agent says the same."`
	Agent      string         `json:"agent"`
	Input      any            `json:"input" doc:"A string or an object; prompt says the same."`
	Prompt     string         `json:"prompt"`
	SessionID  string         `json:"sessionId"`
	Metadata   map[string]any `json:"metadata" doc:"Comes back in the run and its events."`
	Priority   int            `json:"priority" minimum:"1" maximum:"4" default:"2" doc:"In the queue: 1 comes first."`
	Webhook    callbackBody   `json:"webhook" doc:"Whom to tell of the run."`
	_          struct{}       `additionalProperties:"true"`
}

type callbackBody struct {
	URL      string            `json:"url" required:"true"`
	Events   []string          `json:"events"`
	Metadata map[string]any    `json:"metadata" doc:"Over the run's."`
	Headers  map[string]string `json:"headers"`
}

type statusAnswer struct {
	Status string `json:"status"`
}

type keysAnswer struct {
	Keys []jsonWebKey `json:"keys"`
}
