package browser_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Someone who has never seen Beckon: a client, its curl line, a try in the page, the run.
func TestANewcomer(t *testing.T) {
	g := start(t, "")
	require.Contains(t, g.output.String(), g.url+"/admin")
	b := open(t, g)
	b.visit("/admin")
	b.do(chromedp.WaitVisible(chromedp.CSS("#password")))
	b.screenshot("login")
	b.login(g.password)
	b.title("Overview")
	b.visit("/admin/clients")
	b.click("New client")
	b.title("New client")
	b.click("A script or a program")
	b.title("New client: A script")
	b.ownID("deploys")
	b.tick("#kind-passthrough")
	b.tick(`input[name="allowedAgents"][value="assistant"]`)
	b.tick(`input[name="default"][value="assistant"]`)
	b.fill("#sample-body", "Write release notes please")
	b.until(`document.querySelector("#preview").innerText.includes("Write release notes please")`)
	b.screenshot("client-new")
	b.do(chromedp.Submit(chromedp.CSS(`#client input[name="id"]`)))
	b.title("is ready")
	token := get(b, chromedp.Text(chromedp.CSS("#token")))
	require.True(t, strings.HasPrefix(token, "mgc_"))
	curl := get(b, chromedp.TextContent(chromedp.CSS(".snippet pre code")))
	require.Contains(t, curl, token)
	b.screenshot("client-token")
	shell := exec.Command("sh", "-c", curl)
	shell.Dir, shell.Env = g.folder, g.environ()
	out, err := shell.Output()
	require.NoError(t, err, "%s", curl)
	require.NotEmpty(t, out)

	b.visit("/admin/clients/deploys?tab=try")
	require.NotContains(t, get(b, chromedp.OuterHTML(chromedp.CSS("html"))), token, "it is shown once")
	b.fill("#sample-body", "Is everything in order?")
	b.until(`document.querySelector("#preview").innerText.includes("Is everything in order?")`) // it moves the button
	b.press(`button[formaction$="/try"]`)
	b.until(`document.querySelector("[data-answer]") && document.querySelector("[data-answer]").innerText.includes("Is everything in order?")`)
	b.screenshot("client")
	b.press(`#answer a[href*="/admin/runs/"]`)
	b.onRun()
	b.shows("Completed")
	b.shows("Is everything in order?")
	b.screenshot("run")
	b.requireQuiet()
}

// An operator at three in the morning: why did last night's alert get no answer?
func TestAnOperatorAtNight(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error":{"message":"bad key"}}`))
	}))
	t.Cleanup(refusing.Close)
	g := start(t, fmt.Sprintf(`
admin: {password: "three in the morning", token: "adm_0123456789abcdef0123456789abcdef"}
egress: {allowPrivate: [127.0.0.1/32]}
providers: [{id: model, type: openai, url: "%s/v1", apiKey: k, maxRetries: 0}, {id: off, type: template, template: "fine"}]
agents: [{id: triage, provider: model, model: m}, {id: calm, provider: off}]
clients:
  - {id: alerts, token: mgc_alerts_0000000000000000000000000, passthrough: true, allowedAgents: [triage]}
  - {id: ci, token: mgc_ci_00000000000000000000000000000, passthrough: true, allowedAgents: [calm]}
endpoints:
  - {id: ops, url: "%s/hook", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [run.completed, run.failed]}
`, refusing.URL, refusing.URL))
	call := func(client, token, body string) int {
		r, err := http.NewRequest(http.MethodPost, g.url+"/api/v1/webhooks/"+client, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		return response.StatusCode
	}
	require.Equal(t, 502, call("alerts", "mgc_alerts_0000000000000000000000000", "DiskFull on db-1"))
	require.Equal(t, 200, call("ci", "mgc_ci_00000000000000000000000000000", "hello"))
	require.Equal(t, 401, call("alerts", "mgc_an_old_token", "DiskFull on db-1"))

	b := open(t, g)
	b.login("three in the morning")
	b.title("Overview")
	b.shows("triage")
	b.screenshot("overview")
	b.press(`main a[href^="/admin/runs/run_"]`)
	b.onRun()
	b.shows("Failed")
	b.shows("DiskFull on db-1")
	b.shows("provider")
	b.visit("/admin/refused")
	b.shows("alerts")
	b.shows("401")
	b.screenshot("refused")
	b.visit("/admin/deliveries")
	b.shows("ops")
	b.screenshot("deliveries")
	b.press(`main a[href^="/admin/deliveries/dlv_"]`)
	b.title("Delivery")
	b.shows("401")
	b.screenshot("delivery")
	b.requireQuiet()

	// What the file declares can be looked at, and not changed.
	b.visit("/admin/clients/alerts")
	b.shows("configuration file")
	require.True(t, get(b, chromedp.Evaluate[bool](`document.querySelector("#client fieldset").disabled`)))
}

func TestLogin(t *testing.T) {
	g := start(t, "admin: {password: \"correct horse\"}\n")
	b := open(t, g)
	b.visit("/admin/runs")
	b.fill("#password", "wrong")
	b.do(chromedp.Submit(chromedp.CSS("#password")), chromedp.WaitVisible(chromedp.CSS("#error")))
	b.forget("401")
	b.fill("#password", "correct horse")
	b.do(chromedp.Submit(chromedp.CSS("#password")))
	b.title("Runs") // where it wanted to go
	cookies := call(b, network.GetCookies, network.GetCookiesParams{}).Cookies
	require.Len(t, cookies, 1)
	require.True(t, cookies[0].HTTPOnly)
	require.Equal(t, network.CookieSameSiteLax, cookies[0].SameSite)
	b.press("button.account")
	b.press(`form[action="/admin/logout"] button`)
	b.do(chromedp.WaitVisible(chromedp.CSS("#password")))
	b.visit("/admin/runs")
	b.do(chromedp.WaitVisible(chromedp.CSS("#password")))
	b.requireQuiet()
}

// What was typed stays when something in the form is wrong.
func TestAFormWithErrors(t *testing.T) {
	g := start(t, "")
	b := open(t, g)
	b.login(g.password)
	b.title("Overview")
	b.visit("/admin/clients/new?source=generic")
	b.ownID("Not A Slug")
	b.fill(`input[name="name"]`, "A name to keep")
	b.do(chromedp.Submit(chromedp.CSS(`#client input[name="id"]`)), chromedp.WaitVisible(chromedp.CSS(`.errors[role="alert"]`)))
	require.Equal(t, "A name to keep", b.value(`input[name="name"]`))
	require.Equal(t, "Not A Slug", b.value(`input[name="id"]`))
	b.screenshot("client-errors")
}

// Every page on a phone, in the dark, and under the eyes of axe.
func TestEveryPage(t *testing.T) {
	checker := module(t, "axe-core/axe.min.js") // the checker of accessibility
	g := start(t, "")
	b := open(t, g)
	b.login(g.password)
	b.title("Overview")
	pages := []string{"/admin", "/admin/clients", "/admin/clients/new", "/admin/clients/new?source=github", "/admin/clients/new?source=schedule", "/admin/clients/new?source=hmac", "/admin/clients/demo", "/admin/clients/demo/arrival", "/admin/commands", "/admin/commands/new", "/admin/agents", "/admin/agents/new", "/admin/agents/assistant",
		"/admin/providers", "/admin/providers/new", "/admin/flows", "/admin/flows/new", "/admin/endpoints", "/admin/endpoints/new", "/admin/runs", "/admin/deliveries", "/admin/refused", "/admin/settings", "/admin/audit", "/admin/doctor?checks=local", "/admin/search?q=demo", "/docs/guides", "/docs/guides/alerts", "/admin/flows/new/yaml", "/admin/clients/demo?tab=try", "/admin/clients/demo?tab=settings", "/admin/clients/demo?tab=snippets", "/admin/agents/assistant?tab=settings", "/admin/agents/assistant?tab=try"}
	for _, dark := range []bool{false, true} {
		for _, width := range []int64{1280, 375} {
			b.dark(dark)
			b.do(chromedp.EmulateViewport(width, 900))
			for _, path := range pages {
				t.Run(fmt.Sprintf("%s at %d, dark %v", path, width, dark), func(t *testing.T) {
					b.t = t
					b.visit(path)
					over := get(b, chromedp.Evaluate[bool]("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
					require.False(t, over, "it is wider than the screen")
					require.Empty(t, b.violations(checker))
					if name := strings.ReplaceAll(strings.Trim(strings.TrimPrefix(path, "/admin"), "/"), "/", "-"); dark && width == 375 || !dark && width == 1280 {
						b.screenshot(fmt.Sprintf("%s-%d", "page-"+name, width))
					}
				})
			}
		}
	}
	b.t = t
	b.requireQuiet()
}

// violations are what axe finds that is serious or worse.
func (b *browser) violations(checker string) []string {
	b.t.Helper()
	// A colour on its way to another one has no contrast of its own.
	b.until(`!document.getAnimations().some(a => a instanceof CSSTransition && a.playState === "running")`)
	call(b, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true})
	get(b, chromedp.Evaluate[int](checker+"\n;0"))
	found := get(b, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.filter(v => ["serious", "critical"].includes(v.impact)).map(v => v.id + ": " + v.nodes.map(n => n.html).join(" | "))))`,
		chromedp.EvalAwaitPromise))
	var list []string
	require.NoError(b.t, json.Unmarshal([]byte(found), &list))
	return list
}

// The first page is small, and the next ones smaller.
func TestTransferredBytes(t *testing.T) {
	g := start(t, "")
	b := open(t, g)
	b.login(g.password)
	b.title("Overview")
	b.settled()
	first := b.transferred()
	require.Less(t, first, int64(200_000))
	require.Greater(t, first, int64(20_000), "style sheets and scripts are a part of it")
	for _, path := range []string{"/admin", "/admin/clients", "/admin/runs", "/admin/clients/demo"} {
		for range 2 { // the first time with what is new on it
			b.visit(path)
			b.settled()
			n := b.transferred()
			require.Less(t, n, int64(20_000), path)
			require.Greater(t, n, int64(500), path)
		}
	}
	t.Logf("the login and the first page: %d bytes", first)
}

func (b *browser) transferred() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.bytes
	b.bytes = 0
	return n
}
