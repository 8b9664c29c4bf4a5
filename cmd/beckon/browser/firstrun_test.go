package browser_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// trial counts what somebody does on the way: the pages that they see, the fields that they type into, and the clicks.
type trial struct {
	*browser
	pages          []string
	fields, clicks int
}

// at waits for a page, and counts it.
func (s *trial) at(title string) {
	s.t.Helper()
	s.title(title)
	s.pages = append(s.pages, title)
	s.screenshot(fmt.Sprintf("first-%d", len(s.pages)))
}

func (s *trial) types(selector, text string) {
	s.t.Helper()
	s.fields++
	s.write(selector, text)
}

func (s *trial) presses(selector string) {
	s.t.Helper()
	s.clicks++
	s.press(selector)
}

func (s *trial) clicksOn(text string) {
	s.t.Helper()
	s.clicks++
	s.click(text)
}

// What the way from nothing to an alert's answer in Slack may take.
const (
	maxTrialPages  = 8
	maxTrialFields = 8
	maxTrialClicks = 10
)

// Someone who has only the page goes from an empty folder to an alert's answer in Slack, along what the pages offer, and on few pages.
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
	// Both stand-ins are on this machine, where Slack is not: that is all the file is for.
	g := start(t, "egress: {allowPrivate: [\"127.0.0.0/8\"]}\n")
	s := &trial{browser: open(t, g)}
	begun := time.Now()

	s.visit("/admin")
	s.at("Beckon")
	s.types("#password", g.password)
	s.clicksOn("Log in")
	s.at("Overview")
	s.shows("Get your first answer")
	s.presses(`.vendors a[href*="vendor=other"]`)

	s.at("New provider")
	s.types(`input[name="name"]`, "Acme")
	require.Equal(t, "acme", get(s.browser, chromedp.TextContent(chromedp.CSS("[data-id]"))), "the ID follows the name")
	s.types(`input[name="url"]`, model.URL+"/v1")
	s.types(`input[name="apiKey"]`, "sk-of-this-test")
	s.clicksOn("Test connection")
	s.shows("acme-large")
	s.clicksOn("Create provider")

	s.at("New agent")
	s.shows("Next, create an agent that uses it.")
	require.Equal(t, "acme", s.browser.value(`[name="provider"]`), "it is chosen already")
	s.types(`input[name="name"]`, "On call")
	s.types(`input[name="model"]`, "acme-small")
	s.types(`textarea[name="systemPrompt"]`, "Explain the alert, and say what to check first.")
	s.clicksOn("Create agent")

	s.at("On call")
	s.clicksOn("Create a client")
	s.at("New client")
	s.presses(`a[href*="source=alertmanager"]`)
	s.at("New client: Alertmanager")
	require.True(t, get(s.browser, chromedp.Evaluate[bool](`document.querySelector('[name="allowedAgents"][value="on-call"]').checked`)), "it is chosen already")
	s.presses(`input[name="newEndpoint"][value="slack"]`)
	s.shows("api.slack.com/apps")
	s.types(`input[name="endpointURL"]`, slack.URL+"/services/T0/B0/x")
	s.clicksOn("Create client")

	s.at("Alertmanager is ready")
	s.shows("Slack: Alertmanager")
	address, token := get(s.browser, chromedp.TextContent(chromedp.CSS("#url"))), get(s.browser, chromedp.TextContent(chromedp.CSS("#token")))
	s.clicksOn("Send a test call now")
	s.until(`document.querySelector("#answer [data-answer]") && document.querySelector("#answer [data-answer]").innerText.includes("WAL segments")`)
	s.until(`document.querySelector("#answer #rendered li")`) // as the page of the run shows it
	s.until(`document.querySelector("#answers .state.DELIVERED")`)
	require.Contains(t, await(t, g, messages), "Firing: /var on db1 is 98% full")
	s.screenshot("first-tested")
	t.Logf("%d pages, %d fields, %d clicks, %s", len(s.pages), s.fields, s.clicks, time.Since(begun).Round(time.Second/10))
	require.LessOrEqual(t, len(s.pages), maxTrialPages, s.pages)
	require.LessOrEqual(t, s.fields, maxTrialFields)
	require.LessOrEqual(t, s.clicks, maxTrialClicks)

	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(`{"version":"4","groupKey":"{}:{alertname=\"DiskFull\"}","status":"firing","commonLabels":{"alertname":"DiskFull","severity":"critical"},
		"alerts":[{"status":"firing","fingerprint":"a1","labels":{"alertname":"DiskFull","severity":"critical","instance":"db1:9100"},"annotations":{"summary":"/var is full"},"startsAt":"2026-02-18T03:12:00Z"}]}`))
	require.NoError(t, err)
	r.SetBasicAuth("beckon", token)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	said := await(t, g, messages)
	require.Contains(t, said, "WAL segments")
	require.Contains(t, said, "Firing: /var is full")
	s.shows("authenticated by the client's token")
	s.until(`document.querySelector("#arrival pre")`)
	const markers = "The model gets these markers too."
	s.shows(markers)
	sent := get(s.browser, chromedp.TextContent(chromedp.CSS("#arrival pre")))
	s.press(`#arrival a[href^="/admin/runs/run_"]`)
	s.onRun()
	s.shows(markers)
	require.Equal(t, sent, get(s.browser, chromedp.TextContent(chromedp.CSS(`pre[aria-label="Input"]`))), "both pages show what the model got")

	s.visit("/admin")
	s.title("Overview")
	s.until(`!document.querySelector("#setup")`)
	s.shows("All set.")
	s.screenshot("all-set")
	s.click("Dismiss")
	s.until(`document.readyState === "complete" && !document.querySelector("#all-set")`)
	s.requireQuiet()
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
