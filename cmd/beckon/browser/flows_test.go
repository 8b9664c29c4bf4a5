package browser_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const withAFlow = `
admin: {password: "correct horse"}
providers: [{id: off, type: template, template: "{{ .agent }} has read {{ .prompt }}"}]
agents: [{id: engineer, provider: off}, {id: writer, provider: off}, {id: editor, provider: off}, {id: metrics, provider: off}]
flows:
  - id: tickets
    root:
      type: sequential
      steps:
        - {type: set, set: {bugs: "input.tickets.filter(t, t.kind == 'bug')"}}
        - type: foreach
          over: input.tickets
          as: ticket
          maxParallel: 2
          outputKey: answers
          steps:
            - type: router
              steps:
                - {when: "ticket.kind == 'bug'", type: agent, agentId: engineer, prompt: "{{ .ticket.text }}"}
                - {when: "ticket.kind == 'invoice' && size(ticket.text) > 2000", type: agent, agentId: metrics}
              otherwise: {type: agent, agentId: writer, prompt: "{{ .ticket.text }}"}
        - {type: parallel, steps: [{type: agent, agentId: metrics, onError: continue}, {type: agent, agentId: writer}]}
        - {type: loop, maxIterations: 2, until: "size(state.answers) > 5", steps: [{type: agent, agentId: editor}]}
        - {type: agent, agentId: editor, responseAgent: true}
clients: [{id: desk, token: mgc_t0ken-of-this-test-0123456789, passthrough: true, allowedAgents: [tickets]}]
`

// Someone looks at a flow, and at what a run of it has done, and finds the boxes as a list by the keyboard.
func TestAFlowIsDrawn(t *testing.T) {
	g := start(t, withAFlow)
	r, err := http.NewRequest(http.MethodPost, g.url+"/api/v1/webhooks/desk", strings.NewReader(`{"tickets":[{"kind":"bug","text":"It is slow"},{"kind":"praise","text":"Thanks"},{"kind":"bug","text":"It is down"}]}`))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer mgc_t0ken-of-this-test-0123456789")
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	for name, path := range map[string]string{"flow": "/admin/flows/tickets", "editor": "/admin/flows/tickets?tab=steps", "run": "/admin/runs/" + response.Header.Get("Beckon-Run-Id")} {
		b.visit(path)
		b.shows("for each ticket of")
		b.shows("when ticket.kind == 'bug'")
		for _, dark := range []bool{false, true} {
			b.dark(dark)
			for _, width := range []int64{1280, 375} {
				b.do(chromedp.EmulateViewport(width, 900))
				require.LessOrEqual(t, get(b, chromedp.Evaluate[int64]("document.documentElement.scrollWidth")), width)
				b.screenshot(fmt.Sprintf("drawn-%s-%d-dark-%v", name, width, dark))
			}
		}
		b.dark(false)
		b.do(chromedp.EmulateViewport(1280, 900))
	}
	b.requireQuiet()
}

const withAFlowToEdit = `
admin: {password: "correct horse", token: "adm_0123456789abcdef0123456789abcdef"}
providers: [{id: off, type: template, template: "{{ .agent }}"}]
agents: [{id: logs, provider: off}, {id: writer, provider: off}, {id: critic, provider: off}]
`

// Someone edits a flow with the mouse, by the keyboard and as YAML.
func TestAFlowIsEdited(t *testing.T) {
	g := start(t, withAFlowToEdit)
	r, err := http.NewRequest(http.MethodPost, g.url+"/api/v1/admin/flows", strings.NewReader(`{"id": "incident", "root": {"type": "sequential", "steps": [
		{"type": "agent", "agentId": "logs"}, {"type": "loop", "maxIterations": 3, "steps": [{"type": "agent", "agentId": "writer"}]}]}}`))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer adm_0123456789abcdef0123456789abcdef")
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusCreated, response.StatusCode)
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	b.visit("/admin/flows/incident?tab=steps")

	// A click opens the fields of a step, and marks its lines in the YAML.
	b.press(`.pick[data-step="root.steps[1]"]`)
	b.until(`document.getElementById("field-root.steps[1]").checkVisibility() && !document.getElementById("field-root.steps[0]").checkVisibility()`)
	b.until(`document.querySelector(".yaml .mark").offsetHeight > 60`)
	require.Empty(t, b.violations(module(t, "axe-core/axe.min.js")))
	b.screenshot("flow-step")

	// A change in a field changes the tree and the YAML.
	b.press(`.pick[data-step="root.steps[0]"]`)
	b.retype("field-root.steps[0].agentId", "nobody")
	b.until(`document.querySelector("#field-yaml").value.includes("agentId: nobody")`)
	b.shows("does not exist")
	b.screenshot("flow-problem")
	require.Empty(t, b.violations(module(t, "axe-core/axe.min.js")))
	b.retype("field-root.steps[0].agentId", "critic")
	b.until(`document.querySelector("#tree").innerText.includes("critic") && !document.querySelector("#tree .error")`)

	// Keys move the step, and the focus goes along.
	get(b, chromedp.Evaluate[bool](`(e => { e.focus(); return e.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowDown", altKey: true, bubbles: true})) })(document.querySelector('.pick[data-step="root.steps[0]"]'))`))
	b.until(`document.querySelector('.pick[data-step="root.steps[1]"]').innerText.includes("critic") && document.activeElement.dataset.step === "root.steps[1]"`)
	b.shows("unsaved change")

	// It is dragged into the loop.
	get(b, chromedp.Evaluate[bool](`(() => {
		const data = new DataTransfer(), from = document.querySelector('.pick[data-step="root.steps[1]"]'), to = document.querySelector('[data-into="root.steps[0]"]');
		const fire = (e, type) => e.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
		fire(from, "dragstart"); fire(to, "dragover"); fire(to, "drop"); return true })()`))
	b.until(`document.querySelector('.pick[data-step="root.steps[0].steps[1]"]')?.innerText.includes("critic")`)

	// A change in the YAML changes the tree. A mistake is shown at its line.
	yaml := b.value("#field-yaml")
	b.retype("field-yaml", strings.Replace(yaml, "maxIterations: 3", "maxIterations: x", 1))
	b.until(`document.querySelector("#yaml-state .mistakes") && document.querySelector(".mark.bad")`)
	b.screenshot("flow-mistake")
	b.retype("field-yaml", strings.Replace(yaml, "maxIterations: 3", "maxIterations: 5", 1))
	b.until(`document.querySelector("#tree").innerText.includes("at most 5 times")`)
	b.do(chromedp.Submit(chromedp.CSS("#the-flow")))
	b.shows("Saved. The change is active.")
	b.until(`document.querySelector("#tree").innerText.includes("at most 5 times") && document.querySelector("#field-yaml").value.includes("agentId: critic")`)
	b.do(chromedp.EmulateViewport(375, 900))
	b.dark(true)
	require.Empty(t, b.violations(module(t, "axe-core/axe.min.js")))
	b.screenshot("flow-phone-dark")
	b.requireQuiet()
}

// retype puts a text in the place of what a field has.
func (b *browser) retype(id, text string) {
	b.t.Helper()
	get(b, chromedp.Evaluate[bool](fmt.Sprintf(`((e, text) => { e.focus(); e.value = text; return e.dispatchEvent(new Event("input", {bubbles: true})) })(document.getElementById(%q), %q)`, id, text)))
}
