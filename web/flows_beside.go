package web

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/agents"
	"beckon/internal/config"
	"beckon/internal/problem"
)

// The editor of a flow shows its steps and its YAML side by side. What is typed in one is drawn in the other. A form that is sent
// has both, and the digest of the YAML as it was drawn: the YAML counts where it is another one.

// flowYAML is a flow's YAML beside its steps.
type flowYAML struct {
	Text     string
	Was      string           // the digest of the text that the steps are the same as
	Mistakes []config.Mistake // of a text that was typed; the steps are then those of before
	Problems problem.Fields   // what is wrong with the steps that are drawn, before they are saved
	line     func(path string) int
}

// Rows is how many lines the text has.
func (y flowYAML) Rows() int { return strings.Count(y.Text, "\n") + 1 }

// Line is where a step begins in the text; 0 where that is not known.
func (y flowYAML) Line(path string) int {
	if y.line == nil {
		return 0
	}
	return y.line(path)
}

func digest(text string) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(text)) // which never fails
	return fmt.Sprintf("%x", sum.Sum64())
}

// readFlowBeside reads the YAML beside a form. With mistakes the form stays as it is.
func (w *Web) readFlowBeside(sent url.Values, have agents.Flow, f flowForm) (flowForm, agents.Flow, problem.Fields) {
	text, flow, wrong := w.readFlowText(sent, have)
	if len(wrong) == 0 && text.TooLarge {
		wrong.Add("yaml", "has more than %d steps, which are too many for a form: open it as YAML alone", maxFormSteps)
		text.Mistakes = []config.Mistake{{Text: "it " + wrong[0].Message}}
	}
	if len(wrong) > 0 {
		f.YAML = flowYAML{Text: text.Text, Was: sent.Get("yamlWas"), Mistakes: text.Mistakes}
		return f, f.flow(new(problem.Fields)), wrong
	}
	read := flowFormOf(flow)
	read.Chosen, read.YAML = f.Chosen, flowYAML{Text: text.Text, Was: digest(text.Text)}
	return read, flow, nil
}

// flowScreen draws the editor: it writes the YAML of the steps, finds what is wrong with them, and chooses the step whose fields
// are shown.
func (w *Web) flowScreen(c echo.Context, f nounForm[flowForm], _ *agents.Flow) (any, error) {
	form := &f.Form
	if f.Tab == "settings" && (c.Request().Method == http.MethodPost || c.QueryParam("done") == "saved") {
		f.Tab = tabOfErrors(f.Errors)
	}
	if form.TooLarge {
		return f, nil
	}
	var wrong problem.Fields
	flow := form.flow(&wrong)
	if form.YAML.Text == "" {
		form.YAML.Text = w.writeFlow(flow, unreadTexts(*form, wrong))
		form.YAML.Was = digest(form.YAML.Text)
	}
	form.YAML.line = config.LinesOfItem(form.YAML.Text, resources[agents.Flow](w).Kind)
	if c.Request().Method == http.MethodPost && len(f.Errors) == 0 && !f.Outdated {
		form.YAML.Problems = drawnProblems(flow, wrong, f.Choices)
	}
	if form.Root.at(form.Chosen) == nil {
		form.Chosen = firstChosen(form.Root, slices.Concat(f.Errors, f.Warnings))
	}
	return f, nil
}

// tabOfErrors is the part of the page with the first error: that of the steps, unless all are in the settings.
func tabOfErrors(wrong problem.Fields) string {
	ofSteps := func(e problem.Field) bool {
		return e.Path == "yaml" || e.Path == "" || strings.HasPrefix(e.Path, "root")
	}
	if len(wrong) > 0 && !slices.ContainsFunc(wrong, ofSteps) {
		return "settings"
	}
	return "steps"
}

// drawnProblems finds what is wrong with steps that are not saved yet.
func drawnProblems(flow agents.Flow, wrong problem.Fields, known []string) problem.Fields {
	for _, e := range flow.Check() {
		if !slices.ContainsFunc(wrong, func(w problem.Field) bool { return w.Path == e.Path }) {
			wrong = append(wrong, e)
		}
	}
	var walk func(path string, s agents.Step)
	walk = func(path string, s agents.Step) {
		if s.AgentID != "" && !slices.Contains(known, s.AgentID) {
			wrong.Add(path+".agentId", "%q does not exist. Choose another one, or create it", firstCharacters(s.AgentID, maxExcerpt))
		}
		for at, child := range s.Within(path) {
			walk(at, child)
		}
	}
	walk("root", flow.Root)
	return wrong
}

// firstChosen is the first step with a problem, else the first one that the flow runs.
func firstChosen(root stepForm, wrong problem.Fields) string {
	for _, e := range wrong {
		path := e.Path
		for path != "" && root.at(path) == nil {
			path = path[:max(strings.LastIndex(path, "."), 0)]
		}
		if path != "" {
			return path
		}
	}
	if len(root.Steps) == 0 {
		return "root"
	}
	return cmp.Or(root.Steps[0].Path, "root")
}
