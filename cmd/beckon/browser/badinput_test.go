package browser_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const ofHostileNames = `
admin: {password: "correct horse", token: adm_0123456789abcdef0123456789abcdef}
egress: {allowPrivate: [127.0.0.1/32]}
providers: [{id: off, type: template, template: "re: {{.prompt}}"}]
agents: [{id: calm, provider: off}]
clients: [{id: open, token: mgc_open_0000000000000000000000000000, passthrough: true, allowedAgents: [calm]}]
`

// hostileTexts are what people and callers write into fields.
var hostileTexts = map[string]string{
	"long":   strings.Repeat("W", 200),
	"rtl":    "\u202eمرحبا بالعالم שלום עולם\u202c " + strings.Repeat("مرحبا", 20),
	"emoji":  strings.Repeat("👩‍👩‍👧‍👦🏳️‍🌈", 20),
	"markup": `</title></textarea>"'><script>document.title="hacked"</script><img src=x onerror="document.title='hacked'"><b>`,
}

// send makes a call of the admin API or of a webhook, and returns its status and its document.
func (g *gateway) send(method, path, token string, body any, headers ...string) (int, map[string]any) {
	text, err := json.Marshal(body)
	require.NoError(g.t, err)
	r, err := http.NewRequest(method, g.url+path, bytes.NewReader(text))
	require.NoError(g.t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(g.t, err)
	defer response.Body.Close()
	var document map[string]any
	_ = json.NewDecoder(response.Body).Decode(&document)
	return response.StatusCode, document
}

// Whatever stands in names, prompts, headers and addresses, a page shows it as a text, and is no wider than the screen.
func TestHostileTexts(t *testing.T) {
	g := start(t, ofHostileNames)
	const admin, token = "adm_0123456789abcdef0123456789abcdef", "mgc_open_0000000000000000000000000000"
	pages := []string{"/admin", "/admin/runs", "/admin/clients", "/admin/agents", "/admin/flows", "/admin/commands", "/admin/endpoints", "/admin/refused", "/admin/deliveries", "/admin/audit"}
	for kind, text := range hostileTexts {
		for section, body := range map[string]map[string]any{
			"agents": {"provider": "off", "systemPrompt": text}, "commands": {"prompt": text, "description": text, "agentId": "calm"},
			"flows":     {"root": map[string]any{"type": "agent", "agentId": "calm"}},
			"clients":   {"passthrough": true, "allowedAgents": []string{"calm"}, "metadata": map[string]any{"team": text}},
			"endpoints": {"url": "http://127.0.0.1:1025/" + url.PathEscape(string([]rune(text)[:60])), "events": []string{"run.failed"}},
		} {
			body["id"], body["name"] = "x-"+kind+"-"+section, text
			status, document := g.send(http.MethodPost, "/api/v1/admin/"+section, admin, body)
			require.Equal(t, 201, status, "%s: %v", section, document)
			pages = append(pages, "/admin/"+section+"/x-"+kind+"-"+section)
		}
		status, run := g.send(http.MethodPost, "/api/v1/webhooks/open", token, map[string]any{"prompt": text, "sessionId": text[:min(len(text), 200)], "metadata": map[string]any{text: text}}, "Accept", "application/json")
		require.Equal(t, 200, status, run)
		pages = append(pages, "/admin/runs/"+run["runId"].(string))
		status, _ = g.send(http.MethodPost, "/api/v1/webhooks/"+url.PathEscape(text), asHeader(text), nil, "User-Agent", asHeader(text), "Idempotency-Key", asHeader(text))
		require.Equal(t, 401, status)
	}
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	for _, width := range []int64{1280, 375} {
		b.do(chromedp.EmulateViewport(width, 900))
		for _, path := range pages {
			b.visit(path)
			at := get(b, chromedp.Evaluate[string](`document.documentElement.scrollWidth > document.documentElement.clientWidth ? "it is wider than the screen" : document.title`))
			require.NotContains(t, at, "wider", "%s at %d", path, width)
			require.NotEqual(t, "hacked", at, path)
			b.screenshot(fmt.Sprintf("hostile%s-%d", strings.ReplaceAll(path, "/", "-"), width))
		}
	}
	b.visit("/admin/refused")
	b.press(`main tbody a`)
	b.title("efused")
	require.NotEqual(t, "hacked", get(b, chromedp.Title()))
	b.requireQuiet()
}

// asHeader is as much of a text as a header may have.
func asHeader(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
}

// A page at 200 %, and one at 400 %, is as wide as the screen.
func TestZoom(t *testing.T) {
	g := start(t, "")
	b := open(t, g)
	b.login(g.password)
	b.title("Overview")
	for _, width := range []int64{640, 320} {
		b.do(chromedp.EmulateViewport(width, 450))
		for _, path := range []string{"/admin", "/admin/runs", "/admin/clients", "/admin/clients/demo", "/admin/clients/demo?tab=settings", "/admin/clients/demo?tab=try", "/admin/agents/assistant?tab=try", "/admin/endpoints/new", "/admin/flows/new",
			"/admin/providers/new", "/admin/settings", "/admin/audit", "/admin/doctor?checks=local", "/admin/refused"} {
			b.visit(path)
			require.False(t, get(b, chromedp.Evaluate[bool]("document.documentElement.scrollWidth > document.documentElement.clientWidth")), "%s at %d", path, width)
		}
	}
	b.requireQuiet()
}

// When the session ends while a form is open, the next login saves what was typed, with and without scripts.
func TestTheSessionEndsBelowAForm(t *testing.T) {
	g := start(t, withOneAgent)
	b := open(t, g)
	for _, scripts := range []bool{true, false} {
		call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !scripts})
		id := fmt.Sprintf("kept-%v", scripts)
		call(b, network.ClearBrowserCookies, cdp.Empty{})
		b.login("correct horse")
		b.title("Overview")
		b.visit("/admin/commands/new")
		b.ownID(id)
		b.write(`textarea[name="prompt"]`, "A long prompt\nthat took me an hour")
		b.do(chromedp.SetValue(chromedp.CSS(`[name="agentId"]`), "calm"))
		call(b, network.ClearBrowserCookies, cdp.Empty{})
		b.do(chromedp.Submit(chromedp.CSS(`input[name="id"]`)))
		b.title("Your session has ended")
		b.forget("401")
		b.screenshot("session-ended")
		b.loginElsewhere("correct horse")
		b.click("Send again")
		b.title(id)
		require.Equal(t, "A long prompt\nthat took me an hour", b.value(`textarea[name="prompt"]`))
	}
	b.requireQuiet()
}

// loginElsewhere gives the browser the session that another tab has begun.
func (b *browser) loginElsewhere(password string) {
	b.t.Helper()
	jar := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := jar.PostForm(b.gateway.url+"/admin/login", url.Values{"password": {password}})
	require.NoError(b.t, err)
	defer response.Body.Close()
	require.Len(b.t, response.Cookies(), 1)
	cookie := response.Cookies()[0]
	call(b, network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: b.gateway.url})
}

// A page that asks for news stays, with what is typed, when the session has ended.
func TestALivePageKeepsWhatIsTyped(t *testing.T) {
	g := start(t, "")
	b := open(t, g)
	b.login(g.password)
	b.title("Overview")
	b.visit("/admin/clients/demo?tab=try")
	call(b, network.ClearBrowserCookies, cdp.Empty{})
	b.fill("#sample-body", "Something that I do not want to lose")
	b.until(`!document.querySelector("#session-ended").hidden`)
	require.Equal(t, "Something that I do not want to lose", b.value("#sample-body"))
	b.loginElsewhere(g.password)
	b.press(`button[formaction$="/try"]`)
	b.until(`document.querySelector("[data-answer]") && document.querySelector("[data-answer]").innerText.includes("I do not want to lose")`)
}

// An agent is tried on its page, and so it is without scripts.
func TestTryingAnAgent(t *testing.T) {
	g := start(t, withOneAgent)
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	b.visit("/admin/agents/calm")
	b.press(`.tabs [data-tab="try"]`)
	b.write("#try-prompt", "Is it done?")
	b.press(`form[action$="/try"] button`)
	b.until(`document.querySelector("[data-answer]") && document.querySelector("[data-answer]").innerText.includes("re: Is it done?")`)
	b.until(`document.querySelector("#answer [data-used]").innerText.includes("Tokens")`)
	b.screenshot("agent-try")
	b.press(`#answer a[href*="/admin/runs/"]`)
	b.onRun()
	b.shows("re: Is it done?")
	b.click("Run again")
	b.shows("This is the new run")
	b.requireQuiet()

	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.visit("/admin/agents/calm?tab=try")
	b.write("#try-prompt", "And now?")
	b.press(`form[action$="/try"] button`)
	b.onRun()
	b.reloadUntil("re: And now?")
}
