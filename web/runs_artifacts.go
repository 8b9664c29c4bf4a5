package web

import (
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/artifacts"
)

// artifactRow is a file of a run.
type artifactRow struct {
	agents.Artifact
	Shows   string // how the page shows it: image, audio, video; empty where it is downloaded only
	Address string // a link to it; empty where none can be signed

	RemoveAddress string // where its removal is posted
}

// artifactRows are files of the run whose page is at a path.
func (w *Web) artifactRows(path string, list []agents.Artifact) []artifactRow {
	rows := make([]artifactRow, len(list))
	for i, a := range list {
		rows[i] = artifactRow{
			Artifact:      a,
			Address:       w.Backend.Artifacts.PathFor(a.ID),
			RemoveAddress: path + "/artifacts/" + a.ID + "/remove",
		}
		if artifacts.IsShown(a.MediaType) {
			rows[i].Shows, _, _ = strings.Cut(a.MediaType, "/")
		}
	}
	return rows
}

// removeArtifact deletes a file of a run.
func (w *Web) removeArtifact(c echo.Context) error {
	ctx, id, artifact := c.Request().Context(), c.Param("id"), c.Param("artifact")
	if err := w.Backend.Artifacts.Remove(ctx, artifact); err != nil {
		return err
	}
	if err := w.Backend.Editor.Note(ctx, userOf(c), "delete", "artifacts", artifact, nil); err != nil {
		return err
	}
	return redirect(c, runAddress(id, "removed"))
}
