package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/freeport"
	"beckon/runs"
)

const alertmanagerBinary = "/usr/bin/prometheus-alertmanager"

// alertmanager is a real one.
type alertmanager struct {
	t   *testing.T
	url string
}

// startAlertmanager starts Debian's, which tells one receiver: a client's webhook, with basic_auth and nothing else.
func startAlertmanager(t *testing.T, webhook, token string) alertmanager {
	if _, err := os.Stat(alertmanagerBinary); err != nil {
		require.FailNow(t, "there is no Alertmanager: install Debian's package prometheus-alertmanager, or run make needs", err.Error())
	}
	folder := t.TempDir()
	file := filepath.Join(folder, "alertmanager.yml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
route: {receiver: beckon, group_by: [group], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1s}
receivers:
  - name: beckon
    webhook_configs: [{url: %q, http_config: {basic_auth: {username: beckon, password: %q}}}]
`, webhook, token), 0o600))
	address, err := freeport.Address()
	require.NoError(t, err)
	var log bytes.Buffer
	command := exec.Command(alertmanagerBinary, "--config.file="+file, "--storage.path="+folder, "--web.listen-address="+address,
		"--cluster.listen-address=", "--log.level=warn")
	command.Stdout, command.Stderr = &log, &log
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	a := alertmanager{t, "http://" + address}
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, patience, 20*time.Millisecond)
	return a
}

// posted is an alert as Alertmanager's API takes it.
type posted struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt,omitzero"`
}

func (a alertmanager) post(list ...posted) {
	a.t.Helper()
	body, err := json.Marshal(list)
	require.NoError(a.t, err)
	r, err := http.Post(a.url+"/api/v2/alerts", "application/json", bytes.NewReader(body))
	require.NoError(a.t, err)
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	require.Equal(a.t, 200, r.StatusCode, string(text))
}

// count reads one of its metrics about webhooks: how many notifications it has sent, and how many have failed.
func (a alertmanager) count(metric string) int {
	a.t.Helper()
	r, err := http.Get(a.url + "/metrics")
	require.NoError(a.t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	require.NoError(a.t, err)
	all := 0
	for _, found := range regexp.MustCompile(`(?m)^`+metric+`\{[^}]*integration="webhook"[^}]*\} (\d+)`).FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(found[1])
		require.NoError(a.t, err)
		all += n
	}
	return all
}

// awaitMore waits until it has sent so many notifications more, and none has failed.
func (a alertmanager) awaitMore(n int) {
	a.t.Helper()
	want := a.count("alertmanager_notifications_total") + n
	require.Eventually(a.t, func() bool { return a.count("alertmanager_notifications_total") >= want }, patience, 50*time.Millisecond)
	a.requireNoneFailed()
}

func (a alertmanager) requireNoneFailed() {
	a.t.Helper()
	require.Zero(a.t, a.count("alertmanager_notifications_failed_total"))
	require.Zero(a.t, a.count("alertmanager_notification_requests_failed_total"), "not a single request has failed")
}

const alertmanagerFile = `
database: {url: %q}
admin: {password: "a password", token: adm1n}
egress: {allowPrivate: ["127.0.0.0/8"]}
providers: [{id: model, type: openai, url: %q, apiKey: k, maxRetries: 0}]
agents: [{id: a, provider: model, model: m}]
clients:
  - {id: am, token: am-t0ken, source: alertmanager, auth: [basic], allowedAgents: [a]}
  - {id: busy, token: busy-t0ken, source: alertmanager, auth: [basic], allowedAgents: [a], maxConcurrent: 1, rateLimit: {requests: 1, per: 1h}}
endpoints: [{id: ops, url: %q, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [event.resolved]}]
`

// withAlertmanager is a gateway, and an Alertmanager that calls one of its clients.
func withAlertmanager(t *testing.T, client string, held bool) (*coalescing, alertmanager) {
	m := newModel(t, held)
	url, events := receiver(t)
	c := &coalescing{callers{start(t, load(t, fmt.Sprintf(alertmanagerFile, sqliteIn(t.TempDir()), m.URL, url)))}, m, events}
	return c, startAlertmanager(t, c.url+"/api/v1/webhooks/"+client, client+"-t0ken")
}

func (c *coalescing) list() []*runs.Run {
	c.t.Helper()
	list, _, err := c.runs.List(context.Background(), runs.Query{Limit: 100})
	require.NoError(c.t, err)
	return list
}

func (c *coalescing) awaitRuns(n int) []*runs.Run {
	c.t.Helper()
	require.Eventually(c.t, func() bool { return len(c.list()) >= n }, patience, 20*time.Millisecond)
	return c.list()
}

func alertOf(group, name string, at time.Time) posted {
	return posted{Labels: map[string]string{"group": group, "alertname": name, "severity": "critical"}, Annotations: map[string]string{"summary": name + " is broken"}, StartsAt: at}
}

// An alert's whole life: one run however often it is told of, its end is told, and it fires anew.
func TestARealAlertmanager(t *testing.T) {
	c, am := withAlertmanager(t, "am", false)
	began := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
	disk := alertOf("db", "DiskFull", began)
	nameless := posted{Labels: map[string]string{"group": "odd", "host": "h1"}, StartsAt: began}
	am.post(disk, nameless)
	for _, run := range c.awaitRuns(2) {
		c.awaitEnd(run.ID)
	}
	am.awaitMore(4) // it repeats both
	list := c.list()
	require.Len(t, list, 2, "one run for each group, however often it is repeated")
	inputs := map[string]string{}
	for _, run := range list {
		require.Len(t, c.get(run.ID).Inputs, 1)
		inputs[c.get(run.ID).Inputs[0].Key] = run.Input + c.get(run.ID).Input
	}
	require.Contains(t, inputs[`{}:{group="db"}`], "DiskFull is broken")
	require.Contains(t, inputs[`{}:{group="odd"}`], "host=h1", "an alert without a name is one as well")

	disk.EndsAt = time.Now()
	am.post(disk)
	event := <-c.events
	require.Contains(t, event, `"type":"event.resolved"`)
	require.Contains(t, event, `"key":"{}:{group=\"db\"}"`)
	am.awaitMore(1)
	require.Len(t, c.list(), 2, "that it is resolved starts nothing")

	am.post(alertOf("db", "DiskFull", time.Now()))
	c.awaitRuns(3)
	am.awaitMore(2)
	require.Len(t, c.list(), 3, "and a new firing has one run")
	am.requireNoneFailed()
}

// A storm of 500 groups: at most six runs start in the minute, and each alert is in one of them, or in the one that waits.
func TestAStormOfAlerts(t *testing.T) {
	c, am := withAlertmanager(t, "am", false)
	const groups = 500
	all := make([]posted, groups)
	for i := range all {
		all[i] = alertOf(fmt.Sprint("group ", i), "Down", time.Now().Add(-time.Minute))
	}
	am.post(all...)
	seen := map[string]int{}
	require.Eventually(t, func() bool {
		clear(seen)
		for _, run := range c.list() {
			for _, in := range c.get(run.ID).Inputs {
				seen[in.Fingerprint]++
			}
		}
		return len(seen) == groups
	}, 3*patience, 200*time.Millisecond)
	for fingerprint, n := range seen {
		require.Equal(t, 1, n, fingerprint)
	}
	waiting := 0
	for _, run := range c.list() {
		if run.NotBefore.After(time.Now()) {
			waiting++
		}
	}
	require.LessOrEqual(t, len(c.list())-waiting, 6, "maxRuns in a minute")
	require.Equal(t, 1, waiting, "and the storm waits for its turn")
	am.requireNoneFailed()
}

// A busy agent and a used-up rate have runs wait. Alertmanager hears of neither.
func TestAlertsThatWait(t *testing.T) {
	c, am := withAlertmanager(t, "busy", true)
	for i := range 4 {
		am.post(alertOf(fmt.Sprint("group ", i), "Down", time.Now().Add(-time.Minute)))
		c.awaitRuns(i + 1)
	}
	<-c.model.asked
	am.awaitMore(4)
	statuses := map[runs.Status]int{}
	for _, run := range c.list() {
		statuses[run.Status]++
	}
	require.Equal(t, map[runs.Status]int{runs.Running: 1, runs.Queued: 3}, statuses)
	close(c.model.hold)
	for _, run := range c.list() {
		require.Equal(t, runs.Completed, c.awaitEnd(run.ID).Status)
	}
	am.requireNoneFailed()
}
