package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/internal/problem"
)

// artifactsOf are what a run has made, with links that are signed now.
func (s *Server) artifactsOf(list []agents.Artifact) []artifacts.Linked {
	if s.Artifacts == nil {
		return []artifacts.Linked{}
	}
	return s.Artifacts.WithLinks(list)
}

// openArtifact answers with a file, to whoever has a link to it.
func (s *Server) openArtifact(c echo.Context) error {
	if s.Artifacts == nil {
		return errNoArtifacts
	}
	id := c.Param("artifact")
	if err := s.Artifacts.Check(id, c.QueryParams()); err != nil {
		return err
	}
	a, err := s.Artifacts.Get(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return s.Artifacts.Serve(c.Response(), c.Request(), a)
}

var errNoArtifacts = problem.New(problem.NotFound, problem.CodeRouteNotFound, "There is nothing at this address.")

func (s *Server) removeArtifact(ctx context.Context, in *idInput) (*struct{}, error) {
	if s.Artifacts == nil {
		return nil, errNoArtifacts
	}
	if err := s.Artifacts.Remove(ctx, in.ID); err != nil {
		return nil, err
	}
	return nil, s.note(ctx, "delete", "artifacts", in.ID, nil)
}

// artifacts describes the route of links.
func (d describer) artifacts() {
	file := &huma.Response{
		Description: "The file. Ranges, ETag and If-None-Match work.",
		Content:     map[string]*huma.MediaType{"*/*": {}},
	}
	responses := map[string]*huma.Response{
		"200": file,
		"206": file,
		"404": problemResponse(http.StatusNotFound),
		"410": problemResponse(http.StatusGone),
		"503": problemResponse(http.StatusServiceUnavailable),
	}
	d.add(http.MethodGet, artifacts.Path+"{artifact}", "open-artifact", tagHealth,
		"Open a file that a run has made, by a link that was signed for it", responses, func(op *huma.Operation) {
			op.Parameters = append(op.Parameters, query("expires", "Until when the link opens it: Unix seconds."),
				query("signature", "What makes the link good."))
		})
}
