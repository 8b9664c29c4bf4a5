package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"beckon/calls/kept"
	"beckon/clients"
	"beckon/internal/catalog"
)

func (s *Server) registerRequests(api huma.API) {
	started := answers(http.StatusAccepted, http.StatusForbidden, http.StatusConflict,
		http.StatusUnprocessableEntity, http.StatusTooManyRequests)
	route(api, http.MethodGet, "/clients/{id}/requests", "list-requests",
		"List the kept requests of a client, newest first", s.listRequests)
	route(api, http.MethodGet, "/clients/{id}/requests/{request}", "get-request",
		"Read a kept request of a client with its body", s.getRequest)
	route(api, http.MethodPost, "/clients/{id}/requests/{request}/replay", "replay-request",
		"Start a run with a kept request, as its client is now", s.replayRequest, started)
	route(api, http.MethodPost, "/runs/{id}/replay", "replay-run",
		"Start a run with the kept request of another one, as its client is now", s.replayRun, started)
}

// KeptRequestDocument is a kept request as the API shows it. It is exported because huma leaves out what is
// embedded and is not.
type KeptRequestDocument struct {
	ID        string              `json:"id"`
	At        *string             `json:"at" format:"date-time"`
	RunID     *string             `json:"runId" doc:"The run that it started; null when it started none."`
	Code      *string             `json:"code" doc:"Why it started none, such as template_failed."`
	RequestID *string             `json:"requestId" doc:"The X-Request-Id of its answer."`
	Source    string              `json:"source" enum:"webhook,api,page,form"`
	Agent     *string             `json:"agent" doc:"The agent or flow that its path named."`
	Method    string              `json:"method"`
	Query     map[string][]string `json:"query" doc:"Without what proves who called."`
	Headers   map[string][]string `json:"headers" doc:"Without those that prove who called, or are likely to hold a secret."`
	Bytes     int64               `json:"bytes" doc:"Of the body as it came."`
	Omitted   *string             `json:"omitted" enum:"too_large,files,unreadable" doc:"Why the body is not kept; such a request cannot be replayed. null: it is kept."`
}

// keptRequestDetail is a kept request with its body.
type keptRequestDetail struct {
	KeptRequestDocument
	Body *string `json:"body" doc:"null where it is not kept, or is no text."`
}

type requestsInput struct {
	ID     string `path:"id"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" doc:"The nextCursor of the page before."`
}

type requestInput struct {
	ID      string `path:"id"`
	Request string `path:"request" doc:"The id of a kept request."`
}

type (
	requestsOutput struct{ Body page[KeptRequestDocument] }
	requestOutput  struct{ Body keptRequestDetail }
	replayOutput   struct {
		RunID string `header:"Beckon-Run-Id"`
		Body  struct {
			RunID string `json:"runId"`
			URL   string `json:"url" doc:"Of the run in the admin API."`
		}
	}
)

func (s *Server) listRequests(ctx context.Context, in *requestsInput) (*requestsOutput, error) {
	if _, err := catalog.Of[clients.Client](s.Admin.Editor).Get(ctx, in.ID); err != nil {
		return nil, err
	}
	list, next, err := s.Calls.Kept.List(ctx, in.ID, in.Limit, in.Cursor)
	if err != nil {
		return nil, err
	}
	return &requestsOutput{pageOf(list, next, requestOf)}, nil
}

func (s *Server) getRequest(ctx context.Context, in *requestInput) (*requestOutput, error) {
	k, err := s.Calls.Kept.Get(ctx, in.ID, in.Request)
	if err != nil {
		return nil, err
	}
	return &requestOutput{detailOfRequest(k)}, nil
}

func requestOf(k kept.Request) KeptRequestDocument {
	return KeptRequestDocument{
		ID:        k.ID,
		At:        timeOrNull(k.At),
		RunID:     orNull(k.RunID),
		Code:      orNull(k.Code),
		RequestID: orNull(k.RequestID),
		Source:    k.Source,
		Agent:     orNull(k.Agent),
		Method:    k.Method,
		Query:     k.Query,
		Headers:   k.Header,
		Bytes:     k.Bytes,
		Omitted:   orNull(k.Omitted),
	}
}

func (s *Server) replayRequest(ctx context.Context, in *requestInput) (*replayOutput, error) {
	id, err := s.Calls.ReplayRequest(ctx, in.ID, in.Request)
	if err != nil {
		return nil, err
	}
	return s.replayed(id), s.note(ctx, "replay", "clients", in.ID, map[string]string{
		"request": in.Request,
		"runId":   id,
	})
}

func (s *Server) replayRun(ctx context.Context, in *idInput) (*replayOutput, error) {
	id, err := s.Calls.ReplayRun(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.replayed(id), s.note(ctx, "replay", "runs", in.ID, map[string]string{"runId": id})
}

func (s *Server) replayed(runID string) *replayOutput {
	out := &replayOutput{RunID: runID}
	out.Body.RunID, out.Body.URL = runID, s.base.Join(adminPath+"/runs/"+runID)
	return out
}
