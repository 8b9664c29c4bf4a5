package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// site is another site with an empty page.
func site(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>Another site</title><link rel="icon" href="data:,"><body>A page`))
	}))
	t.Cleanup(s.Close)
	return s
}

// A page of an origin that the client lists calls it with its token, and reads the run; a page of another origin cannot.
func TestPagesOfOtherOrigins(t *testing.T) {
	listed, other := site(t), site(t)
	const token = "mgc_ci_00000000000000000000000000000"
	g := start(t, fmt.Sprintf(`
admin: {password: "correct horse"}
providers: [{id: off, type: template, template: "re: {{.prompt}}"}]
agents: [{id: calm, provider: off}]
clients:
  - {id: ci, token: %s, passthrough: true, allowedAgents: [calm], cors: [%q]}
`, token, listed.URL))
	b := open(t, g)
	// act calls, follows the run's events, reads it and cancels it, and keeps what it saw in window.seen.
	act := fmt.Sprintf(`(() => { window.seen = undefined; (async () => {
		const headers = {Authorization: "Bearer %[2]s", "Content-Type": "application/json"};
		const call = await fetch("%[1]s/api/v1/webhooks/ci", {method: "POST", headers: {...headers, Prefer: "wait=60", "Idempotency-Key": '"k"'}, body: '{"prompt":"hello"}'});
		const id = call.headers.get("Beckon-Run-Id");
		const run = await fetch("%[1]s/api/v1/runs/" + id, {headers});
		const events = await fetch("%[1]s/api/v1/runs/" + id + "/events", {headers});
		const cancel = await fetch("%[1]s/api/v1/runs/" + id + "/cancel", {method: "POST", headers});
		const wrong = await fetch("%[1]s/api/v1/webhooks/ci", {method: "POST", headers: {Authorization: "Bearer wrong"}, body: "x"});
		return [(await call.json()).response, call.headers.get("Preference-Applied"), (await run.json()).status, (await events.text()).includes("run.completed"), cancel.status, wrong.status].join(" ");
	})().then((s) => { window.seen = s; }, (e) => { window.seen = "failed: " + e; }); return true; })()`, g.url, token)
	seen := func(from string) string {
		b.do(chromedp.Navigate(from), chromedp.WaitReady(chromedp.CSS("body")))
		require.True(t, get(b, chromedp.Evaluate[bool](act)))
		b.until("window.seen")
		return get(b, chromedp.Evaluate[string]("window.seen"))
	}
	require.Equal(t, "re: hello wait=60 COMPLETED true 409 401", seen(listed.URL))
	require.Equal(t, "failed: TypeError: Failed to fetch", seen(other.URL))
	require.Equal(t, "failed: TypeError: Failed to fetch", seen(strings.Replace(listed.URL, "127.0.0.1", "localhost", 1)), "the host is another one")
}

// The pages below a path of a proxy that has other things, too: the login, a form, and what htmx asks for.
func TestPagesBelowAPath(t *testing.T) {
	var target *url.URL
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/tools/beckon/", func(w http.ResponseWriter, r *http.Request) { forward.ServeHTTP(w, r) })
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	g := start(t, fmt.Sprintf(`
server: {publicURL: "%s/tools/beckon"}
admin: {password: "correct horse"}
providers: [{id: off, type: template, template: "re: {{.prompt}}"}]
agents: [{id: calm, provider: off}]
`, front.URL))
	var err error
	target, err = url.Parse(g.url)
	require.NoError(t, err)
	outside := *g
	outside.url = front.URL + "/tools/beckon"
	b := open(t, &outside)
	b.visit("/admin/clients")
	b.fill("#password", "correct horse")
	b.do(chromedp.Submit(chromedp.CSS("#password")))
	b.title("Clients")
	b.click("New client")
	b.title("New client")
	b.click("A script or a program")
	b.title("New client: A script")
	b.ownID("deploys")
	b.tick("#kind-passthrough")
	b.tick(`input[name="allowedAgents"][value="calm"]`)
	b.tick(`input[name="default"][value="calm"]`)
	b.fill("#sample-body", "Is it there?")
	b.until(`document.querySelector("#preview").innerText.includes("Is it there?")`)
	b.do(chromedp.Submit(chromedp.CSS(`#client input[name="id"]`)))
	b.title("is ready")
	require.Contains(t, get(b, chromedp.TextContent(chromedp.CSS(".snippet pre code"))), outside.url+"/api/v1/webhooks/deploys")
	b.until(`location.pathname === "/tools/beckon/admin/clients/deploys"`)
	b.visit("/admin/clients/deploys?tab=try")
	b.fill("#sample-body", "And what do you say?")
	b.until(`document.querySelector("#preview").innerText.includes("And what do you say?")`)
	b.press(`button[formaction$="/try"]`)
	b.until(`document.querySelector("[data-answer]") && document.querySelector("[data-answer]").innerText.includes("re: And what do you say?")`)
	b.press(`#answer a[href*="/admin/runs/"]`)
	b.onRun()
	b.visit("/docs")
	b.until(`document.querySelector("#api .swagger-ui .opblock")`)
	require.Equal(t, "/tools/beckon", get(b, chromedp.Evaluate[string](`document.querySelector("#api .servers option").value`)))
	b.requireQuiet()
}
