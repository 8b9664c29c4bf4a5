package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The YAML stands beside the steps, and what is typed in one is in the other.
func TestStepsAndYAMLFollowEachOther(t *testing.T) {
	n := newNouns(t)
	n.fill()
	const path = "/admin/flows/incident"
	form := formIn(t, n.get(path).body)
	text := form.Get("yaml")
	require.Contains(t, text, "agentId: logs")

	got := n.typed(path, "root.steps[0].steps[0].agentId", "writer", "do", "draw")
	require.NotContains(t, formIn(t, got.body).Get("yaml"), "agentId: logs", "the YAML follows the steps")
	got = n.typed(path, "yaml", strings.ReplaceAll(text, "agentId: logs", "agentId: writer"), "do", "draw")
	form = formIn(t, got.body)
	require.Equal(t, "seq(par(writer filed) loo(writer))", shape(form, "root"), "the steps follow the YAML")
	form.Set("do", "add root")
	require.Equal(t, 4, strings.Count(formIn(t, n.post(path, form).body).Get("yaml"), "type: agent"), "and go on together")

	// While it has mistakes, the steps stay, nothing is saved, and nothing typed is lost.
	broken := text + "  what: is this?\r\n"
	got = n.typed(path, "yaml", broken, "name", "Typed", "do", "draw")
	require.Contains(t, got.body, "there is no key &#34;what&#34; here")
	form = formIn(t, got.body)
	require.Equal(t, broken, form.Get("yaml"))
	require.Equal(t, "Typed", form.Get("name"))
	require.Equal(t, "seq(par(logs filed) loo(writer))", shape(form, "root"))
	got = n.post(path, form)
	require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
	require.Contains(t, got.body, `<a href="#field-yaml">YAML</a>`)
	require.Equal(t, broken, formIn(t, got.body).Get("yaml"))
	require.NotEqual(t, "Typed", n.flow("incident").Name)
	form.Set("do", "rewrite")
	form = formIn(t, n.post(path, form).body)
	require.NotContains(t, form.Get("yaml"), "what:")
	require.Contains(t, form.Get("yaml"), "name: Typed")

	// What is changed in the YAML alone is saved.
	saved := n.typed(path, "yaml", strings.ReplaceAll(text, "maxIterations: 3", "maxIterations: 9"))
	require.Equal(t, http.StatusSeeOther, saved.StatusCode, saved.body)
	require.Equal(t, 9, n.flow("incident").Root.Steps[1].MaxIterations)
	other := n.typed(path, "yaml", strings.ReplaceAll(text, "id: incident", "id: other"))
	require.Equal(t, http.StatusUnprocessableEntity, other.StatusCode)
	require.Contains(t, other.body, "must stay incident")
}

// Problems stand at their steps before anything is saved, and the fields of the step with the first one are open.
func TestProblemsStandAtTheirSteps(t *testing.T) {
	n := newNouns(t)
	n.fill()
	const path = "/admin/flows/incident"
	got := n.typed(path, "root.steps[0].steps[1].agentId", "nobody", "root.steps[1].maxIterations", "0", "do", "draw")
	require.Contains(t, got.body, "2 problems")
	require.Regexp(t, `class="pick wrong" id="at-root.steps\[0\].steps\[1\]"`, got.body)
	require.Contains(t, got.body, "Agent or flow &#34;nobody&#34; does not exist.")
	got = n.typed(path, "root.steps[0].steps[1].agentId", "nobody", "step", "root.steps[9]")
	require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
	require.Contains(t, got.body, `<fieldset class="step chosen" id="field-root.steps[0].steps[1]"`)
	require.Contains(t, got.body, `data-tab="steps" aria-current="page"`)
	got = n.typed(path, "timeout", "soon")
	require.Contains(t, got.body, `data-tab="settings" aria-current="page"`)

	for do, chosen := range map[string]string{"add root": "root.steps[2]", "copy root.steps[0]": "root.steps[1]", "up root.steps[1]": "root.steps[0]", "remove root.steps[0].steps[1]": "root.steps[0]",
		"move root.steps[0] root.steps[1].steps[1]": "root.steps[0].steps[1]"} {
		require.Equal(t, chosen, formIn(t, n.typed(path, "do", do).body).Get("step"), do)
	}
}
