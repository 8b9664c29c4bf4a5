package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const scheduledFile = `
egress: {allowPrivate: [127.0.0.1/32]}
endpoints: [{id: e, url: %q, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [client.silent, run.completed]}]
`

// A gateway runs clients by themselves, and tells of one that is silent; after a restart not again.
func TestAScheduleAndASilentClient(t *testing.T) {
	told := make(chan map[string]any, 1000)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event map[string]any
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &event); err != nil {
			t.Error(err)
		}
		told <- event
	}))
	t.Cleanup(receiver.Close)
	file := strings.Replace(smallFile, `admin: {password: "a password"}`, `admin: {password: "a password", token: "adm1n-token"}`, 1)
	file = strings.Replace(file, "clients: [", `clients: [{id: tick, schedule: "@every 1s", prompt: "Tick.", allowedAgents: [a]}, {id: backup, token: s3cret, passthrough: true, allowedAgents: [a], expectEvery: 1s}, `, 1)
	c := load(t, fmt.Sprintf(file+scheduledFile, sqliteIn(t.TempDir()), receiver.URL))
	await := func(kind string) map[string]any {
		t.Helper()
		for {
			select {
			case event := <-told:
				if event["type"] == kind {
					return event
				}
				require.NotEqual(t, "client.silent", event["type"], "it was told of already")
			case <-time.After(patience):
				require.Fail(t, "there was no "+kind)
			}
		}
	}
	for restart := range 2 {
		s := start(t, c)
		if restart == 0 {
			require.Equal(t, "backup", await("client.silent")["data"].(map[string]any)["clientId"])
		}
		var run, client map[string]any
		s.read("/admin/runs/"+await("run.completed")["runId"].(string), &run)
		require.Equal(t, []any{"schedule", "tick", "Tick.", "re: Tick."}, []any{run["source"], run["clientId"], run["input"], run["output"]})
		for range 2 {
			await("run.completed")
		}
		s.read("/admin/clients/tick", &client)
		require.Equal(t, []any{"@every 1s", nil, "once", nil}, []any{client["schedule"], client["timezone"], client["missed"], client["expectEvery"]})
		require.Greater(t, client["nextRunAt"], client["lastRunAt"])
		require.Regexp(t, "^run_", client["lastRunId"])
		s.read("/admin/clients/backup", &client)
		require.NotNil(t, client["silentSince"])
		require.Nil(t, client["lastCallAt"])
		if restart == 1 {
			status, _ := s.call("backup", "s3cret", "hi")
			require.Equal(t, 200, status)
			require.NotNil(t, await("client.silent")["data"].(map[string]any)["lastCallAt"])
		}
		s.end()
	}
}

// read reads a document of the admin API.
func (s *started) read(path string, into any) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.url+"/api/v1"+path, nil)
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer adm1n-token")
	response, err := s.client.Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	require.Equal(s.t, http.StatusOK, response.StatusCode, path)
	require.NoError(s.t, json.NewDecoder(response.Body).Decode(into))
}
