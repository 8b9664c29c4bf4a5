package browser_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// causes is what the model says of the alert in the README.
const causes = "**`/var` on `db1` is full, and grows by 2% an hour.**\n\n" +
	"1. Archived WAL segments pile up: `du -sh /var/lib/postgresql/*/main/pg_wal`\n" +
	"2. A log is not rotated: `journalctl --disk-usage`\n" +
	"3. Old backups are kept: `ls -lt /var/backups | head`\n\n" +
	"Start with the first, which was the cause twice this year: see the [runbook](https://wiki.example.com/db1/disk)."

// slackMessage is what Slack's incoming webhooks take (docs.slack.dev/messaging/sending-messages-using-incoming-webhooks).
type slackMessage struct {
	Text   string
	Blocks []struct {
		Type     string
		Text     struct{ Type, Text string }
		Elements []struct{ Type, Text string }
	}
}

var readmeBlock = regexp.MustCompile("(?s)<!-- file: alerts.yaml -->\n```yaml\n(.*?)\n```")

// The README's way from an alert to a message of Slack goes as it says, and its picture is of the message that Beckon sends.
func TestFromAlertToSlack(t *testing.T) {
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": causes}}}})
	}))
	t.Cleanup(model.Close)
	taken := make(chan []byte, 10)
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		taken <- body
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(slack.Close)

	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)
	block := readmeBlock.FindSubmatch(readme)
	require.NotNil(t, block, "the README has no alerts.yaml")
	config := strings.NewReplacer("https://api.openai.com", model.URL, "${OPENAI_API_KEY}", "key", "${ALERTMANAGER_TOKEN}", "a-token-of-this-test", "${SLACK_WEBHOOK}", slack.URL+"/services/T0/B0/x").
		Replace(string(block[1])) + "\negress: {allowPrivate: [\"127.0.0.0/8\"]}\nadmin: {password: a-password-of-this-test}\n"
	g := start(t, config)
	r, err := http.NewRequest(http.MethodPost, g.url+"/api/v1/webhooks/alerts", strings.NewReader(`{"version":"4","groupKey":"{}:{alertname=\"DiskFull\"}","status":"firing",
		"commonLabels":{"alertname":"DiskFull","severity":"critical"},"alerts":[{"status":"firing","fingerprint":"a1","labels":{"alertname":"DiskFull","severity":"critical","instance":"db1:9100"},
		"annotations":{"summary":"/var is 98% full"},"startsAt":"2026-02-18T03:12:00Z"}]}`))
	require.NoError(t, err)
	r.SetBasicAuth("beckon", "a-token-of-this-test")
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusAccepted, response.StatusCode)

	var body []byte
	select {
	case body = <-taken:
	case <-time.After(patience):
		require.Fail(t, "no message came", g.output.String())
	}
	var m slackMessage
	require.NoError(t, json.Unmarshal(body, &m))
	require.Contains(t, m.Text, "db1")
	page := m.page(t)
	require.Contains(t, page, `<a href="https://wiki.example.com/db1/disk">runbook</a>`)
	require.Contains(t, page, "<code>du -sh /var/lib/postgresql/*/main/pg_wal</code>")

	chat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page)
	}))
	t.Cleanup(chat.Close)
	b := open(t, g)
	b.do(chromedp.Navigate(chat.URL), chromedp.WaitVisible(chromedp.CSS("#message")))
	b.shows("A log is not rotated")
	if folder := os.Getenv("BECKON_SCREENSHOTS"); folder != "" {
		picture := get(b, chromedp.Screenshot(chromedp.CSS("#message")))
		require.NoError(t, os.WriteFile(filepath.Join(folder, "slack.png"), picture, 0o644))
	}
}

// Each piece of mrkdwn that the message has, as HTML (docs.slack.dev/messaging/formatting-message-text).
var mrkdwn = []struct {
	written *regexp.Regexp
	shown   string
}{
	{regexp.MustCompile("`([^`\n]+)`"), "<code>$1</code>"},
	{regexp.MustCompile(`<(https?://[^|>]+)\|([^>]+)>`), `<a href="$1">$2</a>`},
	{regexp.MustCompile(`\*([^*\n]+)\*`), "<b>$1</b>"},
	{regexp.MustCompile(`:white_check_mark:`), `<span class="good">✓</span>`},
	{regexp.MustCompile("\n"), "<br>"},
}

// page is a chat that has the message.
func (m slackMessage) page(t *testing.T) string {
	show := func(kind, text string) string {
		require.Equal(t, "mrkdwn", kind)
		parts := regexp.MustCompile("`[^`\n]+`").FindAllString(text, -1)
		for i, p := range parts { // what stands in code has no other marks
			text = strings.Replace(text, p, fmt.Sprintf("\x00%d\x00", i), 1)
		}
		for _, piece := range mrkdwn[1:] {
			text = piece.written.ReplaceAllString(text, piece.shown)
		}
		for i, p := range parts {
			text = strings.Replace(text, fmt.Sprintf("\x00%d\x00", i), mrkdwn[0].written.ReplaceAllString(p, mrkdwn[0].shown), 1)
		}
		return text
	}
	var b strings.Builder
	for _, block := range m.Blocks {
		switch block.Type {
		case "section":
			b.WriteString("<p>" + show(block.Text.Type, block.Text.Text) + "</p>")
		case "context":
			for _, e := range block.Elements {
				b.WriteString("<p class=context>" + show(e.Type, e.Text) + "</p>")
			}
		default:
			require.Fail(t, "a block of another type", html.EscapeString(block.Type))
		}
	}
	return `<!doctype html><title>Chat</title><link rel=icon href=data:,><style>
body{margin:0;background:#fff}
#message{display:grid;grid-template-columns:36px 1fr;gap:0 10px;width:700px;padding:14px 16px;font:15px/1.47 Lato,"DejaVu Sans",sans-serif;color:#1d1c1d;box-sizing:border-box}
.face{width:36px;height:36px;border-radius:6px;background:#24405e;color:#fff;text-align:center;line-height:36px;font-weight:700}
h1{font-size:15px;margin:0 0 4px}small{color:#616061;font-weight:400;font-size:12px}
.app{background:#e8e8e8;border-radius:2px;font-size:10px;padding:1px 3px;font-weight:700;color:#616061}
p{margin:0 0 8px}.context{font-size:13px;margin:0}a{color:#1264a3;text-decoration:none}
code{background:#f6f6f6;border:1px solid #ddd;border-radius:3px;color:#c01343;padding:1px 3px;font:12px "DejaVu Sans Mono",monospace}
.good{background:#2eb67d;color:#fff;border-radius:4px;padding:0 4px;font-size:12px}
</style><div id=message><div class=face>B</div><div><h1>Beckon <span class=app>APP</span> <small>3:12 AM</small></h1>` + b.String() + `</div></div>`
}
