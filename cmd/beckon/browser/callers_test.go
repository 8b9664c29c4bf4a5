package browser_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const withOneAgent = `
admin: {password: "correct horse"}
providers: [{id: off, type: template, template: "re: {{.prompt}}"}]
agents: [{id: calm, provider: off}]
`

// deliver sends what GitHub sends, signed with a secret.
func (g *gateway) deliver(event, id, secret, body string) int {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	r, err := http.NewRequest(http.MethodPost, g.url+"/api/v1/webhooks/hub", strings.NewReader(body))
	require.NoError(g.t, err)
	for name, value := range map[string]string{"Content-Type": "application/json", "X-Github-Event": event, "X-Github-Delivery": id,
		"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil))} {
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(g.t, err)
	defer response.Body.Close()
	return response.StatusCode
}

const pullRequest = `{"action":"opened","number":7,"pull_request":{"number":7,"title":"Ship the thing","state":"open","html_url":"https://github.com/acme/shop/pull/7","user":{"login":"ada"}},` +
	`"repository":{"full_name":"acme/shop"},"sender":{"login":"ada"}}`

// create makes the client hub of GitHub by the cards, and returns the secret that the page shows.
func (b *browser) createHub() string {
	b.visit("/admin/clients")
	b.click("New client")
	b.title("New client")
	b.screenshot("callers")
	b.press(`a[href$="source=github"]`)
	b.title("New client: GitHub")
	b.ownID("hub")
	b.screenshot("client-new-github")
	b.do(chromedp.Submit(chromedp.CSS(`#client input[name="id"]`)))
	b.title("is ready")
	b.shows("Waiting for the first call")
	require.Equal(b.t, b.gateway.url+"/api/v1/webhooks/hub", get(b, chromedp.TextContent(chromedp.CSS("#url"))))
	return get(b, chromedp.TextContent(chromedp.CSS("#secret")))
}

// Someone connects GitHub, and sees the first call arrive: first one with another secret, then GitHub's ping, then a pull request.
func TestTheFirstCallIsSeenToArrive(t *testing.T) {
	g := start(t, withOneAgent)
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	secret := b.createHub()
	for _, dark := range []bool{false, true} {
		b.dark(dark)
		for _, width := range []int64{1280, 375} {
			b.do(chromedp.EmulateViewport(width, 900))
			b.screenshot(fmt.Sprintf("client-hub-waiting-%d-dark-%v", width, dark))
		}
	}
	b.dark(false)
	b.do(chromedp.EmulateViewport(1280, 900))
	require.Equal(t, 401, g.deliver("pull_request", "1", "another-secret", pullRequest))
	b.shows("A call was refused: Wrong signature")
	b.screenshot("client-hub-refused")
	require.Equal(t, 200, g.deliver("ping", "2", secret, `{"zen":"Keep it logically awesome."}`))
	b.shows("authenticated by the signature of GitHub")
	b.shows("only tested the connection")
	require.Equal(t, 202, g.deliver("pull_request", "3", secret, pullRequest))
	b.shows("pull_request")
	b.shows("Ship the thing")
	b.shows("Completed")
	b.screenshot("client-hub-arrived")
	require.Equal(t, secret, get(b, chromedp.TextContent(chromedp.CSS("#secret"))), "the page was not loaded anew")
	b.click("Open run")
	b.onRun()
	b.shows("Ship the thing")
	b.visit("/admin/clients/hub")
	b.shows("by the signature of GitHub")
	require.NotContains(t, get(b, chromedp.OuterHTML(chromedp.CSS("html"))), secret)
	b.do(chromedp.EmulateViewport(375, 900))
	b.dark(true)
	b.screenshot("client-hub-375-dark")
	b.requireQuiet()
}

// The same without scripts: the page is loaded again by hand.
func TestTheFirstCallArrivesWithoutScripts(t *testing.T) {
	g := start(t, withOneAgent)
	b := open(t, g)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.login("correct horse")
	b.title("Overview")
	secret := b.createHub()
	b.click("refresh")
	b.title("Client hub")
	b.shows("Waiting for the first call")
	require.Equal(t, 401, g.deliver("pull_request", "1", "another-secret", pullRequest))
	b.reloadUntil("A call was refused: Wrong signature")
	require.Equal(t, 202, g.deliver("pull_request", "3", secret, pullRequest))
	b.reloadUntil("Completed")
	b.shows("Ship the thing")
	b.requireQuiet()
}

// reloadUntil loads the page again until it shows a text: refused calls are written in a moment.
func (b *browser) reloadUntil(text string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		b.do(chromedp.Reload(), chromedp.WaitReady(chromedp.CSS("body")))
		return get(b, chromedp.Evaluate[bool](fmt.Sprintf("document.body.innerText.includes(%q)", text)))
	}, patience, 200*1e6, "%s", text)
}
