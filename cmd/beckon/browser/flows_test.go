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
	for name, path := range map[string]string{"flow": "/admin/flows/tickets", "run": "/admin/runs/" + response.Header.Get("Beckon-Run-Id")} {
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
