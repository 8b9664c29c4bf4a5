package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/internal/problem"
)

// The form and the YAML of a flow are two pages over the same flow. What was typed into one is shown in the other, with or
// without errors. Switching saves nothing.

// switchToYAML answers a form with its YAML.
func (w *Web) switchToYAML(
	text nounPages[agents.Flow, flowText],
) func(echo.Context, string, nounForm[flowForm], agents.Flow, problem.Fields) (bool, error) {
	return func(c echo.Context, do string, f nounForm[flowForm], flow agents.Flow, wrong problem.Fields) (bool, error) {
		if do != "yaml" {
			return false, nil
		}
		if f.ID == "" {
			var err error
			if flow, err = w.withDefaults(c.Request().Context(), flow); err != nil {
				return true, err
			}
		}
		written := w.writeFlow(flow, unreadTexts(f.Form, wrong))
		if len(f.Form.YAML.Mistakes) > 0 {
			written = f.Form.YAML.Text // as it was typed
		}
		to := nounForm[flowText]{Path: f.Path, One: f.One, ID: f.ID, Version: f.Version, Managed: f.Managed, Warnings: f.Warnings}
		to.Form, _, _ = w.readFlowText(url.Values{"yaml": {written}}, agents.Flow{ID: f.ID})
		return true, text.draw(c, http.StatusOK, to, nil)
	}
}

// switchToForm answers a YAML without mistakes with its form. One with mistakes stays where it is, and shows them.
func (w *Web) switchToForm(
	form nounPages[agents.Flow, flowForm],
) func(echo.Context, string, nounForm[flowText], agents.Flow, problem.Fields) (bool, error) {
	return func(c echo.Context, do string, f nounForm[flowText], flow agents.Flow, wrong problem.Fields) (bool, error) {
		if do != "form" || len(wrong) > 0 {
			return false, nil
		}
		to := nounForm[flowForm]{
			Path:     f.Path,
			One:      f.One,
			ID:       f.ID,
			Version:  f.Version,
			Managed:  f.Managed,
			Warnings: f.Warnings,
			Form:     flowFormOf(flow),
		}
		if to.Form.TooLarge {
			return false, nil // its page says so
		}
		return true, form.draw(c, http.StatusOK, to, nil)
	}
}

// sampleFlow is a blank one as YAML: it works as it stands, as far as there is an agent.
func (w *Web) sampleFlow(ctx context.Context, asked url.Values) (agents.Flow, error) {
	flow, err := w.blankFlow(ctx, asked)
	if err != nil {
		return flow, err
	}
	return w.withDefaults(ctx, flow)
}

// withDefaults sets an id, and an agent where none is chosen, so that the YAML begins without errors.
func (w *Web) withDefaults(ctx context.Context, flow agents.Flow) (agents.Flow, error) {
	ids, err := w.invocables(ctx)
	flow.ID = cmp.Or(flow.ID, "my-flow")
	agent := "my-agent"
	if len(ids) > 0 {
		agent = ids[0]
	}
	var fill func(s *agents.Step)
	fill = func(s *agents.Step) {
		if s.Type == agents.StepAgent && s.AgentID == "" {
			s.AgentID = agent
		}
		for i := range s.Steps {
			fill(&s.Steps[i])
		}
		if s.Otherwise != nil {
			fill(s.Otherwise)
		}
	}
	fill(&flow.Root)
	return flow, err
}

// unreadTexts returns what was typed and could not be parsed, by path.
func unreadTexts(f flowForm, wrong problem.Fields) map[string]string {
	typed := map[string]string{}
	for _, e := range wrong {
		if e.Path == "timeout" {
			typed[e.Path] = f.Timeout
		}
		last := strings.LastIndex(e.Path, ".")
		if last < 0 {
			continue
		}
		if at := f.Root.at(e.Path[:last]); at != nil {
			counts := map[string]string{"maxIterations": at.MaxIterations, "maxItems": at.MaxItems, "maxParallel": at.MaxParallel}
			if text, ok := counts[e.Path[last+1:]]; ok {
				typed[e.Path] = text
			}
		}
	}
	return typed
}
