package server_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
)

const fileWithEndpoint = `
endpoints: [{id: filed, url: "http://127.0.0.1:9999/hook?key=f1le-key", secret: whsec_c3RvcmVkc3RvcmVkc3RvcmVkc3RvcmVk, events: [endpoint.disabled], enabled: true}]
`

// endpoint reads an endpoint, and returns its ETag with it.
func (g *adminGateway) endpoint(id string) (document map[string]any, tag string) {
	a := g.admin(http.MethodGet, "/endpoints/"+id, "")
	require.Equal(g.t, 200, a.StatusCode, a.body)
	return a.json(g.t), a.Header.Get("ETag")
}

// put sends a document as it was read, with changes.
func (g *adminGateway) put(path string, document map[string]any, headers []string, changes ...any) answer {
	for i := 0; i < len(changes); i += 2 {
		document[changes[i].(string)] = changes[i+1]
	}
	body, err := json.Marshal(document)
	require.NoError(g.t, err)
	return g.admin(http.MethodPut, path, string(body), headers...)
}

// Whatever has disabled an endpoint, it says so, and a change enables it again.
func TestAdminEnablesAnEndpoint(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newAdminGateway(t, setting{store: s})
		token := g.fill()
		address, status, got := newReceiver(t)
		g.has("/endpoints", `{"id":"ops","url":"`+address+`/hook","events":["run.completed"],"retry":["10ms","10ms","10ms","10ms"]}`)
		called := func() {
			a := g.do(g.request("/api/v1/webhooks/web", "hi", "Authorization: Bearer "+token, "Content-Type: text/plain"))
			require.Equal(t, 200, a.StatusCode, a.body)
		}
		_, before := g.endpoint("ops")
		status.Store(410)
		called()
		<-got
		require.Eventually(t, func() bool { d, _ := g.endpoint("ops"); return d["enabled"] == false }, patience, 5*time.Millisecond)
		document, tag := g.endpoint("ops")
		require.Equal(t, "gone", document["disabledReason"])
		require.NotEqual(t, before, tag, "it is another document")
		require.Equal(t, 412, g.put("/endpoints/ops", document, []string{"If-Match: " + before}, "enabled", true).StatusCode)

		document, _ = g.endpoint("ops")
		a := g.put("/endpoints/ops", document, nil)
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Equal(t, false, a.json(t)["enabled"])
		require.Equal(t, "gone", a.json(t)["disabledReason"])
		require.Empty(t, got, "as it was read: nothing has changed")
		a = g.admin(http.MethodPost, "/endpoints/ops/enable", "")
		require.Equal(t, 200, a.StatusCode, a.body)
		<-got // and 410 again, which may come before the answer above
		require.Eventually(t, func() bool { d, _ := g.endpoint("ops"); return d["enabled"] == false }, patience, 5*time.Millisecond)

		status.Store(204)
		document, _ = g.endpoint("ops")
		a = g.put("/endpoints/ops", document, nil, "enabled", true)
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Equal(t, []any{true, nil, nil}, []any{a.json(t)["enabled"], a.json(t)["disabledAt"], a.json(t)["disabledReason"]})
		<-got // what has waited
		entries := g.admin(http.MethodGet, "/audit?section=endpoints&id=ops&limit=1", "").json(t)["items"].([]any)
		require.Equal(t, false, entries[0].(map[string]any)["before"].(map[string]any)["enabled"])
		require.Nil(t, entries[0].(map[string]any)["after"].(map[string]any)["enabled"])

		document, _ = g.endpoint("ops")
		require.Equal(t, false, g.put("/endpoints/ops", document, nil, "enabled", false).json(t)["enabled"])
		called()
		require.Equal(t, 204, g.admin(http.MethodDelete, "/endpoints/ops", "").StatusCode)
		g.has("/endpoints", `{"id":"ops","url":"`+address+`/hook","events":["run.completed"]}`)
		document, _ = g.endpoint("ops")
		require.Equal(t, true, document["enabled"])
		<-got // what has waited for one of this id
	})
}

func TestAdminDisablesTheEndpointOfAFile(t *testing.T) {
	g := newAdminGateway(t, setting{file: fileWithEndpoint})
	g.fill()
	a := g.admin(http.MethodPost, "/endpoints/filed/disable", "")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, []any{false, "by_hand", "config"}, []any{a.json(t)["enabled"], a.json(t)["disabledReason"], a.json(t)["managedBy"]})
	a = g.admin(http.MethodPost, "/endpoints/filed/enable", "")
	require.Equal(t, []any{true, nil}, []any{a.json(t)["enabled"], a.json(t)["disabledReason"]})
}

func TestAdminReplacesSecrets(t *testing.T) {
	g := newAdminGateway(t, setting{})
	token := g.fill()
	url, got := newListener(t)
	first := secret.String(g.has("/endpoints", `{"id":"ops","url":"`+url+`","events":["run.completed"]}`).json(t)["secret"].(string))
	second, third := signature.NewSecret(signature.Standard), signature.NewSecret(signature.Standard)
	document, _ := g.endpoint("ops")
	a := g.put("/endpoints/ops", document, nil, "secret", second.Reveal())
	require.Equal(t, 200, a.StatusCode, a.body)
	require.NotNil(t, a.json(t)["previousSecretUntil"])
	for body, want := range map[string][]string{`{"secret":"hunter22"}`: {"secret"}, `{"secrets":"x"}`: {"secrets"}, `{"secret":"•••"}`: {"secret"}} {
		code, fields := problemOf(t, g.admin(http.MethodPost, "/endpoints/ops/secret", body))
		require.Equal(t, "invalid_resource", code)
		require.Equal(t, want, fields)
	}
	a = g.admin(http.MethodPost, "/endpoints/ops/secret", `{"secret":"`+third.Reveal()+`"}`)
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, third.Reveal(), a.json(t)["secret"])
	a = g.admin(http.MethodPost, "/endpoints/ops/secret", `{}`)
	require.Equal(t, 200, a.StatusCode, a.body)
	fourth := secret.String(a.json(t)["secret"].(string))

	g.do(g.request("/api/v1/webhooks/web", "hi", "Authorization: Bearer "+token, "Content-Type: text/plain"))
	x := next(t, got)
	for i, key := range []secret.String{first, second, third, fourth} {
		_, err := signature.Verify(x.header, x.body, key, "", time.Now())
		require.NoError(t, err, "secret %d", i+1)
	}
	hasNone(t, g.said[len(g.said)-1:], first.Reveal(), second.Reveal(), third.Reveal())
}

func TestAdminMakesTokensItself(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	const client = `"passthrough":true,"allowedAgents":["a"]`
	for i, token := range []string{`"mgc_mine"`, `""`, "null"} {
		want := []int{400, 400, 201}[i]
		a := g.admin(http.MethodPost, "/clients", `{"id":"new",`+client+`,"token":`+token+`}`)
		require.Equal(t, want, a.StatusCode, a.body)
		if want == 400 {
			code, fields := problemOf(t, a)
			require.Equal(t, "invalid_resource", code)
			require.Equal(t, []string{"token"}, fields)
			require.NotContains(t, a.body, "mgc_mine")
		}
	}
	require.Equal(t, 400, g.admin(http.MethodPut, "/clients/web", `{`+client+`,"token":"mgc_mine"}`).StatusCode)
	require.Equal(t, 200, g.admin(http.MethodPut, "/clients/web", `{`+client+`,"token":null}`).StatusCode)
}

// A query may hold a key: nobody sees its values, and what comes back as it was shown keeps them.
func TestAdminHidesTheKeysOfURLs(t *testing.T) {
	g := newAdminGateway(t, setting{file: fileWithEndpoint})
	g.fill()
	address, _, got := newReceiver(t)
	g.has("/endpoints", `{"id":"ops","url":"`+address+`/hook?t=h00k-key&v=1"}`)
	g.has("/providers", `{"id":"q","type":"openai","url":"https://example.com/v1?key=m0del-key"}`)
	document, _ := g.endpoint("ops")
	require.Equal(t, address+"/hook?t=•••&v=•••", document["url"])
	a := g.put("/endpoints/ops", document, nil, "name", "Ops")
	require.Equal(t, 200, a.StatusCode, a.body)
	a = g.put("/endpoints/ops", document, nil, "url", address+"/hook?t=•••&v=2")
	require.Equal(t, 200, a.StatusCode, a.body)
	for _, url := range []string{address + "/other?t=•••", address + "/hook?x=•••", "https://example.com/hook?t=•••"} {
		code, fields := problemOf(t, g.put("/endpoints/ops", document, nil, "url", url))
		require.Equal(t, "invalid_resource", code)
		require.Contains(t, fields, "url")
	}
	require.Equal(t, 400, g.admin(http.MethodPost, "/endpoints", `{"id":"new","url":"https://example.com/hook?t=•••"}`).StatusCode)
	require.Equal(t, 200, g.admin(http.MethodPost, "/endpoints/ops/test", "").StatusCode)
	require.Equal(t, "t=h00k-key&v=2", (<-got).URL.RawQuery)

	provider := g.admin(http.MethodGet, "/providers/q", "").json(t)
	require.Equal(t, "https://example.com/v1?key=•••", provider["url"])
	require.Equal(t, 200, g.put("/providers/q", provider, nil, "name", "Q").StatusCode)
	kept, err := catalog.Of[agents.Provider](g.editor).Get(t.Context(), "q")
	require.NoError(t, err)
	require.Equal(t, "https://example.com/v1?key=m0del-key", kept.Item.URL)
	require.Equal(t, 400, g.put("/providers/q", provider, nil, "url", "https://example.com/v2?key=•••").StatusCode)

	require.Equal(t, 200, g.put("/providers/q", provider, nil, "url", "https://example.com/v1?key=an0ther").StatusCode)
	audit := g.admin(http.MethodGet, "/audit?section=providers&id=q", "").body
	require.Contains(t, audit, "https://example.com/v1?key=••• (new)", "that it has changed is seen")
	for _, path := range []string{"/endpoints", "/providers", "/deliveries", "/audit"} {
		g.admin(http.MethodGet, path, "")
	}
	filed, _ := g.endpoint("filed")
	require.Equal(t, "http://127.0.0.1:9999/hook?key=•••", filed["url"])
	hasNone(t, g.said, "h00k-key", "m0del-key", "an0ther", "f1le-key")
}

// The names of headers are the same in upper and lower case; a mask that stands for nothing is no value.
func TestAdminKeepsHeadersThatAreMasked(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	address, _, got := newReceiver(t)
	g.has("/endpoints", `{"id":"ops","url":"`+address+`","headers":{"X-Key":"t3am"}}`)
	endpoint, _ := g.endpoint("ops")
	provider := g.admin(http.MethodGet, "/providers/p", "").json(t)
	for path, document := range map[string]map[string]any{"/endpoints/ops": endpoint, "/providers/p": provider} {
		a := g.put(path, document, nil, "headers", map[string]any{"x-key": "•••"})
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Equal(t, map[string]any{"x-key": "•••"}, a.json(t)["headers"])
		code, fields := problemOf(t, g.put(path, document, nil, "headers", map[string]any{"X-Key": "•••", "X-New": "•••"}))
		require.Equal(t, "invalid_resource", code)
		require.Equal(t, []string{"headers.X-New"}, fields)
		code, fields = problemOf(t, g.put(path, document, nil, "headers", map[string]any{"X-Key": "•••", "x-key": "•••"}))
		require.Equal(t, "invalid_resource", code)
		require.Equal(t, []string{"headers.x-key"}, fields)
		_, fields = problemOf(t, g.put(path, document, nil, "url", "https://elsewhere.example", "headers", map[string]any{"X-KEY": "•••"}))
		require.Contains(t, fields, "headers.X-KEY", "what is kept goes nowhere else")
	}
	document, _ := g.endpoint("ops")
	_, fields := problemOf(t, g.put("/endpoints/ops", document, nil, "headers", map[string]any{"x-key": "•••", "Content-Encoding": "gzip", "webhook_id": "x"}))
	require.Equal(t, []string{"headers.Content-Encoding", "headers.webhook_id"}, fields)
	require.Equal(t, 200, g.admin(http.MethodPost, "/endpoints/ops/test", "").StatusCode)
	require.Equal(t, "t3am", (<-got).Header.Get("X-Key"))
	kept, err := catalog.Of[agents.Provider](g.editor).Get(t.Context(), "p")
	require.NoError(t, err)
	require.Equal(t, "h3ader", kept.Item.Headers["x-key"].Reveal())
}

// Who gets an id that another client had does not get that one's runs.
func TestAClientSeesNothingOfItsPredecessor(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newAdminGateway(t, setting{store: s})
		first := g.fill()
		call := func(token string) answer {
			return g.do(g.request("/api/v1/webhooks/web", "hi", "Authorization: Bearer "+token, "Content-Type: text/plain", `Idempotency-Key: "once"`))
		}
		read := func(token, path string) answer {
			r := g.request("/api/v1/runs"+path, "", "Authorization: Bearer "+token)
			r.Method = http.MethodGet
			return g.do(r)
		}
		old := call(first).Header.Get("Beckon-Run-Id")
		require.Equal(t, 204, g.admin(http.MethodDelete, "/clients/web", "").StatusCode)
		last := time.Now()
		require.Eventually(t, func() bool { return time.Since(last) > time.Millisecond }, patience, time.Millisecond, "times are in milliseconds")
		second := g.has("/clients", `{"id":"web","passthrough":true,"allowedAgents":["a"]}`).json(t)["token"].(string)
		a := call(second)
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Empty(t, a.Header.Get("Idempotency-Replayed"))
		require.Equal(t, 200, g.admin(http.MethodPut, "/clients/web", `{"passthrough":true,"allowedAgents":["a"],"name":"Web"}`).StatusCode)
		for _, path := range []string{"/" + old, "/" + old + "/events"} {
			require.Equal(t, 404, read(second, path).StatusCode, path)
		}
		require.Equal(t, 200, read(second, "/"+a.Header.Get("Beckon-Run-Id")).StatusCode)
		list := read(second, "").json(t)["items"].([]any)
		require.Len(t, list, 1)
		require.Equal(t, a.Header.Get("Beckon-Run-Id"), list[0].(map[string]any)["runId"])
	})
}

// All of a destination's URL but its host may be a key, and what it needs besides is not signed with.
func TestAdminHidesTheURLsOfDestinations(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	address, _, got := newReceiver(t)
	made := g.admin(http.MethodPost, "/endpoints", `{"id":"chat","url":"`+address+`/services/h00k-key","format":"slack"}`)
	require.Equal(t, 201, made.StatusCode, made.body)
	document, _ := g.endpoint("chat")
	require.Equal(t, address+"/•••", document["url"])
	require.Equal(t, "none", document["signature"])
	require.Nil(t, document["secret"], "nothing is made that signs")
	a := g.put("/endpoints/chat", document, nil, "name", "Chat")
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Equal(t, 200, g.admin(http.MethodPost, "/endpoints/chat/test", `{"event":"run.completed"}`).StatusCode)
	require.Equal(t, "/services/h00k-key", (<-got).URL.Path, "what came back as it was shown stays")

	for name, value := range map[string]string{"format": "run", "url": "https://example.com/•••"} {
		document, _ := g.endpoint("chat")
		require.Equal(t, 400, g.put("/endpoints/chat", document, nil, name, value).StatusCode, "%s: what is masked is not shown otherwise, nor sent elsewhere", name)
	}
	require.Equal(t, 400, g.admin(http.MethodPost, "/endpoints/chat/secret", "").StatusCode)

	g.has("/endpoints", `{"id":"bot","format":"telegram","secret":"123456:b0t-key-b0t-key","to":"42"}`)
	bot, _ := g.endpoint("bot")
	require.Equal(t, "•••", bot["secret"])
	require.Equal(t, 200, g.put("/endpoints/bot", bot, nil, "to", "43").StatusCode)
	require.Equal(t, 400, g.put("/endpoints/bot", bot, nil, "url", address).StatusCode, "the kept token is for Telegram")
	bot, _ = g.endpoint("bot")
	a = g.put("/endpoints/bot", bot, nil, "format", "ntfy")
	require.Equal(t, 200, a.StatusCode, a.body)
	bot, _ = g.endpoint("bot")
	require.Nil(t, bot["secret"], "what one receiver was given is not for another")
	g.has("/endpoints", `{"id":"topic","format":"ntfy","secret":"tk_b0t-key","to":"ops"}`)
	topic, _ := g.endpoint("topic")
	require.Equal(t, 200, g.put("/endpoints/topic", topic, nil, "secret", "").StatusCode)
	topic, _ = g.endpoint("topic")
	require.Nil(t, topic["secret"], "an empty one takes it away")
	for _, path := range []string{"/endpoints", "/deliveries", "/audit"} {
		g.admin(http.MethodGet, path, "")
	}
	hasNone(t, g.said, "h00k-key", "b0t-key")
}
