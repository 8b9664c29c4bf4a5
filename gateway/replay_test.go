package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls/kept"
	"beckon/runs"
)

const replayingFile = `
server: {secretsKey: "a key for the secrets of this test"}
database: {url: %q}
admin: {password: "a password", token: adm1n}
egress: {allowPrivate: ["127.0.0.0/8"]}
providers: [{id: model, type: openai, url: %q, apiKey: k, maxRetries: 0}, {id: echo, type: template, template: "{{.prompt}}"}]
agents: [{id: a, provider: model, model: m}, {id: echo, provider: echo}]
clients:
  - {id: keeps, token: planted-token-of-keeps, passthrough: true, allowedAgents: [a, echo], keepRequests: 3}
  - {id: keeps-none, token: planted-token-of-none, passthrough: true, allowedAgents: [echo]}
  - {id: in-query, token: planted-token-of-query, auth: [{scheme: query, name: pass}, {scheme: header, name: X-Pass}, bearer], passthrough: true, allowedAgents: [echo], keepRequests: 100,
     template: "{{.body.alert.name}} {{.query.env}}"}
  - {id: alerts, token: planted-token-of-alerts, source: alertmanager, allowedAgents: [echo], keepRequests: 2, filter: "event.severity != 'critical'"}
`

// replaying is a gateway whose model fails while broken is set.
type replaying struct {
	callers
	broken   atomic.Bool
	database string
}

func newReplaying(t *testing.T, database string) *replaying {
	c := &replaying{database: database}
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.broken.Load() {
			http.Error(w, "broken", http.StatusBadRequest)
			return
		}
		var request struct{ Stream bool }
		_ = json.NewDecoder(r.Body).Decode(&request)
		if request.Stream {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"fine\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
			return
		}
		fmt.Fprint(w, `{"choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]}`)
	}))
	t.Cleanup(model.Close)
	c.callers = callers{start(t, load(t, fmt.Sprintf(replayingFile, database, model.URL)))}
	return c
}

// do calls the admin API and reads its answer.
func (c *replaying) do(method, path, body string) (status int, answer map[string]any) {
	c.t.Helper()
	r, err := http.NewRequest(method, c.url+"/api/v1/admin"+path, strings.NewReader(body))
	require.NoError(c.t, err)
	r.Header.Set("Authorization", "Bearer adm1n")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := c.client.Do(r)
	require.NoError(c.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	if len(text) > 0 {
		require.NoError(c.t, json.Unmarshal(text, &answer), string(text))
	}
	return response.StatusCode, answer
}

func (c *replaying) requests(client string) (list []map[string]any) {
	c.t.Helper()
	status, answer := c.do(http.MethodGet, "/clients/"+client+"/requests", "")
	require.Equal(c.t, 200, status, answer)
	for _, item := range answer["items"].([]any) {
		list = append(list, item.(map[string]any))
	}
	return list
}

func (c *replaying) awaitEnd(id string) *runs.Run {
	c.t.Helper()
	var run *runs.Run
	require.Eventually(c.t, func() bool {
		var err error
		run, err = c.runs.Get(c.t.Context(), id)
		return err == nil && run.Status.Ended()
	}, patience, 5*time.Millisecond)
	return run
}

// replay replays a run or a request, and returns the run that has come of it.
func (c *replaying) replay(path string) *runs.Run {
	c.t.Helper()
	status, answer := c.do(http.MethodPost, path+"/replay", "")
	require.Equal(c.t, 202, status, answer)
	id := answer["runId"].(string)
	require.Equal(c.t, "/api/v1/admin/runs/"+id, answer["url"])
	return c.awaitEnd(id)
}

// A call that the template of its client could not read works once the template is corrected.
func TestReplayAfterATemplateWasCorrected(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		c := newReplaying(t, database)
		const client = `{"id":"team","passthrough":true,"allowedAgents":["echo"],"keepRequests":10,"template":%q}`
		status, made := c.do(http.MethodPost, "/clients", fmt.Sprintf(client, "{{.body.alert.name.first}}"))
		require.Equal(t, 201, status, made)
		require.EqualValues(t, 10, made["keepRequests"])
		body := `{"alert":{"name":"disk full"}}`
		r, answer := c.post("team?env=prod", body, "Authorization: Bearer "+made["token"].(string), asJSON)
		require.Equal(t, 422, r.StatusCode, answer)

		list := c.requests("team")
		require.Len(t, list, 1)
		require.Equal(t, "template_failed", list[0]["code"])
		require.Nil(t, list[0]["runId"])
		require.Equal(t, r.Header.Get("X-Request-Id"), list[0]["requestId"])
		path := "/clients/team/requests/" + list[0]["id"].(string)
		_, detail := c.do(http.MethodGet, path, "")
		require.Equal(t, body, detail["body"])
		status, refused := c.do(http.MethodPost, path+"/replay", "")
		require.Equal(t, 422, status)
		require.Equal(t, "template_failed", refused["code"])
		require.Len(t, c.requests("team"), 1, "a replay is not kept again")

		status, changed := c.do(http.MethodPut, "/clients/team", fmt.Sprintf(client, "{{.body.alert.name}} in {{.query.env}}"))
		require.Equal(t, 200, status, changed)
		run := c.replay(path)
		require.Equal(t, "disk full in prod", run.Output)
		require.Equal(t, list[0]["id"], run.ReplayOf)
		require.Equal(t, runs.SourcePage, run.Source)
		again := c.replay("/runs/" + run.ID)
		require.Equal(t, list[0]["id"], again.ReplayOf, "the same request")
		_, document := c.do(http.MethodGet, "/runs/"+run.ID, "")
		require.Equal(t, list[0]["id"], document["replayOf"])
		require.Contains(t, c.admin(t, "/api/v1/admin/audit?section=clients&id=team"), `"action":"replay"`)

		for _, other := range []string{"/clients/keeps/requests/" + list[0]["id"].(string), "/clients/team/requests/req_01ARZ3NDEKTSV4RRFFQ69G5FAV"} {
			status, answer := c.do(http.MethodGet, other, "")
			require.Equal(t, 404, status)
			require.Equal(t, kept.CodeNotKept, answer["code"])
			status, _ = c.do(http.MethodPost, other+"/replay", "")
			require.Equal(t, 404, status)
		}
		status, _ = c.do(http.MethodGet, "/clients/nobody/requests", "")
		require.Equal(t, 404, status)

		status, changed = c.do(http.MethodPut, "/clients/team", strings.Replace(fmt.Sprintf(client, "x"), `"keepRequests":10,`, "", 1))
		require.Equal(t, 200, status, changed)
		require.Empty(t, c.requests("team"), "who keeps none any more has none")
	})
}

func TestReplayOfAFailedRun(t *testing.T) {
	c := newReplaying(t, sqliteIn(t.TempDir()))
	token := "Authorization: Bearer planted-token-of-keeps"
	c.broken.Store(true)
	r, answer := c.post("keeps", `{"prompt":"why?","metadata":{"team":"web"},"webhook":{"url":"http://127.0.0.1:65001/hook","headers":{"X-Own":"planted-callback-key"}}}`,
		token, asJSON, `Idempotency-Key: "once"`)
	require.Equal(t, 502, r.StatusCode, answer)
	failed := r.Header.Get("Beckon-Run-Id")
	c.broken.Store(false)
	run := c.replay("/runs/" + failed)
	require.Equal(t, "fine", run.Output)
	require.Equal(t, failed, run.ReplayOf)
	require.Equal(t, "why?", run.Input)
	require.JSONEq(t, `{"team":"web"}`, string(run.Metadata))
	require.Empty(t, run.Callback, "its caller is not told twice")
	require.Equal(t, failed, c.replay("/runs/"+run.ID).ReplayOf, "a replay has no request of its own")

	// A run of the runs API is replayed as one, by the administrator.
	request, err := http.NewRequest(http.MethodPost, c.url+"/api/v1/nodes/echo/run", strings.NewReader(`{"input":{"a":1},"sessionId":"s"}`))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer planted-token-of-keeps")
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	first := c.awaitEnd(response.Header.Get("Beckon-Run-Id"))
	second := c.replay("/runs/" + first.ID)
	require.Equal(t, first.Input, second.Input)
	require.Equal(t, "echo", second.WorkflowID)
	require.Equal(t, "s", second.SessionID)

	// A call that is repeated has no second run, and no second request.
	require.Len(t, c.requests("keeps"), 2)
	r, _ = c.post("keeps", "not the same", token, `Idempotency-Key: "twice"`)
	first = c.run(r)
	r, _ = c.post("keeps", "not the same", token, `Idempotency-Key: "twice"`)
	require.Equal(t, first.ID, r.Header.Get("Beckon-Run-Id"))
	require.Len(t, c.requests("keeps"), 3)

	// Erasing a run deletes its request.
	status, _ := c.do(http.MethodDelete, "/runs/"+failed+"/content", "")
	require.Equal(t, 204, status)
	require.Len(t, c.requests("keeps"), 2)
	status, refused := c.do(http.MethodPost, "/runs/"+failed+"/replay", "")
	require.Equal(t, 404, status)
	require.Equal(t, kept.CodeNotKept, refused["code"])
	require.Contains(t, refused["detail"], "keepRequests")
	status, _ = c.do(http.MethodPost, "/runs/"+run.ID+"/replay", "")
	require.Equal(t, 404, status)
}

func TestOnlySoManyRequestsAreKept(t *testing.T) {
	c := newReplaying(t, sqliteIn(t.TempDir()))
	bearer := func(name string) []string { return []string{"Authorization: Bearer planted-token-of-" + name} }
	for i := range 101 {
		r, answer := c.post("in-query?env=x", fmt.Sprintf(`{"alert":{"name":"%d"}}`, i), append(bearer("query"), asJSON)...)
		require.Equal(t, 200, r.StatusCode, answer)
	}
	var all []any
	cursor := ""
	for {
		_, page := c.do(http.MethodGet, "/clients/in-query/requests?limit=40&cursor="+cursor, "")
		all = append(all, page["items"].([]any)...)
		if page["nextCursor"] == nil {
			break
		}
		cursor = page["nextCursor"].(string)
	}
	require.Len(t, all, 100)
	_, oldest := c.do(http.MethodGet, "/clients/in-query/requests/"+all[99].(map[string]any)["id"].(string), "")
	require.Equal(t, `{"alert":{"name":"1"}}`, oldest["body"], "the first of 101 is gone")

	r, answer := c.post("keeps-none?agent=echo", "hello", bearer("none")...)
	require.Equal(t, 200, r.StatusCode, answer)
	require.Empty(t, c.requests("keeps-none"))
	status, refused := c.do(http.MethodPost, "/runs/"+r.Header.Get("Beckon-Run-Id")+"/replay", "")
	require.Equal(t, 404, status)
	require.Contains(t, refused["detail"], "keepRequests: 100")

	// What is too large is noted, without its body.
	r, answer = c.post("keeps?agent=echo", strings.Repeat("x", kept.MaxBody+1), bearer("keeps")...)
	require.Equal(t, 200, r.StatusCode, answer)
	large := c.requests("keeps")[0]
	require.Equal(t, kept.TooLarge, large["omitted"])
	require.EqualValues(t, kept.MaxBody+1, large["bytes"])
	status, refused = c.do(http.MethodPost, "/runs/"+r.Header.Get("Beckon-Run-Id")+"/replay", "")
	require.Equal(t, 404, status)
	require.Contains(t, refused["detail"], "262144")

	// A call that the filter of its client has skipped is kept too.
	r, answer = c.post("alerts", strings.Replace(firing, `"severity":"warning"`, `"severity":"critical"`, 1), append(bearer("alerts"), asJSON)...)
	require.Contains(t, []int{200, 202}, r.StatusCode, answer)
	require.Len(t, c.requests("alerts"), 1)
}

// Whatever proves who calls is nowhere in the database, wherever in the request it stands.
func TestKeptRequestsHaveNoCredentials(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		c := newReplaying(t, database)
		secrets := []string{"planted-token-of-query", "planted-token-of-keeps", "planted-cookie", "planted-signature-0123456789", "planted-callback-key", "planted-key-in-query"}
		tokens := "planted-token-of-query"
		for _, row := range []struct {
			path, body string
			header     []string
		}{
			{"in-query?env=prod&pass=" + tokens, `{"alert":{"name":"x"},"seen":"` + tokens + `"}`, []string{asJSON, "X-Original-Uri: /webhooks/in-query?pass=" + tokens}},
			{"in-query?env=prod&apiKey=planted-key-in-query-0123", `{"alert":{"name":"x"}}`, []string{asJSON, "X-Pass: " + tokens, "X-Copy: " + tokens, "Cookie: session=planted-cookie"}},
			{"in-query?env=prod", `{"alert":{"name":"x"}}`, []string{asJSON, "Authorization: Bearer " + tokens, "X-Hub-Signature-256: sha256=planted-signature-0123456789", "X-Plain: kept"}},
			{"keeps?agent=echo", `{"prompt":"x","webhook":{"url":"http://127.0.0.1:65001/","headers":{"X-Own":"planted-callback-key"}}}`, []string{asJSON, "Authorization: Bearer planted-token-of-keeps"}},
			{"keeps?agent=echo", `{"prompt":"x","webhook":{"headers":{"X-Own":"planted-callback-key"}`, []string{asJSON, "Authorization: Bearer planted-token-of-keeps"}},
		} {
			r, answer := c.post(row.path, row.body, row.header...)
			require.Contains(t, []int{200, 400}, r.StatusCode, answer)
		}
		list := c.requests("in-query")
		require.Len(t, list, 3)
		require.Equal(t, []any{"kept"}, list[0]["headers"].(map[string]any)["X-Plain"])
		for _, item := range list {
			require.Equal(t, []any{"prod"}, item["query"].(map[string]any)["env"])
			require.Len(t, item["query"], 1)
			require.Equal(t, []any{"application/json"}, item["headers"].(map[string]any)["Content-Type"])
		}
		_, masked := c.do(http.MethodGet, "/clients/in-query/requests/"+list[2]["id"].(string), "")
		require.Equal(t, `{"alert":{"name":"x"},"seen":"•••"}`, masked["body"])
		list = c.requests("keeps")
		require.Len(t, list, 2)
		require.Equal(t, kept.Unreadable, list[0]["omitted"])
		_, without := c.do(http.MethodGet, "/clients/keeps/requests/"+list[1]["id"].(string), "")
		require.Equal(t, `{"prompt":"x"}`, without["body"])
		c.end()
		all := dumpOf(t, c.database)
		require.Contains(t, all, "req_")
		for _, s := range secrets {
			if i := strings.Index(all, s); i >= 0 {
				require.Fail(t, "a credential is kept", "%q: …%q…", s, all[max(i-300, 0):min(i+100, len(all))])
			}
			require.NotContains(t, all, url.QueryEscape(s))
		}
	})
}
