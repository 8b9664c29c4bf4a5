package crash_test

import (
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
