package web_test

import (
	"context"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/catalog"
)

func TestStepsThatChooseAreBuiltAsAForm(t *testing.T) {
	n := newNouns(t)
	n.fill()
	form := formIn(t, n.get("/admin/flows/new?agentId=logs").body)
	press := func(do string, typed ...string) string {
		got := n.post("/admin/flows/new", filledIn(form, append(typed, "do", do)...))
		require.Equal(t, http.StatusOK, got.StatusCode)
		form = formIn(t, got.body)
		return got.body
	}
	press("draw", "id", "chosen", "root.steps[0].type", "router")
	require.Equal(t, "seq(rou(logs))", shape(form, "root"))
	press("add root.steps[0]", "root.steps[0].steps[0].when", "state.kind == 'bug'")
	press("otherwise root.steps[0]", "root.steps[0].steps[1].when", "state.kind == 'praise'", "root.steps[0].steps[1].agentId", "writer")
	press("otherwise root.steps[0]", "root.steps[0].otherwise.agentId", "filed") // there is one already
	press("up root.steps[0].steps[1]")
	press("add root")
	press("draw", "root.steps[1].type", "set")
	press("draw", "root.steps[1].setKey", "n", "root.steps[1].setValue", "size(state)")
	press("up root.steps[1]")
	press("add root")
	press("draw", "root.steps[2].type", "foreach")
	body := press("draw", "root.steps[2].over", "state.list", "root.steps[2].as", "ticket", "root.steps[2].maxParallel", "4", "root.steps[2].maxItems", "many",
		"root.steps[2].outputKey", "answers", "root.steps[2].onError", "true")
	require.Contains(t, body, "when <code>state.kind == &#39;praise&#39;</code>")
	require.Contains(t, body, `for each ticket of <code>state.list</code>, 4 at the same time, as answers`)
	require.Contains(t, body, "sets <code>n</code>")
	form.Set("root.steps[2].steps[0].agentId", "writer")
	form.Del("do")
	require.Contains(t, n.post("/admin/flows/new", form).body, "must be a whole number")
	form.Set("root.steps[2].maxItems", "20")
	got := n.post("/admin/flows/new", form)
	require.Equal(t, "/admin/flows/chosen?done=created", got.Header.Get("Location"), got.body)
	want := agents.Step{Type: "sequential", Steps: []agents.Step{
		{Type: "set", Set: map[string]string{"n": "size(state)"}},
		{Type: "router", Steps: []agents.Step{{Type: "agent", When: "state.kind == 'praise'", AgentID: "writer"}, {Type: "agent", When: "state.kind == 'bug'", AgentID: "logs"}},
			Otherwise: &agents.Step{Type: "agent", AgentID: "filed"}},
		{Type: "foreach", Over: "state.list", As: "ticket", MaxParallel: 4, MaxItems: 20, OutputKey: "answers", OnError: "continue", Steps: []agents.Step{{Type: "agent", AgentID: "writer"}}},
	}}
	require.Equal(t, want, n.flow("chosen").Root)

	require.Equal(t, http.StatusSeeOther, n.typed("/admin/flows/chosen").StatusCode)
	require.Equal(t, want, n.flow("chosen").Root, "a form that is saved as it is changes nothing")

	form = formIn(t, n.get("/admin/flows/chosen").body)
	for _, row := range []struct {
		do    string
		typed []string
		want  string
	}{
		{"remove root.steps[1].otherwise", nil, "seq(set() rou(writer logs) for(writer))"},
		{"up root.steps[1].otherwise", nil, "seq(set() rou(writer logs) for(writer))"},
		{"draw", []string{"root.steps[1].type", "parallel"}, "seq(set() par(writer logs filed) for(writer))"},
		{"draw", []string{"root.steps[1].otherwise.type", "sequential"}, "seq(set() rou(writer logs) for(writer))"},
		{"draw", []string{"root.steps[2].type", "agent"}, "seq(set() rou(writer logs) writer)"},
	} {
		got := n.typed("/admin/flows/chosen", append(row.typed, "do", row.do)...)
		require.Equal(t, row.want, shape(formIn(t, got.body), "root"), row.do)
	}
	got = n.typed("/admin/flows/chosen", "root.steps[0].setValue", "size(", "root.steps[1].steps[0].when", "state.kind")
	require.Contains(t, got.body, "it ends too early")
	require.Contains(t, got.body, "compare it, as in")
	require.Contains(t, n.typed("/admin/flows/chosen", "do", "yaml").body, "otherwise:")
}

// The page of a run draws its flow with what has become of each step.
func TestTheDrawingShowsHowFarARunIs(t *testing.T) {
	r := newTraffic(t)
	ask := func(id string) agents.Step { return agents.Step{Type: "agent", AgentID: id} }
	unlucky, chosen := ask("triage"), ask("triage")
	chosen.When = "ticket.kind == 'bug'"
	writer := ask("writer")
	_, _, err := catalog.Of[agents.Flow](r.editor).Create(context.Background(), "mia", agents.Flow{ID: "tickets", Root: agents.Step{Type: "sequential", Steps: []agents.Step{
		{Type: "foreach", Over: "input", As: "ticket", Steps: []agents.Step{{Type: "router", Steps: []agents.Step{chosen}, Otherwise: &writer}}},
		unlucky, ask("incident"), ask("writer"),
	}}})
	require.NoError(t, err)
	id := runID(1)
	r.run(id, map[string]any{"workflow_id": "tickets", "kind": "flow", "status": "RUNNING", "completed_at": nil, "output": nil})
	at := atMidnight.UnixMilli()
	for i, n := range []struct{ id, kind, status, via string }{
		{"triage[1]", "triage", "COMPLETED", "ticket.kind == 'bug'"}, {"writer[2]", "writer", "COMPLETED", "otherwise"}, {"triage[3]", "triage", "RUNNING", "ticket.kind == 'bug'"},
		{"triage[4]", "triage", "COMPLETED", "ticket.kind == 'bug'"}, {"triage-2", "triage", "FAILED", ""}, {"incident/triage", "triage", "COMPLETED", ""},
	} {
		r.insert("nodes", map[string]any{"run_id": id, "node_id": n.id, "node_type": n.kind, "via": n.via, "place": i, "status": n.status, "started_at": at, "completed_at": at}, nil)
	}
	body := r.get("/admin/runs/" + id).body
	var boxes []string
	for _, box := range regexp.MustCompile(`(?s)<li class="box ([^"]*)">\s*(.*?)(?:<[uo]l>|</li>)`).FindAllStringSubmatch(body, -1) {
		text := strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(box[2], "")), " ")
		boxes = append(boxes, box[1]+": "+html.UnescapeString(text))
	}
	require.Equal(t, []string{"below: one after the other", "below: ↻ for each ticket of input", "beside: ◇ the first that holds",
		"asks RUNNING: when ticket.kind == 'bug' triage Running Completed 2 times", "asks COMPLETED: otherwise writer Completed",
		"asks FAILED: triage Failed", "asks COMPLETED: incident Completed", "asks: writer"}, boxes)
	require.Contains(t, body, "<dt>Chosen by</dt><dd><code>ticket.kind == &#39;bug&#39;</code>")
	require.Contains(t, r.get("/admin/flows/tickets").body, `<p class="cap">The call</p>`)
}
