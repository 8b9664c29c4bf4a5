package crash_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/store/storetest"
)

// channel is a stand-in for a channel of Slack. Of each message it keeps the run that it is about.
type channel struct {
	*httptest.Server
	mu      sync.Mutex
	held    bool
	holding chan struct{}   // a message is held
	taken   map[string]bool // the runs that there are messages about
}

// newChannel returns a channel that does not answer its first message, as if the gateway died before it heard the answer.
func newChannel(t testing.TB) *channel {
	c := &channel{taken: map[string]bool{}, holding: make(chan struct{})}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		first := !c.held
		c.held = true
		c.taken[linkedRun.FindString(string(body))] = true
		c.mu.Unlock()
		if first {
			close(c.holding)
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(c.Close)
	return c
}

var linkedRun = regexp.MustCompile(`/admin/runs/run_[0-9A-Z]{26}`)

// count is how many runs there are messages about: with an answer, or with why there is none.
func (c *channel) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.taken)
}

// alerts are fewer than what a source lets through at once; of more, the rest wait and are answered together.
const alerts = 5

func alertName(i int) string { return fmt.Sprintf("Alert%dOfMany", i) }

// fire is what Alertmanager posts of an alert.
func fire(t testing.TB, g *process, name string) {
	r, err := http.NewRequest(http.MethodPost, g.url+"/api/v1/webhooks/alerts", strings.NewReader(fmt.Sprintf(`{"version":"4","groupKey":%[1]q,"status":"firing","commonLabels":{"alertname":%[1]q},
		"alerts":[{"status":"firing","fingerprint":%[1]q,"labels":{"alertname":%[1]q},"annotations":{},"startsAt":"2026-02-18T03:12:00Z"}]}`, name)))
	require.NoError(t, err)
	r.SetBasicAuth("beckon", "am-t0ken0000000000000")
	r.Header.Set("Content-Type", "application/json")
	answer, err := web.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
}

// A kill -9 on the way from an alert to the message in the channel: while the model is asked, while the channel has a message and has
// not said so, and while others are made, sent and recorded. The channel hears of each accepted alert.
func TestKilledBetweenAnAlertAndItsMessage(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlant(t, url)
		chat := newChannel(t)
		config, err := os.ReadFile(p.config)
		require.NoError(t, err)
		text := strings.Replace(string(config), "clients: [", "clients: [{id: alerts, token: am-t0ken0000000000000, source: alertmanager, auth: [basic], allowedAgents: [one-retried]}, ", 1) +
			fmt.Sprintf("endpoints: [{id: chat, format: slack, url: %q, clients: [alerts], retry: [100ms, 100ms, 100ms]}]\n", chat.URL+"/services/T0/B0/x")
		require.NoError(t, os.WriteFile(p.config, []byte(text), 0o600))

		release := p.model.hold("one")
		g := p.start()
		for i := range alerts {
			fire(t, g, alertName(i))
		}
		require.Eventually(t, func() bool {
			p.model.mu.Lock()
			defer p.model.mu.Unlock()
			return len(p.model.asked) > 0
		}, patience, 20*time.Millisecond)
		g.kill() // while the model is asked
		release()

		g = p.start()
		select {
		case <-chat.holding:
		case <-time.After(patience):
			require.Fail(t, "no message came", g.log.String())
		}
		g.kill() // while the channel has a message and has not said so

		g = p.start()
		require.Eventually(t, func() bool { return chat.count() > alerts/2 }, patience, 5*time.Millisecond, "few alerts have a message")
		g.kill() // while others are made, sent and recorded

		p.start()
		require.Eventually(t, func() bool { return chat.count() == alerts }, patience, 20*time.Millisecond, "some alerts have no message")
	})
}

// host is a stand-in for the comments of an issue on GitHub. It does not answer the first one that it writes.
type host struct {
	*httptest.Server
	mu      sync.Mutex
	texts   []string
	holding chan struct{} // a comment is written, and nobody knows
}

func newHost(t testing.TB) *host {
	h := &host{holding: make(chan struct{})}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var comment struct {
			ID   int    `json:"id"`
			Body string `json:"body"`
		}
		h.mu.Lock()
		if r.Method == http.MethodGet {
			defer h.mu.Unlock()
			list := []any{}
			for i, text := range h.texts {
				comment.ID, comment.Body = i+1, text
				list = append(list, comment)
			}
			_ = json.NewEncoder(w).Encode(list)
			return
		}
		_ = json.NewDecoder(r.Body).Decode(&comment)
		h.texts = append(h.texts, comment.Body)
		comment.ID = len(h.texts)
		h.mu.Unlock()
		if comment.ID == 1 {
			close(h.holding)
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(comment)
	}))
	t.Cleanup(h.Close)
	return h
}

// A kill -9 between a host's comment and its record: the comment is there once.
func TestKilledBetweenACommentAndItsRecord(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, url string) {
		p := newPlant(t, url)
		h := newHost(t)
		config, err := os.ReadFile(p.config)
		require.NoError(t, err)
		text := strings.Replace(string(config), "clients: [", "clients: [{id: issues, source: github, secret: s3cret-s3cret-s3cret, allowedAgents: [echo]}, ", 1) +
			fmt.Sprintf("endpoints: [{id: comments, format: github, url: %q, secret: t0ken, repositories: [acme/*], clients: [issues], retry: [100ms, 100ms, 100ms]}]\n", h.URL)
		require.NoError(t, os.WriteFile(p.config, []byte(text), 0o600))
		g := p.start()
		issue := `{"action":"opened","issue":{"number":7,"title":"Disk full","html_url":"https://github.com/acme/shop/issues/7","user":{"login":"ada"}},
			"repository":{"full_name":"acme/shop","html_url":"https://github.com/acme/shop"},"sender":{"login":"ada"}}`
		mac := hmac.New(sha256.New, []byte("s3cret-s3cret-s3cret"))
		mac.Write([]byte(issue))
		r, err := http.NewRequest(http.MethodPost, g.url+"/api/v1/webhooks/issues", strings.NewReader(issue))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", "issues")
		r.Header.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		answer, err := web.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, http.StatusAccepted, answer.StatusCode)
		select {
		case <-h.holding:
		case <-time.After(patience):
			require.Fail(t, "no comment came", g.log.String())
		}
		g.kill()

		g = p.start()
		require.Eventually(t, func() bool { return strings.Contains(g.log.String(), `"msg":"delivery attempted"`) }, patience, 20*time.Millisecond)
		h.mu.Lock()
		defer h.mu.Unlock()
		require.Len(t, h.texts, 1, g.log.String())
		require.Contains(t, h.texts[0], "<!-- beckon:")
	})
}
