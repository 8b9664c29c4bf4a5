package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/calls"
	"beckon/calls/kept"
	"beckon/deliveries"
	"beckon/internal/problem"
	"beckon/runs"
	"beckon/sessions"
)

func (s *Server) registerData(api huma.API) {
	route(api, http.MethodGet, "/clients/{id}/data", "export-client-data",
		"Export what is on record of a client: its runs with their events, deliveries and files, "+
			"conversations and kept requests", s.exportClient, answersLines)
	route(api, http.MethodDelete, "/clients/{id}/data", "erase-client-data",
		"Erase the prompts and answers of a client's runs, its conversations and kept requests, for good",
		s.eraseClient)
	route(api, http.MethodPost, "/visitors/export", "export-visitor-data",
		"Export what a visitor sent with forms", s.exportVisitor, answersLines)
	route(api, http.MethodPost, "/visitors/erase", "erase-visitor-data",
		"Erase what a visitor sent with forms, and what was made of it, for good", s.eraseVisitor,
		answers(http.StatusOK, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType))
}

func answersLines(op *huma.Operation) {
	op.Responses["200"] = &huma.Response{
		Description: "One JSON object a line: {\"type\", \"data\"}. The last one has the type end; " +
			"without it the export broke off.",
		Content: map[string]*huma.MediaType{"application/jsonl": {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
}

type visitorInput struct {
	Body struct {
		Address string `json:"address" required:"true" example:"ada@example.com" doc:"The mail address in a field of the form. Case does not matter."`
	}
}

type erasedOutput struct{ Body calls.Erased }

func (s *Server) exportClient(ctx context.Context, in *idInput) (*huma.StreamResponse, error) {
	if err := s.checkClient(ctx, in.ID); err != nil {
		return nil, err
	}
	if err := s.note(ctx, "export", "clients", in.ID, map[string]any{"data": "exported"}); err != nil {
		return nil, err
	}
	return s.streamData(ctx, runs.DataSubject{ClientID: in.ID}), nil
}

func (s *Server) exportVisitor(ctx context.Context, in *visitorInput) (*huma.StreamResponse, error) {
	d := runs.DataSubject{Visitor: in.Body.Address}
	if err := d.Check(); err != nil {
		return nil, err
	}
	if err := s.note(ctx, "export", "visitors", calls.VisitorName, map[string]any{"data": "exported"}); err != nil {
		return nil, err
	}
	return s.streamData(ctx, d), nil
}

func (s *Server) eraseClient(ctx context.Context, in *idInput) (*erasedOutput, error) {
	if err := s.checkClient(ctx, in.ID); err != nil {
		return nil, err
	}
	return s.eraseData(ctx, runs.DataSubject{ClientID: in.ID})
}

func (s *Server) eraseVisitor(ctx context.Context, in *visitorInput) (*erasedOutput, error) {
	return s.eraseData(ctx, runs.DataSubject{Visitor: in.Body.Address})
}

// checkClient returns a NotFound for a client that neither exists nor has any run on record.
func (s *Server) checkClient(ctx context.Context, id string) error {
	if s.Calls.Catalog().Clients.Get(id) != nil {
		return nil
	}
	list, _, err := s.Calls.Runs.List(ctx, runs.Query{ClientID: id, Limit: 1, Brief: true})
	if err == nil && len(list) == 0 {
		err = problem.New(problem.NotFound, "resource_not_found",
			"There is no client %q, and no run of one on record.", problem.Shorten(id))
	}
	return err
}

func (s *Server) eraseData(ctx context.Context, d runs.DataSubject) (*erasedOutput, error) {
	erased, err := s.Calls.EraseNoted(ctx, s.Admin.Editor, adminName(ctx), d)
	if err != nil {
		return nil, err
	}
	return &erasedOutput{erased}, nil
}

// streamData answers with an export. Where it cannot be read to its end the connection is aborted, so that a part
// is not taken for the whole.
func (s *Server) streamData(ctx context.Context, d runs.DataSubject) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "application/jsonl")
		c.SetHeader("Content-Disposition", `attachment; filename="data.jsonl"`)
		if err := s.ExportData(ctx, d, c.BodyWriter()); err != nil {
			panic(http.ErrAbortHandler)
		}
	}}
}

// dataLine is a line of an export.
type dataLine struct {
	Type string `json:"type"` // run, event, delivery, file, request, session, end
	Data any    `json:"data"`
}

// dataWriter writes an export.
type dataWriter struct {
	*Server
	lines *json.Encoder
	runs  int
}

func (w *dataWriter) write(kind string, data any) error { return w.lines.Encode(dataLine{kind, data}) }

// ExportData writes what is on record of a data subject, one JSON object a line, in the form in which the admin API
// shows it. It holds a page of runs and a file in memory.
func (s *Server) ExportData(ctx context.Context, d runs.DataSubject, to io.Writer) error {
	w := &dataWriter{Server: s, lines: json.NewEncoder(to)}
	w.lines.SetEscapeHTML(false)
	err := s.Calls.Runs.EachOf(ctx, d, func(list []*runs.Run) error {
		for _, r := range list {
			if err := w.run(ctx, r.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if d.ClientID != "" {
		err = errors.Join(w.requestsOf(ctx, d.ClientID), w.sessionsOf(ctx, d.ClientID))
	} else {
		err = w.requestsBy(ctx, d.Visitor)
	}
	if err != nil {
		return err
	}
	return w.write("end", map[string]int{"runs": w.runs})
}

func (w *dataWriter) run(ctx context.Context, id string) error {
	r, err := w.Calls.Runs.Get(ctx, id)
	if problem.Is(err, problem.NotFound) { // it was too old, and has been deleted meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	w.runs++
	if err := w.write("run", w.detailOf(r, true)); err != nil {
		return err
	}
	for after := ""; ; {
		list, err := w.Calls.Runs.Events.Read(ctx, id, after)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := w.write("event", map[string]any{
				"id":      e.ID,
				"runId":   id,
				"type":    e.Type,
				"payload": e.Payload,
			}); err != nil {
				return err
			}
			after = e.ID
		}
		if len(list) == 0 {
			break
		}
	}
	if err := w.deliveries(ctx, id); err != nil {
		return err
	}
	for _, a := range append(r.Uploads, r.Artifacts...) {
		if err := w.file(ctx, r.ClientID, a); err != nil {
			return err
		}
	}
	request, err := w.Calls.Kept.OfRun(ctx, id)
	if problem.Is(err, problem.NotFound) { // as most runs have none
		return nil
	}
	if err != nil {
		return err
	}
	return w.write("request", detailOfRequest(request))
}

func (w *dataWriter) deliveries(ctx context.Context, runID string) error {
	for q := (deliveries.Query{RunID: runID, Limit: runs.MaxPage}); ; {
		list, next, err := w.Calls.Deliveries.List(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range list {
			d, attempts, err := w.Calls.Deliveries.Get(ctx, d.ID)
			if err != nil {
				return err
			}
			if err := w.write("delivery", deliveryDetailOf(d, attempts)); err != nil {
				return err
			}
		}
		if q.Cursor = next; next == "" {
			return nil
		}
	}
}

// exportedFile is a file with its content.
type exportedFile struct {
	artifacts.Linked
	Content []byte `json:"content"` // in base64; null where the file is gone
}

func (w *dataWriter) file(ctx context.Context, clientID string, a agents.Artifact) error {
	if w.Artifacts == nil {
		return nil
	}
	f := exportedFile{Linked: w.Artifacts.WithLinks([]agents.Artifact{a})[0]}
	if content, _, err := w.Artifacts.Open(ctx, clientID, a.ID); err == nil {
		f.Content, err = io.ReadAll(content)
		if err = errors.Join(err, content.Close()); err != nil {
			return err
		}
	}
	return w.write("file", f)
}

// requestsOf writes the kept requests of a client that started no run; the others came with their runs.
func (w *dataWriter) requestsOf(ctx context.Context, clientID string) error {
	for cursor := ""; ; {
		list, next, err := w.Calls.Kept.List(ctx, clientID, runs.MaxPage, cursor)
		if err != nil {
			return err
		}
		for _, k := range list {
			if k.RunID != "" {
				continue
			}
			if k, err = w.Calls.Kept.Get(ctx, clientID, k.ID); err != nil {
				return err
			}
			if err := w.write("request", detailOfRequest(k)); err != nil {
				return err
			}
		}
		if cursor = next; next == "" {
			return nil
		}
	}
}

func (w *dataWriter) requestsBy(ctx context.Context, visitor string) error {
	list, err := w.Calls.Kept.ByVisitor(ctx, visitor)
	for _, k := range list {
		err = errors.Join(err, w.write("request", detailOfRequest(k)))
	}
	return err
}

// sessionsOf writes the conversations of a client, each with a page of its turns a line.
func (w *dataWriter) sessionsOf(ctx context.Context, clientID string) error {
	for cursor := ""; w.Conversations != nil; {
		list, next, err := w.Conversations.List(ctx, clientID, cursor, sessions.MaxPage)
		if err != nil {
			return err
		}
		for _, session := range list {
			for turns := ""; ; {
				document, err := w.session(ctx, clientID, session.ID, turns, sessions.MaxPage)
				if err != nil {
					return err
				}
				if err := w.write("session", document); err != nil {
					return err
				}
				if document.NextCursor == nil {
					break
				}
				turns = *document.NextCursor
			}
		}
		if cursor = next; next == "" {
			return nil
		}
	}
	return nil
}

func detailOfRequest(k kept.Request) keptRequestDetail {
	detail := keptRequestDetail{KeptRequestDocument: requestOf(k)}
	if text := string(k.Body); k.Omitted == "" && utf8.ValidString(text) {
		detail.Body = &text
	}
	return detail
}
