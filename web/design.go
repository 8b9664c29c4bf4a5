package web

import (
	"strings"

	"github.com/labstack/echo/v4"
)

// devSuffix ends the version of a build that is no release.
const devSuffix = "-dev"

// designPages are the page that shows the components, in builds that are no release.
func (w *Web) designPages() []page {
	if !strings.HasSuffix(w.Version, devSuffix) {
		return nil
	}
	return []page{{
		path:     homePath + "/design",
		template: "design",
		title:    "Design",
		data:     func(echo.Context) (any, error) { return newDesign(), nil },
	}}
}

// design is what the page shows.
type design struct {
	Colours, Statuses, Buttons []string
	Runs                       []runRow
}

func newDesign() design {
	return design{
		Colours: []string{
			"page", "surface", "sunken", "hover", "line", "line-strong", "edge", "ink-3", "ink-2", "ink", "accent", "accent-soft", "ok",
			"ok-soft", "warn", "warn-soft", "bad", "bad-soft", "idle", "idle-soft", "chart-1", "chart-2",
		},
		Statuses: []string{"QUEUED", "RUNNING", "WAITING", "COMPLETED", "FAILED", "CANCELED", "PENDING", "DELIVERED"},
		Buttons:  []string{"", "secondary", "plain", "danger"},
		Runs: []runRow{
			{ID: "run_1", Status: "RUNNING", Client: "alerts", Agent: "incident", Title: "HighErrorRate on checkout-api"},
			{
				ID:     "run_2",
				Status: "FAILED",
				Client: "a-client-with-a-very-long-name-that-does-not-end",
				Agent:  "incident",
				Title:  "\u202eright to left <b>and hostile</b> 🚨",
				Error:  "The provider cannot be reached.",
			},
			{ID: "run_3", Status: "COMPLETED", Client: "ci", Agent: "release-notes", Title: "Release notes for v2.14.0", Tokens: 5020},
		},
	}
}
