package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/web"
)

func (n *nouns) flow(id string) agents.Flow {
	record, err := catalog.Of[agents.Flow](n.editor).Get(context.Background(), id)
	require.NoError(n.t, err)
	return record.Item
}

func (n *nouns) agent(id string) agents.Agent {
	record, err := catalog.Of[agents.Agent](n.editor).Get(context.Background(), id)
	require.NoError(n.t, err)
	return record.Item
}

// shape writes the steps that a form has as seq(a par(b c)).
func shape(form url.Values, path string) string {
	kind := form.Get(path + ".type")
	if kind == "agent" && !form.Has(path+".steps[0].type") {
		return form.Get(path + ".agentId")
	}
	var steps []string
	for i := 0; form.Has(fmt.Sprintf("%s.steps[%d].type", path, i)); i++ {
		steps = append(steps, shape(form, fmt.Sprintf("%s.steps[%d]", path, i)))
	}
	return kind[:3] + "(" + strings.Join(steps, " ") + ")"
}

func TestStepsAreAddedMovedAndRemoved(t *testing.T) {
	n := newNouns(t)
	n.fill()
	const path = "/admin/flows/incident"
	for _, row := range []struct {
		do    string
		typed []string
		want  string
	}{
		{"draw", nil, "seq(par(logs filed) loo(writer))"},
		{"add root", nil, "seq(par(logs filed) loo(writer) )"},
		{"add root.steps[0]", nil, "seq(par(logs filed ) loo(writer))"},
		{"up root.steps[1]", nil, "seq(loo(writer) par(logs filed))"},
		{"down root.steps[0]", nil, "seq(loo(writer) par(logs filed))"},
		{"down root.steps[0].steps[0]", nil, "seq(par(filed logs) loo(writer))"},
		{"remove root.steps[0].steps[0]", nil, "seq(par(filed) loo(writer))"},
		{"remove root.steps[0]", nil, "seq(loo(writer))"},
		{"copy root.steps[0]", nil, "seq(par(logs filed) par(logs filed) loo(writer))"},
		{"copy root.steps[0].steps[0]", nil, "seq(par(logs logs filed) loo(writer))"},
		{"move root.steps[0].steps[1] root.steps[0].steps[0]", nil, "seq(par(filed logs) loo(writer))"},
		{"move root.steps[0].steps[0] root.steps[1].steps[9999]", nil, "seq(par(filed) loo(writer logs))"},
		{"move root.steps[1] root.steps[0].steps[1]", nil, "seq(par(logs loo(writer) filed))"},
		{"draw", []string{"root.type", "parallel"}, "par(par(logs filed) loo(writer))"},
		{"draw", []string{"root.steps[1].steps[0].type", "parallel"}, "seq(par(logs filed) loo(par(writer)))"},
		{"draw", []string{"root.steps[1].type", "agent"}, "seq(par(logs filed) writer)"},
		{"draw", []string{"root.steps[0].type", "agent"}, "seq(age(logs filed) loo(writer))"},
		// What nobody can press changes nothing.
		{"up root.steps[0]", nil, "seq(par(logs filed) loo(writer))"},
		{"down root.steps[1]", nil, "seq(par(logs filed) loo(writer))"},
		{"remove root", nil, "seq(par(logs filed) loo(writer))"},
		{"copy root", nil, "seq(par(logs filed) loo(writer))"},
		{"move root.steps[0] root.steps[0].steps[0]", nil, "seq(par(logs filed) loo(writer))"},
		{"move root root.steps[0].steps[0]", nil, "seq(par(logs filed) loo(writer))"},
		{"move root.steps[0] root.steps[1].steps[0].steps[0]", nil, "seq(par(logs filed) loo(writer))"},
		{"move root.steps[0] nowhere", nil, "seq(par(logs filed) loo(writer))"},
		{"remove root.steps[9]", nil, "seq(par(logs filed) loo(writer))"},
		{"add root.steps[0].steps[x]", nil, "seq(par(logs filed) loo(writer))"},
		{"up root.steps[99999999999999999999]", nil, "seq(par(logs filed) loo(writer))"},
		{"nonsense", nil, "seq(par(logs filed) loo(writer))"},
	} {
		t.Run(row.do+strings.Join(row.typed, "="), func(t *testing.T) {
			got := n.typed(path, append(row.typed, "do", row.do, "name", "Typed & kept", "root.steps[0].steps[1].outputKey", "kept")...)
			require.Equal(t, http.StatusOK, got.StatusCode)
			form := formIn(t, got.body)
			require.Equal(t, row.want, shape(form, "root"))
			require.Equal(t, "Typed & kept", form.Get("name"))
			require.Contains(t, strings.Join(flat(form), " "), "Write </textarea><b>{{ .prompt }}\r\n${HOME}")
		})
	}
	require.Equal(t, "seq(par(logs filed) loo(writer))", shape(formIn(t, n.get(path).body), "root"), "nothing of it is saved")
}

func flat(form url.Values) (all []string) {
	for _, values := range form {
		all = append(all, values...)
	}
	return all
}

func TestAFlowIsBuiltAndSavedAsAForm(t *testing.T) {
	n := newNouns(t)
	n.fill()
	form := formIn(t, n.get("/admin/flows/new?agentId=logs").body)
	require.Equal(t, "seq(logs)", shape(form, "root"))
	press := func(do string, typed ...string) {
		got := n.post("/admin/flows/new", filledIn(form, append(typed, "do", do)...))
		require.Equal(t, http.StatusOK, got.StatusCode)
		form = formIn(t, got.body)
	}
	press("add root", "id", "built", "prompt", "Begin.", "timeout", "10m", "retryOnCrash", "yes", "events.run.completed", "built.done", "events.run.*", "built.*")
	press("draw", "root.steps[1].type", "loop")
	require.Equal(t, "seq(logs loo())", shape(form, "root"))
	press("draw", "root.steps[1].steps[0].agentId", "writer", "root.steps[1].maxIterations", "3", "root.steps[1].until", "state.ok == true",
		"root.steps[1].steps[0].responseAgent", "true", "root.steps[1].steps[0].events.completed", "draft.written", "root.steps[1].steps[0].events.*", "draft.*", "root.steps[1].onError", "true")
	got := n.post("/admin/flows/new", form)
	require.Equal(t, "/admin/flows/built?done=created", got.Header.Get("Location"), got.body)
	require.Equal(t, agents.Flow{ID: "built", Prompt: "Begin.", Timeout: n.flow("built").Timeout, RetryOnCrash: new(true), Events: map[string]string{"run.completed": "built.done", "run.*": "built.*"},
		Root: agents.Step{Type: "sequential", Steps: []agents.Step{
			{Type: "agent", AgentID: "logs"},
			{Type: "loop", MaxIterations: 3, Until: "state.ok == true", OnError: "continue", Steps: []agents.Step{
				{Type: "agent", AgentID: "writer", ResponseAgent: true, Events: map[string]string{"completed": "draft.written", "*": "draft.*"}}}},
		}}}, n.flow("built"))
	require.Equal(t, "10m", n.flow("built").Timeout.String())

	before := n.flow("incident")
	require.Equal(t, http.StatusSeeOther, n.typed("/admin/flows/incident").StatusCode)
	require.Equal(t, before, n.flow("incident"), "a form that is saved as it is changes nothing")
}

func TestALargeFlowIsNoForm(t *testing.T) {
	n := newNouns(t)
	n.fill()
	steps := func(count int) agents.Step {
		s := agents.Step{Type: "sequential"}
		for range count {
			s.Steps = append(s.Steps, agents.Step{Type: "agent", AgentID: "logs"})
		}
		return s
	}
	for id, count := range map[string]int{"fits": web.MaxFormSteps - 1, "large": 900} {
		_, _, err := catalog.Of[agents.Flow](n.editor).Create(context.Background(), "mia", agents.Flow{ID: id, Root: steps(count)})
		require.NoError(t, err)
	}
	fits := n.get("/admin/flows/fits", "Accept-Encoding", "gzip")
	require.LessOrEqual(t, len(fits.body), 20_000)
	full := n.typed("/admin/flows/fits", "do", "add root")
	require.Equal(t, web.MaxFormSteps, strings.Count(full.body, `<fieldset class="step`))

	large := n.get("/admin/flows/large").body
	require.Contains(t, large, "too many steps for a form")
	require.NotContains(t, large, `<fieldset class="step"`)
	require.Equal(t, 900, strings.Count(large, `<li class="box asks">`))
	form := formIn(t, n.get("/admin/flows/fits").body)
	for i := range 200 {
		form.Set(fmt.Sprintf("root.steps[%d].type", i), "agent")
	}
	got := n.post("/admin/flows/fits", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
	require.Contains(t, got.body, "too many for a form: edit it as YAML")
	require.Equal(t, http.StatusSeeOther, n.typed("/admin/flows/large/yaml").StatusCode)
}

// The flow as a whole has nothing to go on with; what a file says of that is kept.
func TestTheFormOfTheWholeFlow(t *testing.T) {
	n := newNouns(t)
	n.fill()
	const path = "/admin/flows/incident"
	page := n.get(path).body
	require.NotContains(t, page, "root.onError")
	require.Contains(t, page, `id="field-root.steps[0].onError"`)
	require.Contains(t, page, "<summary>Event names</summary>")
	lenient := n.flow("incident")
	lenient.Root.OnError = "continue"
	_, err := catalog.Of[agents.Flow](n.editor).Update(t.Context(), "mia", lenient, 0)
	require.NoError(t, err)
	require.Equal(t, http.StatusSeeOther, n.typed(path, "name", "Renamed").StatusCode)
	lenient.Name = "Renamed"
	require.Equal(t, lenient, n.flow("incident"))
}

func TestAFlowAsYAML(t *testing.T) {
	n := newNouns(t)
	n.fill()
	const path = "/admin/flows/incident/yaml"
	before := n.flow("incident")
	text := formIn(t, n.get(path).body).Get("yaml")
	require.Contains(t, text, "$${HOME}", "as a file has it")
	require.Equal(t, http.StatusSeeOther, n.typed(path).StatusCode)
	require.Equal(t, before, n.flow("incident"), "what is saved as it is changes nothing")

	changed := strings.ReplaceAll(text, "maxIterations: 3", "maxIterations: 7")
	got := n.typed(path, "yaml", changed)
	require.Equal(t, "/admin/flows/incident?done=saved", got.Header.Get("Location"))
	require.Equal(t, 7, n.flow("incident").Root.Steps[1].MaxIterations)

	preview := n.typed(path, "yaml", strings.ReplaceAll(text, "agentId: logs", "agentId: drawn"), "do", "preview")
	require.Equal(t, http.StatusOK, preview.StatusCode)
	require.Contains(t, preview.body, "<strong>drawn</strong>")
	require.Equal(t, 7, n.flow("incident").Root.Steps[1].MaxIterations, "a drawing saves nothing")

	made := n.post("/admin/flows/new/yaml", url.Values{"yaml": {"id: made\r\nroot: {type: agent, agentId: logs}\r\n"}})
	require.Equal(t, "/admin/flows/made?done=created", made.Header.Get("Location"), made.body)
	require.Contains(t, n.get("/admin/flows/new/yaml").body, "id: my-flow")
}

func TestMistakesInYAMLAreAtTheirLines(t *testing.T) {
	n := newNouns(t)
	n.fill()
	for name, row := range map[string]struct {
		text string
		line int
		says string
	}{
		"syntax":         {"id: incident\nroot:\n  type: sequential\n steps: []\n", 4, "the indentation is off here"},
		"unknown key":    {"id: incident\nroot:\n  type: agent\n  agent: logs\n", 4, "there is no key &#34;agent&#34; here; did you mean agentId?"},
		"shape":          {"id: incident\nroot:\n  type: loop\n  maxIterations: 0\n  steps: [{type: agent, agentId: logs}]\n", 4, "root.maxIterations: must be between 1 and 1000"},
		"no such agent":  {"id: incident\nroot:\n  type: agent\n  agentId: nobody\n", 4, "root.agentId: there is no usable agent or flow &#34;nobody&#34;"},
		"bad condition":  {"id: incident\nroot:\n  type: loop\n  maxIterations: 2\n  until: '(('\n  steps: [{type: agent, agentId: logs}]\n", 5, "is not a CEL expression"},
		"another id":     {"name: x\nid: other\nroot: {type: agent, agentId: logs}\n", 2, "must stay incident"},
		"hostile":        {"id: incident\n</textarea><script>: 1\n", 2, "there is no key"},
		"variable":       {"id: incident\nroot:\n  type: agent\n  agentId: ${GOOD_API_KEY}\n", 4, "variables (${NAME}) are for the configuration file"},
		"nothing at all": {"", 0, "there is nothing here"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, do := range []string{"", "preview", "form"} {
				got := n.typed("/admin/flows/incident/yaml", "yaml", row.text, "do", do)
				if do == "" {
					require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
					require.Contains(t, got.body, "Nothing has changed.")
					require.Contains(t, got.body, `<a href="#field-yaml">`)
				} else if strings.HasPrefix(name, "no such") || strings.HasPrefix(name, "bad") {
					continue // what only the rest of the configuration knows is found when it is saved
				} else {
					require.Contains(t, got.body, map[string]string{"preview": "This could not be drawn.", "form": "This could not be shown as a form."}[do]+" Nothing has changed.")
				}
				require.Contains(t, got.body, row.says)
				require.NotContains(t, got.body, "<script>:")
				require.NotContains(t, got.body, "sk-from-environment")
				require.Equal(t, row.text, strings.ReplaceAll(formIn(t, got.body).Get("yaml"), "\r\n", "\n"))
				if row.line > 0 {
					require.Regexp(t, fmt.Sprintf(`(?s)<tr><td>%d</td>[^\n]*\n<tr class="wrong">[^\n]*`, row.line)+regexpOf(row.says), got.body)
				}
			}
		})
	}
}

func TestFormAndYAMLShowTheSame(t *testing.T) {
	n := newNouns(t)
	n.fill()
	for _, path := range []string{"/admin/flows/new", "/admin/flows/incident"} {
		t.Run(path, func(t *testing.T) {
			got := n.typed(path, "id", "typed", "name", "Typed & kept", "prompt", "Begin.", "timeout", "7m", "root.steps[0].agentId", "filed", "do", "yaml")
			require.Equal(t, http.StatusOK, got.StatusCode)
			form := formIn(t, got.body)
			text := form.Get("yaml")
			for _, kept := range []string{"name: Typed & kept", "prompt: Begin.", "timeout: 7m", "agentId: filed"} {
				require.Contains(t, text, kept)
			}
			require.NotContains(t, got.body, "Mistakes")

			form.Set("do", "form")
			form.Set("yaml", strings.ReplaceAll(text, "timeout: 7m", "timeout: 8m"))
			got = n.post(path+"/yaml", form)
			form = formIn(t, got.body)
			require.Equal(t, "8m", form.Get("timeout"))
			require.Equal(t, "Typed & kept", form.Get("name"))
			require.Equal(t, shape(formIn(t, n.typed(path, "root.steps[0].agentId", "filed", "do", "draw").body), "root"), shape(form, "root"))
			if path != "/admin/flows/new" {
				require.Equal(t, "1", form.Get("version"))
			}
			saved := n.post(path, form)
			require.Equal(t, http.StatusSeeOther, saved.StatusCode, saved.body)

			// Mistakes go over too, and what is no form stays as it is.
			got = n.typed(path, "id", "other", "timeout", "soon", "root.type", "loop", "root.maxIterations", "<few>", "do", "yaml")
			text = formIn(t, got.body).Get("yaml")
			require.Contains(t, text, `timeout: "soon"`)
			require.Contains(t, text, `maxIterations: "<few>"`)
			require.Contains(t, got.body, "Mistakes")
			stays := n.typed(path+"/yaml", "yaml", text, "do", "form")
			require.Equal(t, text, formIn(t, stays.body).Get("yaml"))
			require.Contains(t, stays.body, "Mistakes")
		})
	}
}

// What a new flow begins with as YAML can be saved as it stands.
func TestTheYAMLOfANewFlowIsRight(t *testing.T) {
	n := newNouns(t)
	n.fill()
	from := []answer{n.get("/admin/flows/new/yaml"), n.typed("/admin/flows/new", "do", "yaml")}
	for i, got := range from {
		text := formIn(t, got.body).Get("yaml")
		require.Contains(t, text, "- id: my-flow\r\n")
		require.NotContains(t, got.body, "Mistakes")
		id := fmt.Sprintf("made-%d", i)
		made := n.post("/admin/flows/new/yaml", url.Values{"yaml": {strings.ReplaceAll(text, "my-flow", id)}})
		require.Equal(t, "/admin/flows/"+id+"?done=created", made.Header.Get("Location"), made.body)
	}
}

func TestRetryOnCrashHasADefault(t *testing.T) {
	n := newNouns(t)
	n.fill()
	for path, kept := range map[string]func() *bool{
		"/admin/flows/incident": func() *bool { return n.flow("incident").RetryOnCrash },
		"/admin/agents/writer":  func() *bool { return n.agent("writer").RetryOnCrash },
	} {
		for _, test := range []struct {
			typed string
			want  *bool
		}{{"no", new(false)}, {"", nil}, {"yes", new(true)}} {
			form := formIn(t, n.get(path).body)
			got := n.post(path, filledIn(form, "retryOnCrash", test.typed))
			require.Equal(t, http.StatusSeeOther, got.StatusCode, got.body)
			require.Equal(t, test.want, kept(), "%s %q", path, test.typed)
			require.Equal(t, test.typed, formIn(t, n.get(path).body).Get("retryOnCrash"))
		}
		got := n.post(path, filledIn(formIn(t, n.get(path).body), "retryOnCrash", "maybe"))
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
		require.Contains(t, got.body, "must be yes or no, or left at the default")
		require.Equal(t, new(true), kept())
	}
}
