package browser_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Someone who has only the page goes from nothing to the answer about an alert in Slack.
func TestFromNothingToSlack(t *testing.T) {
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/models") {
			_, _ = io.WriteString(w, `{"data":[{"id":"acme-small"},{"id":"acme-large"}]}`)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"usage": map[string]int{"total_tokens": 321}, "choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": causes}}}})
	}))
	t.Cleanup(model.Close)
	messages := make(chan []byte, 10)
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		messages <- body
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(slack.Close)
	g := start(t, "egress: {allowPrivate: [\"127.0.0.0/8\"]}\nadmin: {password: \"correct horse\"}\n")
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	b.shows("Get your first answer")
	b.screenshot("first-1-overview")

	b.press(`.vendors a[href*="vendor=other"]`)
	b.title("New provider")
	b.fill(`input[name="name"]`, "Acme")
	b.fill(`input[name="url"]`, model.URL+"/v1")
	b.fill(`input[name="apiKey"]`, "sk-of-this-test")
	b.click("Test connection")
	b.shows("acme-large")
	b.screenshot("first-2-provider")
	b.click("Create provider")
	b.shows("The provider is created and active.")
	b.screenshot("first-3-provider-created")
	b.click("create an agent")

	b.title("New agent")
	b.fill(`input[name="name"]`, "On call")
	b.until(`document.querySelector('[name="provider"]').value === "acme"`)
	b.click("Load the provider")
	b.until(`document.querySelector("#models option")`)
	b.fill(`input[name="model"]`, "acme-small")
	b.write(`textarea[name="systemPrompt"]`, "Explain the alert, and say what to check first.")
	b.screenshot("first-4-agent")
	b.click("Create agent")
	b.shows("The agent is created and active.")
	b.screenshot("first-5-agent-created")
	b.press(`.tabs [data-tab="try"]`)
	b.write("#try-prompt", "The disk of db1 is full.")
	b.press(`form[action$="/try"] button`)
	b.until(`document.querySelector("[data-answer]") && document.querySelector("[data-answer]").innerText.includes("WAL segments")`)
	b.until(`document.querySelector("#answer [data-used]").innerText.includes("321")`)
	b.screenshot("first-6-agent-tried")

	b.press(`nav a[href="/admin"]`)
	b.title("Overview")
	b.screenshot("first-7-overview")
	b.click("Choose who calls")
	b.title("who calls?")
	b.press(`a[href$="source=alertmanager"]`)
	b.title("New client: Alertmanager")
	b.fill(`input[name="name"]`, "Alerts")
	b.tick(`input[name="allowedAgents"][value="on-call"]`)
	b.screenshot("first-8-client")
	b.click("Create client")
	b.title("is ready")
	b.shows("Waiting for the first call…")
	b.screenshot("first-9-client-created")
	address, token := get(b, chromedp.TextContent(chromedp.CSS("#url"))), get(b, chromedp.TextContent(chromedp.CSS("#token")))

	b.press(`nav a[href="/admin"]`)
	b.title("Overview")
	b.click("Create an endpoint")
	b.title("New endpoint")
	b.fill(`input[name="name"]`, "Slack")
	b.tick(`input[name="format"][value="slack"]`)
	b.fill(`input[name="url"]`, slack.URL+"/services/T0/B0/x")
	b.screenshot("first-10-endpoint")
	b.click("Create endpoint")
	b.title("Slack")
	b.shows("Send a test")
	b.screenshot("first-11-endpoint-created")
	b.click("Send test")
	b.title("Delivery")
	await(t, g, messages)

	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(`{"version":"4","groupKey":"{}:{alertname=\"DiskFull\"}","status":"firing","commonLabels":{"alertname":"DiskFull","severity":"critical"},
		"alerts":[{"status":"firing","fingerprint":"a1","labels":{"alertname":"DiskFull","severity":"critical","instance":"db1:9100"},"annotations":{"summary":"/var is 98 % full"},"startsAt":"2026-02-18T03:12:00Z"}]}`))
	require.NoError(t, err)
	r.SetBasicAuth("beckon", token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	require.Contains(t, await(t, g, messages), "WAL segments")
	b.visit("/admin")
	b.title("Overview")
	b.until(`!document.querySelector("#setup")`)
	b.screenshot("first-12-overview")
	b.requireQuiet()
}

// await returns the next message that comes.
func await(t *testing.T, g *gateway, messages <-chan []byte) string {
	t.Helper()
	select {
	case body := <-messages:
		return string(body)
	case <-time.After(patience):
		require.Fail(t, "no message came", g.output.String())
		return ""
	}
}
