package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
)

// posting is what chat.postMessage is sent (docs.slack.dev/reference/methods/chat.postMessage).
type posting struct {
	Channel string `json:"channel"`
	Text    string `json:"text"`
	Thread  string `json:"thread_ts"`
	Blocks  []struct {
		Type string `json:"type"`
		Text *struct {
			Type string `json:"type"`
			Text string `json:"text"`
		} `json:"text"`
		Elements []struct {
			Type string `json:"type"`
			Text string `json:"text"`
		} `json:"elements"`
	} `json:"blocks"`
}

// slack is a stand-in for Slack with one channel, which refuses what Slack's documentation does not let through.
type slack struct {
	*httptest.Server
	mu     sync.Mutex
	taken  []posting // those that it has taken
	stamps []string  // of them
}

func newSlack(t *testing.T) *slack {
	s := &slack{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		ts, refused := s.take(r, body)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if refused != "" {
			_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": refused})
			return
		}
		// It repeats what it makes of the message, which is longer than what is read of an answer.
		_, _ = fmt.Fprintf(w, `{"ok":true,"channel":"C024BE91L","ts":%q,"message":{"type":"message","text":%q}}`, ts, strings.Repeat("x", 20<<10))
	}))
	t.Cleanup(s.Close)
	return s
}

// take returns the timestamp of a message, or the word that refuses it.
func (s *slack) take(r *http.Request, body []byte) (ts, refused string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var p posting
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch err := json.Unmarshal(body, &p); {
	case r.Header.Get("Authorization") != "Bearer xoxb-t0ken":
		return "", "invalid_auth"
	case r.Method != http.MethodPost || kind != "application/json":
		return "", "invalid_post_type"
	case err != nil:
		return "", "invalid_json"
	case p.Channel != "C024BE91L":
		return "", "channel_not_found"
	case p.Text == "" && len(p.Blocks) == 0:
		return "", "no_text"
	case len(p.Blocks) > 50:
		return "", "invalid_blocks"
	}
	for _, b := range p.Blocks {
		switch {
		case b.Type == "section" && b.Text != nil && b.Text.Type == "mrkdwn" && b.Text.Text != "" && len([]rune(b.Text.Text)) <= 3000:
		case b.Type == "context" && len(b.Elements) > 0 && len(b.Elements) <= 10:
		default:
			return "", "invalid_blocks"
		}
	}
	if p.Thread != "" && !slices.Contains(s.stamps, p.Thread) {
		return "", "thread_not_found"
	}
	ts = fmt.Sprintf("1715675308.%06d", len(s.stamps)+1)
	s.taken, s.stamps = append(s.taken, p), append(s.stamps, ts)
	return ts, ""
}

// await waits until it has taken so many messages, and returns these.
func (s *slack) await(t *testing.T, n int) []posting {
	t.Helper()
	var list []posting
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		list = slices.Clone(s.taken)
		return len(list) >= n
	}, patience, 20*time.Millisecond)
	require.Len(t, list, n)
	return list
}

const slackFile = `
database: {url: %q}
egress: {allowPrivate: ["127.0.0.0/8"]}
providers: [{id: says, type: template, template: "Delete **old** logs."}]
agents: [{id: a, provider: says}]
clients: [{id: am, token: am-t0ken, source: alertmanager, auth: [basic], allowedAgents: [a]}]
endpoints: [{id: ops, url: %q, format: slack, secret: xoxb-t0ken, to: C024BE91L, retry: [100ms, 100ms, 100ms]}]
`

// An alert fires, grows and ends: one message in the channel, and what follows is in its thread.
func TestAlertsInAThreadOfSlack(t *testing.T) {
	s := newSlack(t)
	c := callers{start(t, load(t, fmt.Sprintf(slackFile, sqliteIn(t.TempDir()), s.URL+"/api/chat.postMessage")))}
	t.Cleanup(func() {
		if t.Failed() {
			list, _, err := c.deliveries.List(context.Background(), deliveries.Query{Limit: 20})
			for _, d := range list {
				t.Log(d.Type, d.Status, d.Attempts, d.Error)
			}
			t.Log(s.taken, err)
		}
	})
	am := startAlertmanager(t, c.url+"/api/v1/webhooks/am", "am-t0ken")
	began := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
	disk, busy := alertOf("db", "DiskFull", began), alertOf("db", "HighLoad", began)
	am.post(disk)
	first := s.await(t, 1)[0]
	am.awaitMore(1)
	require.Empty(t, first.Thread)
	require.Equal(t, "Delete *old* logs.", first.Blocks[1].Text.Text)

	am.post(busy)
	second := s.await(t, 2)[1]
	require.Equal(t, s.stamps[0], second.Thread, "a second answer about the same group")

	disk.EndsAt, busy.EndsAt = time.Now(), time.Now()
	am.post(disk, busy)
	last := s.await(t, 3)[2]
	require.Equal(t, s.stamps[0], last.Thread)
	require.Contains(t, last.Text, "Resolved: ")

	other := alertOf("web", "Down", began)
	am.post(other)
	require.Empty(t, s.await(t, 4)[3].Thread, "another group has its own")
	am.requireNoneFailed()
}

const shareFile = `
database: {url: %q}
server: {%s}
egress: {allowPrivate: ["127.0.0.0/8"]}
providers: [{id: says, type: template, template: "Delete **old** logs."}]
agents: [{id: shared, provider: says, share: true}, {id: own, provider: says}]
clients: [{id: ci, token: mgc_share0000000000000000000000000000000000000000, passthrough: true, allowedAgents: [shared, own]}]
endpoints: [{id: ops, url: %q, format: slack, secret: xoxb-t0ken, to: C024BE91L}]
`

// Without server.publicURL, links would lead the readers of a message to their own machine: it has none.
func TestAMessageHasNoLinkThatOnlyThisMachineOpens(t *testing.T) {
	s := newSlack(t)
	g := start(t, load(t, fmt.Sprintf(shareFile, sqliteIn(t.TempDir()), "", s.URL+"/api/chat.postMessage")))
	for i, agent := range []string{"shared", "own"} {
		g.ask(t, agent)
		blocks, err := json.Marshal(s.await(t, i+1)[i].Blocks)
		require.NoError(t, err)
		require.Contains(t, string(blocks), "logs")
		require.NotContains(t, string(blocks), "localhost")
		require.NotContains(t, string(blocks), "Open the run")
	}
}

// The link of a message opens for those who read it, where the agent shares its runs; else it leads to the run's page for admins.
func TestTheLinkOfAMessageOpens(t *testing.T) {
	s := newSlack(t)
	const public = "https://beckon.example.com"
	g := start(t, load(t, fmt.Sprintf(shareFile, sqliteIn(t.TempDir()), "publicURL: "+strconv.Quote(public), s.URL+"/api/chat.postMessage")))
	link := regexp.MustCompile(`<http[^|]+/(r|admin/runs)/run_[^|]+\|Open the run>`)
	for i, agent := range []string{"shared", "own"} {
		g.ask(t, agent)
		blocks := s.await(t, i+1)[i].Blocks
		found := link.FindStringSubmatch(blocks[len(blocks)-1].Elements[0].Text)
		require.NotNil(t, found, "%v", blocks)
		require.Equal(t, map[string]string{"shared": "r", "own": "admin/runs"}[agent], found[1])
		if agent == "shared" {
			address := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(found[0], "<"), "|Open the run>"), "&amp;", "&")
			opened, err := http.Get(strings.Replace(address, public, g.url, 1))
			require.NoError(t, err)
			page, err := io.ReadAll(opened.Body)
			require.NoError(t, err)
			require.NoError(t, opened.Body.Close())
			require.Contains(t, string(page), "Delete <strong>old</strong> logs.")
		}
	}
}

// ask starts a run of an agent of shareFile.
func (s *started) ask(t *testing.T, agent string) {
	r, err := http.NewRequest(http.MethodPost, s.url+"/api/v1/runs", strings.NewReader(`{"agent": "`+agent+`", "prompt": "x"}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer mgc_share0000000000000000000000000000000000000000")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
}
