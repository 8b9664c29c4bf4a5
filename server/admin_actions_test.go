package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

// marked is what third parties have written, in its markers.
var marked = regexp.MustCompile(`<untrusted-[a-z2-7]{26}>(.*?)</untrusted-[a-z2-7]{26}>`)

func TestAdminPreview(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	g.has("/clients", `{"id":"alerts","passthrough":true,"allowedAgents":["a"],"template":"{{.body.title}} from {{index .headers \"x-from\"}} {{.query.page}}"}`)
	g.has("/clients", `{"id":"nightly","commandId":"daily","allowedAgents":["a"]}`)
	for name, test := range map[string]struct {
		client, body  string
		status        int
		prompt, agent string // or the code of the problem
	}{
		"a text":                   {"web", `{"contentType":"text/plain","body":"Write a haiku"}`, 200, "Write a haiku", "a"},
		"an object with a prompt":  {"web", `{"contentType":"application/json","body":"{\"prompt\":\"Hi\",\"agent\":\"f\"}"}`, 200, "Hi", "f"},
		"JSON as it is":            {"web", `{"body":{"prompt":"Hi"}}`, 200, "Hi", "a"},
		"JSON without a prompt":    {"web", `{"body":{"n":1.50}}`, 200, `{"n":1.50}`, "a"},
		"a form":                   {"web", `{"contentType":"application/x-www-form-urlencoded","body":"name=Mia&age=7"}`, 200, "name: Mia\nage: 7", "a"},
		"an agent of the query":    {"web", `{"body":"Hi","query":{"agent":"f"}}`, 200, "Hi", "f"},
		"a template":               {"alerts", `{"body":{"title":"Disk full"},"headers":{"X-From":"prometheus"},"query":{"page":"2"}}`, 200, "[Disk full] from [prometheus] [2]", "a"},
		"a command":                {"nightly", `{"body":"whatever"}`, 200, "Report.", "a"},
		"what the file has":        {"filed", `{"body":"Hi"}`, 200, "Hi", "filed"},
		"an empty prompt":          {"web", `{"body":""}`, 400, "", "empty_prompt"},
		"nothing":                  {"nightly", "", 200, "Report.", "a"},
		"nothing, but needed":      {"web", "", 400, "", "empty_prompt"},
		"the webhook's own":        {"alerts", `{"title":"Disk","body":1}`, 422, "", "template_failed"},
		"the webhook's own prompt": {"web", `{"prompt":"Hi","agent":"f"}`, 200, "Hi", "f"},
		"a member more":            {"web", `{"body":"Hi","extra":1}`, 200, `{"body":"Hi","extra":1}`, "a"},
		"without a body":           {"web", `{"query":{"agent":"f"}}`, 200, `{"query":{"agent":"f"}}`, "a"},
		"no JSON":                  {"web", `{"body":"Hi"`, 400, "", "invalid_json"},
		"headers of another kind":  {"web", `{"body":"Hi","headers":{"X":1},"query":[]}`, 400, "", "invalid_resource"},
		"an agent not allowed":     {"web", `{"body":"Hi","query":{"agent":"b"}}`, 403, "", "agent_not_allowed"},
		"a type nobody knows":      {"web", `{"contentType":"image/png","body":"x"}`, 415, "", "unsupported_media_type"},
		"a template without title": {"alerts", `{"body":{}}`, 422, "", "template_failed"},
		"no such client":           {"none", `{"body":"Hi"}`, 404, "", "client_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			a := g.admin(http.MethodPost, "/clients/"+test.client+"/preview", test.body)
			require.Equal(t, test.status, a.StatusCode, a.body)
			if test.status != 200 {
				code, _ := problemOf(t, a)
				require.Equal(t, test.agent, code)
				return
			}
			shown := a.json(t)
			shown["prompt"] = marked.ReplaceAllString(shown["prompt"].(string), "[$1]")
			require.Equal(t, map[string]any{"prompt": test.prompt, "agent": test.agent}, shown)
		})
	}
	a := g.admin(http.MethodPost, "/clients/web/preview", "a=1&b=2", "Content-Type: application/x-www-form-urlencoded")
	require.Equal(t, "a: 1\nb: 2", a.json(t)["prompt"])
	require.Equal(t, 415, g.admin(http.MethodPost, "/clients/web/preview", "x", "Content-Type: image/png").StatusCode)
	require.Empty(t, g.model.asked, "no model was called")
	require.Zero(t, g.countRuns())
}

func TestAdminRotatesTokens(t *testing.T) {
	g := newAdminGateway(t, setting{})
	first := g.fill()
	call := func(token string) int {
		return g.do(g.request("/api/v1/webhooks/web", "hi", "Authorization: Bearer "+token, "Content-Type: text/plain")).StatusCode
	}
	rotate := func(body string) string {
		a := g.admin(http.MethodPost, "/clients/web/token", body)
		require.Equal(t, 200, a.StatusCode, a.body)
		return a.json(t)["token"].(string)
	}
	second := rotate(`{"overlap":"24h"}`)
	require.Equal(t, []int{200, 200}, []int{call(first), call(second)})
	third := rotate("")
	require.Equal(t, []int{401, 401, 200}, []int{call(first), call(second), call(third)})
	require.Equal(t, 200, g.admin(http.MethodPost, "/clients/web/token", `{"overlap":"720h"}`).StatusCode)
	code, fields := problemOf(t, g.admin(http.MethodPost, "/clients/web/token", `{"overlap":"721h"}`))
	require.Equal(t, "invalid_resource", code)
	require.Equal(t, []string{"overlap"}, fields)
	code, fields = problemOf(t, g.admin(http.MethodPost, "/clients/web/token", `{"overlap":"soon"}`))
	require.Equal(t, "invalid_resource", code)
	require.Equal(t, []string{"overlap"}, fields)
	require.Equal(t, 409, g.admin(http.MethodPost, "/clients/filed/token", "").StatusCode)
	require.Equal(t, 404, g.admin(http.MethodPost, "/clients/none/token", "").StatusCode)
	require.Equal(t, 204, g.admin(http.MethodDelete, "/clients/web", "").StatusCode)
	require.Equal(t, 401, call(third))
}

// What a receiver has to verify with is shown once: with the client, with a new token, and when a new one is made.
func TestAdminShowsCallbackSecretsOnce(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	post := func(path, body string, status int) map[string]any {
		a := g.admin(http.MethodPost, "/clients"+path, body)
		require.Equal(t, status, a.StatusCode, a.body)
		return a.json(t)
	}
	fromToken := func(token any) string {
		return clients.CallbackSecret(clients.HashOf(token.(string))).Reveal()
	}
	made := post("", `{"name":"Call me","passthrough":true,"allowedAgents":["a"]}`, 201)
	require.Equal(t, "call-me", made["id"])
	require.Equal(t, fromToken(made["token"]), made["callbackSecret"])
	rotated := post("/call-me/token", `{"overlap":"1h"}`, 200)
	require.Equal(t, fromToken(rotated["token"]), rotated["callbackSecret"])

	replaced := post("/call-me/webhook-secret", "", 200)
	require.Equal(t, "call-me", replaced["id"])
	require.Regexp(t, "^whsec_", replaced["callbackSecret"])
	require.NotEqual(t, rotated["callbackSecret"], replaced["callbackSecret"])
	require.Nil(t, post("/call-me/token", "", 200)["callbackSecret"], "it stays")
	shown := g.admin(http.MethodGet, "/clients/call-me", "")
	require.Equal(t, "•••", shown.json(t)["webhookSecret"])
	audited := g.admin(http.MethodGet, "/audit?section=clients", "").body
	for _, secret := range []any{made["callbackSecret"], rotated["callbackSecret"], replaced["callbackSecret"]} {
		require.NotContains(t, shown.body+audited, secret)
	}
	require.Contains(t, audited, `"action":"rotate-secret"`)

	given := post("", `{"id":"given","passthrough":true,"allowedAgents":["a"],"webhookSecret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`, 201)
	require.Equal(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", given["callbackSecret"])
	_, fields := problemOf(t, g.admin(http.MethodPost, "/clients", `{"id":"x","passthrough":true,"allowedAgents":["a"],"callbackSecret":"whsec_x"}`))
	require.Equal(t, []string{"callbackSecret"}, fields)
	_, fields = problemOf(t, g.admin(http.MethodPost, "/clients", `{"name":"日報","passthrough":true,"allowedAgents":["a"]}`))
	require.Equal(t, []string{"id"}, fields)
	require.Equal(t, 409, g.admin(http.MethodPost, "/clients/filed/webhook-secret", "").StatusCode)
	require.Equal(t, 404, g.admin(http.MethodPost, "/clients/none/webhook-secret", "").StatusCode)
}

// receiver is an endpoint that answers what the test wants.
func newReceiver(t *testing.T) (address string, status *atomic.Int64, got chan *http.Request) {
	status, got = &atomic.Int64{}, make(chan *http.Request, 100)
	status.Store(200)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- r
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, "received")
	}))
	t.Cleanup(s.Close)
	return s.URL, status, got
}

func TestAdminEndpoints(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newAdminGateway(t, setting{store: s})
		token := g.fill()
		address, status, got := newReceiver(t)
		made := g.has("/endpoints", `{"id":"ops","url":"`+address+`/hook","events":["run.completed"],"retry":["168h"],"headers":{"X-Team":"t3am"}}`).json(t)
		require.Regexp(t, "^whsec_", made["secret"])
		read := g.admin(http.MethodGet, "/endpoints/ops", "").json(t)
		require.Equal(t, "•••", read["secret"])
		require.Equal(t, map[string]any{"X-Team": "•••"}, read["headers"])
		require.Equal(t, []any{"168h"}, read["retry"])

		tested := g.admin(http.MethodPost, "/endpoints/ops/test", "")
		require.Equal(t, 200, tested.StatusCode, tested.body)
		require.Equal(t, "t3am", (<-got).Header.Get("X-Team"))
		d := tested.json(t)
		require.Equal(t, "DELIVERED", d["status"])
		attempt := d["attempts"].([]any)[0].(map[string]any)
		require.Equal(t, "received", attempt["responseBody"])
		require.EqualValues(t, 200, attempt["statusCode"])
		require.Equal(t, d["id"], g.admin(http.MethodGet, "/deliveries/"+d["id"].(string), "").json(t)["id"])

		// A run whose event nobody takes is sent again by hand.
		status.Store(500)
		a := g.do(g.request("/api/v1/webhooks/web", "hi", "Authorization: Bearer "+token, "Content-Type: text/plain"))
		require.Equal(t, 200, a.StatusCode, a.body)
		run := a.Header.Get("Beckon-Run-Id")
		<-got
		var waiting map[string]any
		require.Eventually(t, func() bool {
			items := g.admin(http.MethodGet, "/deliveries?endpoint=ops&status=PENDING&run="+run, "").json(t)["items"].([]any)
			if len(items) == 1 {
				waiting = items[0].(map[string]any)
			}
			return len(items) == 1 && waiting["attemptCount"] == 1.0
		}, patience, 5*time.Millisecond)
		require.EqualValues(t, 500, waiting["statusCode"])
		found := "type=run.completed&client=web&since=1h&until=2999-01-01T00:00:00Z&event=" + waiting["eventId"].(string)
		items := g.admin(http.MethodGet, "/deliveries?"+found, "").json(t)["items"].([]any)
		require.Len(t, items, 1)
		require.Equal(t, waiting["id"], items[0].(map[string]any)["id"])
		for _, other := range []string{"type=run.failed", "client=x", "since=2999-01-01T00:00:00Z", "until=1h", "event=evt_x"} {
			name, _, _ := strings.Cut(other, "=")
			one := regexp.MustCompile(name+`=[^&]*`).ReplaceAllString(found, other)
			require.Empty(t, g.admin(http.MethodGet, "/deliveries?"+one, "").json(t)["items"], other)
		}
		require.NotNil(t, waiting["dueAt"])
		trouble := g.admin(http.MethodGet, "/stats", "").json(t)
		require.Equal(t, "ops", trouble["endpointsInTrouble"].([]any)[0].(map[string]any)["endpointId"])
		require.EqualValues(t, 1, trouble["deliveries"].(map[string]any)["byStatus"].(map[string]any)["PENDING"])
		require.NotNil(t, g.admin(http.MethodGet, "/endpoints/ops", "").json(t)["failingSince"])

		disabled := g.admin(http.MethodPost, "/endpoints/ops/disable", "")
		require.Equal(t, 200, disabled.StatusCode, disabled.body)
		require.NotNil(t, disabled.json(t)["disabledAt"])
		refused := g.admin(http.MethodPost, "/deliveries/"+waiting["id"].(string)+"/resend", "")
		require.Equal(t, 409, refused.StatusCode)
		code, _ := problemOf(t, refused)
		require.Equal(t, "endpoint_disabled", code)
		enabled := g.admin(http.MethodPost, "/endpoints/ops/enable", "")
		require.Equal(t, 200, enabled.StatusCode, enabled.body)
		require.Nil(t, enabled.json(t)["disabledAt"])
		status.Store(200)
		resent := g.admin(http.MethodPost, "/deliveries/"+waiting["id"].(string)+"/resend", "")
		require.Equal(t, 202, resent.StatusCode, resent.body)
		<-got
		require.Eventually(t, func() bool {
			return g.admin(http.MethodGet, "/deliveries/"+waiting["id"].(string), "").json(t)["status"] == "DELIVERED"
		}, patience, 5*time.Millisecond)

		// What failed is sent again as a whole.
		require.NoError(t, s.Write(context.Background(), func(tx store.Tx) error {
			return tx.Exec("UPDATE deliveries SET status = 'FAILED', completed_at = created_at WHERE reason <> 'test'")
		}))
		since := url.QueryEscape(time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
		recovered := g.admin(http.MethodPost, "/endpoints/ops/recover", fmt.Sprintf(`{"since":%q}`, strings.ReplaceAll(since, "%3A", ":")))
		require.Equal(t, 202, recovered.StatusCode, recovered.body)
		require.EqualValues(t, 1, recovered.json(t)["recovered"])
		<-got
		for _, body := range []string{`{"since":"yesterday"}`, `{}`} {
			_, fields := problemOf(t, g.admin(http.MethodPost, "/endpoints/ops/recover", body))
			require.Len(t, fields, 1)
		}

		rotated := g.admin(http.MethodPost, "/endpoints/ops/secret", "").json(t)
		require.Regexp(t, "^whsec_", rotated["secret"])
		require.NotEqual(t, made["secret"], rotated["secret"])
		require.NotNil(t, g.admin(http.MethodGet, "/endpoints/ops", "").json(t)["previousSecretUntil"])
		for _, action := range []string{"secret", "test", "enable", "disable"} {
			require.Equal(t, 404, g.admin(http.MethodPost, "/endpoints/none/"+action, "").StatusCode, action)
		}
		require.Equal(t, 404, g.admin(http.MethodPost, "/deliveries/dlv_none/resend", "").StatusCode)
		require.Equal(t, 404, g.admin(http.MethodGet, "/deliveries/dlv_none", "").StatusCode)

		var actions []string
		for _, e := range g.admin(http.MethodGet, "/audit?section=endpoints&id=ops", "").json(t)["items"].([]any) {
			actions = append(actions, e.(map[string]any)["action"].(string))
		}
		require.Equal(t, []string{"rotate", "recover", "enable", "disable", "test", "create"}, actions)
		once := []string{made["secret"].(string), rotated["secret"].(string)}
		for i, said := range g.said {
			if strings.Contains(said, once[0]) || strings.Contains(said, once[1]) {
				once = append(once, fmt.Sprint(i))
			}
		}
		require.Len(t, once, 4, "each secret was shown once")
	})
}

func TestAdminRunsAndStats(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newAdminGateway(t, setting{store: s})
		token := g.fill()
		call := func(client, token, agent string) answer {
			return g.do(g.request("/api/v1/webhooks/"+client+"?agent="+agent, "hi", "Authorization: Bearer "+token, "Content-Type: text/plain"))
		}
		ids := map[string]string{}
		ids["a"] = call("web", token, "a").Header.Get("Beckon-Run-Id")
		ids["f"] = call("web", token, "f").Header.Get("Beckon-Run-Id")
		ids["filed"] = call("filed", "t0ken-of-file", "").Header.Get("Beckon-Run-Id")
		g.model.does(func(w http.ResponseWriter, _ *http.Request, _ string) { http.Error(w, "no", http.StatusBadRequest) })
		failed := call("web", token, "a")
		require.Equal(t, 502, failed.StatusCode, failed.body)
		ids["failed"] = failed.Header.Get("Beckon-Run-Id")

		list := func(query string) (got []string) {
			for _, item := range g.admin(http.MethodGet, "/runs"+query, "").json(t)["items"].([]any) {
				got = append(got, item.(map[string]any)["runId"].(string))
			}
			return got
		}
		require.Equal(t, []string{ids["failed"], ids["filed"], ids["f"], ids["a"]}, list(""))
		require.Equal(t, []string{ids["filed"]}, list("?client=filed"))
		require.Equal(t, []string{ids["f"]}, list("?agent=f"))
		require.Equal(t, []string{ids["failed"]}, list("?status=FAILED"))
		first := g.admin(http.MethodGet, "/runs?limit=3", "").json(t)
		require.Equal(t, []string{ids["a"]}, list("?limit=3&cursor="+first["nextCursor"].(string)))

		run := g.admin(http.MethodGet, "/runs/"+ids["f"], "").json(t)
		require.Len(t, run["nodes"], 2)
		require.Equal(t, "web", run["clientId"])
		require.Equal(t, 404, g.admin(http.MethodGet, "/runs/run_none", "").StatusCode)

		stats := g.admin(http.MethodGet, "/stats", "").json(t)
		ofRuns := stats["runs"].(map[string]any)
		require.EqualValues(t, 4, ofRuns["total"])
		require.EqualValues(t, 0.75, ofRuns["successRate"])
		require.Equal(t, map[string]any{"QUEUED": 0.0, "RUNNING": 0.0, "COMPLETED": 3.0, "FAILED": 1.0, "CANCELED": 0.0}, ofRuns["byStatus"])
		require.Greater(t, ofRuns["tokens"], 0.0)
		require.Len(t, stats["hours"], 25)
		last := stats["lastFailures"].([]any)
		require.Len(t, last, 1)
		require.Equal(t, ids["failed"], last[0].(map[string]any)["runId"])
		require.NotEmpty(t, last[0].(map[string]any)["error"].(map[string]any)["code"])
		require.Equal(t, []any{}, stats["endpointsInTrouble"])
		require.Len(t, g.admin(http.MethodGet, "/stats?since=2h", "").json(t)["hours"], 3)
		_, err := time.Parse("2006-01-02T15:04:05.000Z", stats["since"].(string))
		require.NoError(t, err)
	})
}
