package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/runs"
)

func (s *Server) registerRecords(api huma.API) {
	route(api, http.MethodGet, "/runs", "list-all-runs", "List the runs of all clients, newest first", s.listAllRuns)
	route(api, http.MethodGet, "/runs/{id}", "get-any-run", "Read a run of any client", s.getAnyRun)
	route(api, http.MethodGet, "/deliveries", "list-deliveries", "List the deliveries, newest first", s.listDeliveries)
	route(api, http.MethodGet, "/deliveries/{id}", "get-delivery", "Read a delivery with its attempts", s.getDelivery)
	route(api, http.MethodGet, "/stats", "get-stats", "Count what happened", s.getStats)
	s.registerExports(api)
	route(api, http.MethodGet, "/budgets", "list-budgets",
		"Show what budgets have used, reserved and left", s.getBudgets)
	route(api, http.MethodGet, "/refused", "list-refused",
		"List the calls that were turned away before a run was started, newest first", s.listRefused)
	route(api, http.MethodGet, "/audit", "list-audit", "List what was changed by whom, newest first", s.listAudit)
}

type runsInput struct {
	Client string `query:"client" doc:"The id of a client."`
	Agent  string `query:"agent" doc:"The id of an agent or flow."`
	Status string `query:"status" enum:"QUEUED,RUNNING,WAITING,COMPLETED,FAILED,CANCELED"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" doc:"The nextCursor of the page before."`
}

type runsOutput struct{ Body page[RunDocument] }

func (s *Server) listAllRuns(ctx context.Context, in *runsInput) (*runsOutput, error) {
	list, next, err := s.Calls.Runs.List(ctx, runs.Query{
		ClientID: in.Client,
		Agent:    in.Agent,
		Status:   runs.Status(in.Status),
		Limit:    in.Limit,
		Cursor:   in.Cursor,
	})
	if err != nil {
		return nil, err
	}
	return &runsOutput{pageOf(list, next, documentOf)}, nil
}

type runOutput struct {
	RunID string `header:"Beckon-Run-Id"`
	Body  RunDetail
}

func (s *Server) getAnyRun(ctx context.Context, in *idInput) (*runOutput, error) {
	run, err := s.Calls.Runs.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &runOutput{run.ID, s.detailOf(run, true)}, nil
}

// DeliveryDocument is a delivery as the API shows it. It is exported because huma leaves out what is embedded and
// is not.
type DeliveryDocument struct {
	ID           string            `json:"id"`
	EndpointID   *string           `json:"endpointId" doc:"Null for the webhook of a call."`
	URL          *string           `json:"url" doc:"Of the webhook of a call, without its query; null for an endpoint's."`
	RunID        *string           `json:"runId"`
	EventID      string            `json:"eventId" doc:"Sent as webhook-id. Those of a run sort in the order in which its events happened."`
	Type         string            `json:"type"`
	ClientID     *string           `json:"clientId"`
	WorkflowID   *string           `json:"workflowId"`
	Status       deliveries.Status `json:"status" enum:"PENDING,SENDING,DELIVERED,FAILED"`
	Reason       string            `json:"reason" enum:"first,retry,resend,recover,test" doc:"Of the last attempt, or of the one to come."`
	AttemptCount int               `json:"attemptCount"`
	DueAt        *string           `json:"dueAt" format:"date-time" doc:"When the next attempt is made, while it is PENDING."`
	StatusCode   *int              `json:"statusCode" doc:"Of the last attempt; null when there was no answer."`
	Error        *problem.Failure  `json:"error"`
	CreatedAt    *string           `json:"createdAt" format:"date-time"`
	CompletedAt  *string           `json:"completedAt" format:"date-time"`
}

type attemptDocument struct {
	Number         int               `json:"number"`
	Reason         string            `json:"reason"`
	URL            string            `json:"url" doc:"Without its query."`
	RequestHeaders map[string]string `json:"requestHeaders" doc:"Those with secrets are masked."`
	StatusCode     *int              `json:"statusCode" doc:"Null when there was no answer."`
	ResponseBody   string            `json:"responseBody" doc:"Its first 16 KiB."`
	Truncated      bool              `json:"truncated"`
	Error          *problem.Failure  `json:"error"`
	StartedAt      *string           `json:"startedAt" format:"date-time"`
	DurationMs     int64             `json:"durationMs"`
}

// deliveryDetail is a delivery with its attempts.
type deliveryDetail struct {
	DeliveryDocument
	Attempts []attemptDocument `json:"attempts"`
}

type deliveriesInput struct {
	Endpoint string `query:"endpoint" doc:"The id of an endpoint."`
	Run      string `query:"run" doc:"The id of a run."`
	Event    string `query:"event" doc:"The id of an event: what was sent of it to whom."`
	Type     string `query:"type" doc:"What the event is called where it is sent, such as run.failed."`
	Client   string `query:"client" doc:"The id of the client whose call it is about."`
	Status   string `query:"status" enum:"PENDING,SENDING,DELIVERED,FAILED"`
	Since    string `query:"since" example:"24h" doc:"Made then or later: a time (RFC 3339), or how long ago."`
	Until    string `query:"until" example:"2026-02-18T12:00:00Z" doc:"Made before: a time (RFC 3339), or how long ago."`
	Limit    int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor   string `query:"cursor" doc:"The nextCursor of the page before."`
}

type deliveriesOutput struct{ Body page[DeliveryDocument] }

type deliveryOutput struct{ Body deliveryDetail }

func (s *Server) listDeliveries(ctx context.Context, in *deliveriesInput) (*deliveriesOutput, error) {
	q, err := in.query(time.Now())
	if err != nil {
		return nil, err
	}
	list, next, err := s.Calls.Deliveries.List(ctx, q)
	if err != nil {
		return nil, err
	}
	return &deliveriesOutput{pageOf(list, next, deliveryOf)}, nil
}

func (in *deliveriesInput) query(now time.Time) (q deliveries.Query, err error) {
	q = deliveries.Query{EndpointID: in.Endpoint, RunID: in.Run, EventID: in.Event, Type: in.Type, ClientID: in.Client,
		Status: deliveries.Status(in.Status), Limit: in.Limit, Cursor: in.Cursor}
	var wrong problem.Fields
	for name, bound := range map[string]struct {
		text string
		at   *time.Time
	}{"since": {in.Since, &q.Since}, "until": {in.Until, &q.Until}} {
		if bound.text == "" {
			continue
		}
		var ok bool
		if *bound.at, ok = readTime(bound.text, now); !ok {
			wrong.Add(name, "must be a time such as 2026-02-18T12:00:00Z, or how long ago such as 24h")
		}
	}
	if len(wrong) > 0 {
		p := problem.New(problem.Invalid, problem.CodeInvalidParameter,
			"since and until must be times such as 2026-02-18T12:00:00Z, or how long ago such as 24h.")
		p.Fields = wrong
		return q, p
	}
	return q, nil
}

func (s *Server) getDelivery(ctx context.Context, in *idInput) (*deliveryOutput, error) {
	d, attempts, err := s.Calls.Deliveries.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &deliveryOutput{deliveryDetailOf(d, attempts)}, nil
}

func deliveryOf(d *deliveries.Delivery) DeliveryDocument {
	document := DeliveryDocument{
		ID:           d.ID,
		EndpointID:   orNull(d.EndpointID),
		URL:          orNull(d.URL),
		RunID:        orNull(d.RunID),
		EventID:      d.EventID,
		Type:         d.Type,
		ClientID:     orNull(d.ClientID),
		WorkflowID:   orNull(d.WorkflowID),
		Status:       d.Status,
		Reason:       d.Reason,
		AttemptCount: d.Attempts,
		StatusCode:   codeOrNull(d.StatusCode),
		Error:        d.Error,
		CreatedAt:    timeOrNull(d.CreatedAt),
		CompletedAt:  timeOrNull(d.CompletedAt),
	}
	if d.Status == deliveries.Pending {
		document.DueAt = timeOrNull(d.DueAt)
	}
	return document
}

func deliveryDetailOf(d *deliveries.Delivery, attempts []deliveries.Attempt) deliveryDetail {
	detail := deliveryDetail{deliveryOf(d), make([]attemptDocument, len(attempts))}
	for i, a := range attempts {
		detail.Attempts[i] = attemptDocument{
			Number:         a.Number,
			Reason:         a.Reason,
			URL:            a.URL,
			RequestHeaders: orEmptyMap(a.RequestHeaders),
			StatusCode:     codeOrNull(a.StatusCode),
			ResponseBody:   a.ResponseBody,
			Truncated:      a.Truncated,
			Error:          a.Error,
			StartedAt:      timeOrNull(a.StartedAt),
			DurationMs:     a.Duration.Milliseconds(),
		}
	}
	return detail
}

func codeOrNull(code int) *int {
	if code == 0 {
		return nil
	}
	return &code
}

type auditInput struct {
	Section string `query:"section" doc:"Such as clients."`
	ID      string `query:"id" doc:"The id of a resource."`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor  string `query:"cursor" doc:"The nextCursor of the page before."`
}

type auditDocument struct {
	ID         string          `json:"id"`
	At         *string         `json:"at" format:"date-time"`
	Who        string          `json:"who"`
	Action     string          `json:"action"`
	Section    string          `json:"section"`
	ResourceID string          `json:"resourceId"`
	Before     json.RawMessage `json:"before" doc:"The resource, with its secrets masked; null when it was not there."`
	After      json.RawMessage `json:"after"`
}

type auditOutput struct{ Body page[auditDocument] }

func (s *Server) listAudit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	list, next, err := s.Admin.Editor.AuditEntries(ctx, catalog.AuditQuery{
		Section:    in.Section,
		ResourceID: in.ID,
		Limit:      in.Limit,
		Cursor:     in.Cursor,
	})
	if err != nil {
		return nil, err
	}
	return &auditOutput{pageOf(list, next, func(e catalog.AuditEntry) auditDocument {
		return auditDocument{e.ID, timeOrNull(e.At), e.Who, e.Action, e.Section, e.ResourceID, e.Before, e.After}
	})}, nil
}
