package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/commands"
	"beckon/gateway/gatewaytest"
	"beckon/internal/catalog"
	"beckon/internal/egress"
	"beckon/internal/secret"
	"beckon/internal/store/storetest"
	"beckon/web"
)

const fileOfNouns = `
admin: {variables: [GOOD_API_KEY, NO_API_KEY]}
providers: [{id: filed, type: template, template: hi}]
agents: [{id: filed, provider: filed, systemPrompt: "Say <b>hi</b>."}]
flows: [{id: filed-flow, root: {type: agent, agentId: filed}}]
commands: [{id: filed, prompt: Go, agentId: filed}]
`

// nouns is a site with a real editor, and a browser that is signed in.
type nouns struct {
	*browser
	editor *catalog.Editor
	asked  *http.Request // what the provider was asked last
	models string        // what it answers
	origin string        // its URL

	web.Calls          // of which only TryAgent is asked
	tried     []string // "logs: why?"
	refuse    error    // what comes of the next try
}

func (n *nouns) TryAgent(_ context.Context, agentID, prompt string) (string, error) {
	n.tried = append(n.tried, agentID+": "+prompt)
	return "run_tried", n.refuse
}

func newNouns(t *testing.T) *nouns {
	s := siteOn(t, storetest.Open(t, storetest.Default(t)))
	n := &nouns{models: `{"data":[{"id":"small"},{"id":"large"}]}`}
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.asked = r
		_, _ = w.Write([]byte(n.models))
	}))
	t.Cleanup(provider.Close)
	n.origin = provider.URL + "/v1"
	n.editor = gatewaytest.Editor(t, s.store, gatewaytest.Setup{File: fileOfNouns, Env: envOfNouns})
	transport := egress.NewProviders()
	t.Cleanup(transport.CloseIdleConnections)
	s.files["try.js"] = &fstest.MapFile{Data: []byte("this is try.js")}
	s.files["nouns.css"] = &fstest.MapFile{Data: []byte("this is nouns.css")}
	s.serve(func(c *web.Config) {
		c.Backend = &web.Backend{Editor: n.editor, Calls: n,
			Models: func(ctx context.Context, p agents.Provider) ([]string, error) { return chat.Models(ctx, transport, p) }}
	})
	n.browser = s.signedIn()
	return n
}

func envOfNouns(name string) (string, bool) {
	value, ok := map[string]string{"GOOD_API_KEY": "sk-from-environment", "HIDDEN_API_KEY": "sk-hidden"}[name]
	return value, ok
}

// fill makes some of each, with what must be escaped.
func (n *nouns) fill() {
	ctx, t := context.Background(), n.t
	_, _, err := catalog.Of[agents.Provider](n.editor).Create(ctx, "mia", agents.Provider{ID: "acme", Name: "Acme <i>", Type: "openai", URL: "https://acme.example/v1", APIKey: "sk-s3cret",
		Headers: map[string]secret.String{"X-Team": "h3ader"}})
	require.NoError(t, err)
	_, _, err = catalog.Of[agents.Agent](n.editor).Create(ctx, "mia", agents.Agent{ID: "logs", Provider: "acme", Model: "small"})
	require.NoError(t, err)
	_, _, err = catalog.Of[agents.Agent](n.editor).Create(ctx, "mia", agents.Agent{ID: "writer", Provider: "acme", Model: "large", Events: map[string]string{"run.completed": "text.written"}})
	require.NoError(t, err)
	_, _, err = catalog.Of[agents.Flow](n.editor).Create(ctx, "mia", agents.Flow{ID: "incident", Root: agents.Step{Type: "sequential", Steps: []agents.Step{
		{Type: "parallel", Steps: []agents.Step{{Type: "agent", AgentID: "logs", OnError: "continue"}, {Type: "agent", AgentID: "filed", OutputKey: "notes"}}},
		{Type: "loop", MaxIterations: 3, Until: "state.approved == true", Steps: []agents.Step{
			{Type: "agent", AgentID: "writer", ResponseAgent: true, Prompt: "Write </textarea><b>{{ .prompt }}\n${HOME}"}}},
	}}})
	require.NoError(t, err)
	_, _, err = catalog.Of[commands.Command](n.editor).Create(ctx, "mia", commands.Command{ID: "daily", Prompt: "Go </textarea><script>", AgentID: "incident", Description: `<img src=x>`})
	require.NoError(t, err)
}

// typed posts the form of a page as the page has it, with some fields filled in otherwise: "name", "value", …
func (n *nouns) typed(path string, fields ...string) answer {
	return n.post(path, filledIn(formIn(n.t, n.get(path).body), fields...))
}

func filledIn(form url.Values, fields ...string) url.Values {
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form
}

// formIn returns what a browser would send for the form of a noun.
func formIn(t *testing.T, page string) url.Values {
	document, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	form := url.Values{}
	for n := range document.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" && attribute(n, "class") == "noun" {
			for field := range n.Descendants() {
				addField(form, field)
			}
		}
	}
	require.NotEmpty(t, form, "the page has a form")
	return form
}

func addField(form url.Values, n *html.Node) {
	name := attribute(n, "name")
	switch n.Data {
	case "input":
		if attribute(n, "type") != "checkbox" || has(n, "checked") {
			form.Add(name, attribute(n, "value"))
		}
	case "textarea":
		if n.FirstChild != nil {
			form.Add(name, strings.ReplaceAll(n.FirstChild.Data, "\n", "\r\n"))
		} else {
			form.Add(name, "")
		}
	case "select":
		value, first := "", true
		for o := range n.Descendants() {
			if o.Data == "option" && (first || has(o, "selected")) {
				first = false
				if value = attribute(o, "value"); !has(o, "value") && o.FirstChild != nil {
					value = o.FirstChild.Data
				}
			}
		}
		form.Add(name, value)
	}
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

var pagesOfNouns = []string{"commands", "agents", "providers", "flows"}

func TestPagesOfNounsLookTheSame(t *testing.T) {
	n := newNouns(t)
	for _, noun := range pagesOfNouns {
		golden(t, noun+"-few", n.get("/admin/"+noun).body)
		golden(t, noun+"-new", n.get("/admin/"+noun+"/new").body)
	}
	n.fill()
	for name, path := range map[string]string{
		"commands": "/admin/commands", "agents": "/admin/agents", "providers": "/admin/providers", "flows": "/admin/flows",
		"command": "/admin/commands/daily", "agent": "/admin/agents/writer", "provider": "/admin/providers/acme", "flow": "/admin/flows/incident",
		"flow-yaml": "/admin/flows/incident/yaml", "command-managed": "/admin/commands/filed", "agent-managed": "/admin/agents/filed",
		"provider-managed": "/admin/providers/filed", "flow-managed": "/admin/flows/filed-flow", "flow-yaml-managed": "/admin/flows/filed-flow/yaml",
	} {
		got := n.get(path)
		require.Equal(t, http.StatusOK, got.StatusCode, path)
		golden(t, name, got.body)
		require.NotContains(t, got.body, "s3cret")
		require.NotContains(t, got.body, "h3ader")
		require.NotContains(t, got.body, "style=")
	}
}

// What a summary of mistakes calls a field is what stands beside it.
func TestLabelsAreThoseOfTheFields(t *testing.T) {
	n, calls, traffic := newNouns(t), newClientSite(t), newTraffic(t)
	for one, site := range map[string]*browser{"provider": n.browser, "agent": n.browser, "command": n.browser, "flow": n.browser, "client": calls.browser, "endpoint": traffic.browser} {
		page := site.get("/admin/" + one + "s/new").body
		if one == "client" { // for a known caller it has that one's settings only
			page = calls.post("/admin/clients/new", filled("id", "No slug")).body
		}
		page = strings.NewReplacer(` <span class="star" aria-hidden="true">*</span>`, "", ` <span class="unseen">(required)</span>`, "").Replace(page)
		for name, label := range web.LabelsOf(one) {
			if name == "yaml" || name == "since" || name == "sendTo" { // they are on other pages, and sendTo is there with endpoints
				continue
			}
			if name == "events" && one != "endpoint" {
				require.Contains(t, page, "<summary>"+label+"</summary>", one)
				continue
			}
			beside := `<label for="field-` + name + `">` + label + `</label>`
			if !strings.Contains(page, beside) {
				require.Regexp(t, `id="field-`+name+`"[^>]*>\s*<legend>`+label+`</legend>`, page, "%s of %s", name, one)
			}
		}
	}
	for path, label := range map[string]string{"root": "The flow", "root.steps": "The flow, steps", "root.steps[0].agentId": "Step 1, agent or flow",
		"root.steps[2].steps[0].maxIterations": "Step 3.1, max rounds", "root.steps[0].events.completed": "Step 1, event names", "timeout": "Timeout", "nothing": "nothing"} {
		require.Equal(t, label, web.FlowLabel(path))
	}
}
