package server

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/internal/problem"
	"beckon/runs"
	"beckon/share"
)

// shareURL is a link to a run's page for recipients; empty where it has none.
func (s *Server) shareURL(r *runs.Run) string {
	if s.Share == nil || r.Share != runs.HasPage {
		return ""
	}
	return s.Share.Link(r.ID)
}

// openPage answers with a run's page for recipients to whoever has a link to it. Its errors are pages, too.
func (s *Server) openPage(c echo.Context) error {
	run, err := s.sharedRun(c)
	if err == nil {
		if s.isOpenedByRecipient(c) {
			s.noteOpened(c, run)
		}
		return s.pageOf(run).Write(c.Response())
	}
	p := problem.Of(err)
	refusal := share.Refusal{Detail: p.Detail}
	switch {
	case errors.Is(err, share.ErrNoPage):
		refusal.Title = "This page does not exist"
	case errors.Is(err, share.ErrExpired):
		refusal.Title = "This link has expired"
	default:
		refusal = share.Refusal{Title: "This page cannot be shown now", Detail: "Try again in a few minutes."}
	}
	status := statusOf[p.Kind]
	s.logRefusal(c, p, status)
	return refusal.Write(c.Response(), status)
}

// sharedRun returns the run that a link leads to.
func (s *Server) sharedRun(c echo.Context) (*runs.Run, error) {
	id := c.Param("run")
	if s.Share == nil {
		return nil, share.ErrNoPage
	}
	if err := s.Share.Check(id, c.QueryParams()); err != nil {
		return nil, err
	}
	run, err := s.Calls.Runs.Get(c.Request().Context(), id)
	if problem.Is(err, problem.NotFound) || err == nil && run.Share != runs.HasPage {
		return nil, share.ErrNoPage
	}
	return run, err
}

// isOpenedByRecipient reports whether a request counts as a view: the administrator's and those of programs do not.
func (s *Server) isOpenedByRecipient(c echo.Context) bool {
	if s.Admin.Sessions != nil {
		if _, ok := s.Admin.Sessions.Admin(c.Request()); ok {
			return false
		}
	}
	return share.IsPerson(methodOf(c.Request()), c.Request().Header)
}

// noteOpened tells those outside that a page was opened. Whoever opened it sees it also where that fails.
func (s *Server) noteOpened(c echo.Context, run *runs.Run) {
	view := runs.View{IP: c.RealIP(), UserAgent: share.UserAgent(c.Request().Header), At: s.Share.Now()}
	if err := s.Calls.Runs.Opened(c.Request().Context(), run, view); err != nil {
		s.Log.Error("it could not be noted that the page of a run was opened", "run_id", run.ID, "error", err)
	}
}

// pageOf is the page of a run.
func (s *Server) pageOf(run *runs.Run) share.Page {
	page := share.Page{State: share.Pending, From: run.WorkflowID, At: run.CompletedAt}
	if entry := s.Calls.Catalog().Agents.Get(run.WorkflowID); entry != nil {
		page.From = cmp.Or(entry.Name, entry.ID)
	}
	switch {
	case !run.Status.Ended():
		return page
	case run.Status != runs.Completed:
		page.State = share.NoAnswer
		return page
	}
	page.State = share.Answered
	if strings.TrimSpace(run.Output) != "" {
		page.Answer = share.SafeHTML(run.Output, run.By.IsData)
	}
	page.Files = s.filesOf(run.Artifacts)
	return page
}

func (s *Server) filesOf(list []agents.Artifact) (files []share.File) {
	for _, a := range list {
		path := s.Artifacts.PathFor(a.ID)
		if path == "" {
			continue
		}
		file := share.File{Name: a.Name, Bytes: a.Bytes, Address: ".." + path} // whatever the path of server.publicURL
		if artifacts.IsShown(a.MediaType) {
			file.Shows, _, _ = strings.Cut(a.MediaType, "/")
		}
		files = append(files, file)
	}
	return files
}

// revokeShare takes a run's page away.
func (s *Server) revokeShare(ctx context.Context, in *idInput) (*struct{}, error) {
	if err := s.Calls.Runs.RevokeShare(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, s.note(ctx, "revoke", "runs", in.ID, map[string]any{"share": "revoked"})
}

// pages describes the route of the pages for recipients.
func (d describer) pages() {
	page := func(description string) *huma.Response {
		return &huma.Response{Description: description, Content: map[string]*huma.MediaType{"text/html": {}}}
	}
	responses := map[string]*huma.Response{
		"200": page("The page."),
		"404": page("The link is incomplete, or the page was revoked."),
		"410": page("The link has expired."),
		"503": page("The page cannot be shown now."),
	}
	signed := func(op *huma.Operation) {
		op.Parameters = append(op.Parameters, query("expires", "Until when the link opens it: Unix seconds."),
			query("signature", "What makes the link good."))
	}
	approvals := map[string]*huma.Response{
		"200": page("The call, and what was decided on it."),
		"404": page("The link is incomplete, or for another call."),
		"410": page("It is too late."),
		"503": page("The page cannot be shown now."),
	}
	d.add(http.MethodGet, share.ApprovalPath+"{id}/{call}", "open-approval", tagHealth,
		"See a call of a tool that waits for a person, by a link that was signed for it", approvals, signed)
	decisions := maps.Clone(approvals)
	decisions["400"] = page("The form says neither allow=true nor allow=false.")
	decisions["409"] = page("It was decided before: the first decision.")
	d.add(http.MethodPost, share.ApprovalPath+"{id}/{call}", "decide-approval", tagHealth,
		"Allow or deny the call, once", decisions, signed)
	d.add(http.MethodGet, share.Path+"{run}", "open-page", tagHealth,
		"Open a run's page for recipients, by a link that was signed for it", responses, signed)
}
