package gateway

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"beckon/internal/store"
	"beckon/runs"
)

const senderClients = `
  - {id: alerts, token: al3rt, source: alertmanager, auth: [basic], allowedAgents: [a]}
  - {id: hub, source: github, secret: [hub-new, hub-old], allowedAgents: [a]}
  - {id: pay, source: stripe, secret: whsec_pay, allowedAgents: [a]}
  - {id: chat, source: slack, secret: sl4ck, allowedAgents: [a]}
  - {id: lab, token: l4b, source: gitlab, auth: [{scheme: header, name: X-Gitlab-Token}], allowedAgents: [a]}
  - {id: own, auth: [{scheme: hmac, secret: 0wn, header: X-My-Sum, content: "{{ .timestamp }}.{{ .body }}", timestampHeader: X-My-Time}], passthrough: true, allowedAgents: [a]}
  - {id: asked, token: qu3ry-token, auth: [{scheme: query, name: key}], passthrough: true, template: "{{ .query }} {{ .headers }}", allowedAgents: [a]}
  - {id: job, auth: [{scheme: oidc, issuer: %q, audience: beckon, claims: {repository: acme/shop}}], passthrough: true, allowedAgents: [a]}
  - {id: strict, token: str1ct, source: alertmanager, template: "{{ .body.nothing }}", rateLimit: {requests: 1, per: 1h}, allowedAgents: [a]}
  - {id: shape, token: sh4pe, source: github, respond: sync, template: "{{ .event.type }} of {{ .event.subject }} {{ .headers }}", auth: [{scheme: header, name: X-Pass}], allowedAgents: [a]}
`

// callers is a gateway with a client for each kind of proof.
type callers struct{ *started }

func newCallers(t *testing.T, issuer string) callers {
	file := strings.Replace(smallFile, "clients: [{id: ci, token: t0ken, passthrough: true, allowedAgents: [a]}]",
		"clients:\n  - {id: ci, token: t0ken, passthrough: true, allowedAgents: [a]}"+senderClients, 1)
	return callers{start(t, load(t, fmt.Sprintf(file, sqliteIn(t.TempDir()), issuer)))}
}

// send makes a call with header lines, and returns the answer with its body.
func (c callers) send(method, path, body string, header ...string) (*http.Response, string) {
	c.t.Helper()
	r, err := http.NewRequest(method, c.url+"/api/v1/webhooks/"+path, strings.NewReader(body))
	require.NoError(c.t, err)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	response, err := c.client.Do(r)
	require.NoError(c.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	return response, string(text)
}

func (c callers) post(path, body string, header ...string) (*http.Response, string) {
	c.t.Helper()
	return c.send(http.MethodPost, path, body, header...)
}

// run returns the run of an answer.
func (c callers) run(r *http.Response) *runs.Run {
	c.t.Helper()
	run, err := c.runs.Get(c.t.Context(), r.Header.Get("Beckon-Run-Id"))
	require.NoError(c.t, err)
	return run
}

func (c callers) count() int {
	list, _, err := c.runs.List(c.t.Context(), runs.Query{Limit: 100})
	require.NoError(c.t, err)
	return len(list)
}

func mac(key, content string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(content))
	return hex.EncodeToString(m.Sum(nil))
}

func now() string { return strconv.FormatInt(time.Now().Unix(), 10) }

const firing = `{"version":"4","groupKey":"{}:{alertname=\"DiskFull\"}","status":"firing","receiver":"beckon","groupLabels":{"alertname":"DiskFull"},
	"commonLabels":{"alertname":"DiskFull","severity":"critical"},"commonAnnotations":{},"externalURL":"http://am.example","truncatedAlerts":0,
	"alerts":[{"status":"firing","labels":{"alertname":"DiskFull","instance":"db-1","severity":"critical"},"annotations":{"summary":"95 % used"},
	"startsAt":"2026-02-18T09:30:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom.example","fingerprint":"f00d"}]}`

func TestAlertmanagerCalls(t *testing.T) {
	c := newCallers(t, "https://issuer.example")
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("any:al3rt"))
	r, body := c.post("alerts", firing, basic, "Content-Type: application/json")
	require.Equal(t, 202, r.StatusCode, body)
	require.Contains(t, c.run(r).Input, "DiskFull")
	require.Contains(t, c.run(r).Input, "95 % used")

	for range 3 { // its template errs and its rate is used up, and nothing is lost
		r, body = c.post("strict", firing, "Authorization: Bearer str1ct", "Content-Type: application/json")
		require.Equal(t, 202, r.StatusCode, body)
		require.Contains(t, c.run(r).Input, "DiskFull", "the source's own prompt")
	}
	r, _ = c.post("strict", "no JSON", "Authorization: Bearer str1ct", "Content-Type: application/json", "Content-Encoding: zip")
	require.Equal(t, 503, r.StatusCode, "never a 4xx")
}

func TestGitHubCalls(t *testing.T) {
	c := newCallers(t, "https://issuer.example")
	body := `{"ref":"refs/heads/main","repository":{"full_name":"acme/shop"},"commits":[]}`
	signed := func(secret, event string) []string {
		return []string{"X-Hub-Signature-256: sha256=" + mac(secret, body), "X-GitHub-Event: " + event, "X-GitHub-Delivery: 1-2-3", "Content-Type: application/json"}
	}
	first, said := c.post("hub", body, signed("hub-new", "push")...)
	require.Equal(t, 202, first.StatusCode, said)
	require.Contains(t, c.run(first).Input, "acme/shop")
	again, said := c.post("hub", body, signed("hub-old", "push")...)
	require.Equal(t, 200, again.StatusCode, said)
	require.Equal(t, first.Header.Get("Beckon-Run-Id"), again.Header.Get("Beckon-Run-Id"))
	require.Equal(t, "true", again.Header.Get("Idempotency-Replayed"))
	require.Contains(t, said, first.Header.Get("Beckon-Run-Id"))
	before := c.count()
	require.Equal(t, 1, before)
	ping, _ := c.post("hub", body, signed("hub-new", "ping")...)
	require.Equal(t, 200, ping.StatusCode)
	require.Equal(t, before, c.count(), "a ping is no run")
	wrong, _ := c.post("hub", body, signed("another", "push")...)
	require.Equal(t, 401, wrong.StatusCode)

	shaped, said := c.post("shape", body, "X-Pass: sh4pe", "X-GitHub-Event: push", "Content-Type: application/json")
	require.Equal(t, 200, shaped.StatusCode, said)
	input := c.run(shaped).Input
	require.Contains(t, input, "push of acme/shop")
	require.NotContains(t, input, "sh4pe", "what proves is in no template's data")
}

func TestOtherSignaturesAndTokens(t *testing.T) {
	c := newCallers(t, "https://issuer.example")
	at := now()
	paid := `{"id":"evt_1","object":"event","type":"invoice.paid","data":{"object":{"id":"in_1"}}}`
	r, body := c.post("pay", paid, "Stripe-Signature: t="+at+",v1="+mac("whsec_pay", at+"."+paid))
	require.Equal(t, 202, r.StatusCode, body)
	require.Contains(t, c.run(r).Input, "invoice.paid")

	hello := `{"type":"url_verification","challenge":"a-challenge"}`
	r, body = c.post("chat", hello, "X-Slack-Request-Timestamp: "+at, "X-Slack-Signature: v0="+mac("sl4ck", "v0:"+at+":"+hello), "Content-Type: application/json")
	require.Equal(t, 200, r.StatusCode, body)
	require.Equal(t, "a-challenge", body)

	r, body = c.post("lab", `{"object_kind":"push","project":{"path_with_namespace":"acme/shop"}}`, "X-Gitlab-Token: l4b", "X-Gitlab-Event: Push Hook")
	require.Equal(t, 202, r.StatusCode, body)
	require.Contains(t, c.run(r).Input, "acme/shop")

	r, body = c.post("own", "do it", "X-My-Time: "+at, "X-My-Sum: "+mac("0wn", at+".do it"), "Content-Type: text/plain")
	require.Equal(t, 200, r.StatusCode, body)
	require.Equal(t, "do it", c.run(r).Input)
	r, _ = c.post("own", "do it!", "X-My-Time: "+at, "X-My-Sum: "+mac("0wn", at+".do it"), "Content-Type: text/plain")
	require.Equal(t, 401, r.StatusCode, "another body")

	r, body = c.post("asked?key=qu3ry-token&other=kept", "{}", "Content-Type: application/json")
	require.Equal(t, 200, r.StatusCode, body)
	require.NotContains(t, c.run(r).Input, "qu3ry-token")
	require.Contains(t, c.run(r).Input, "kept")
}

func TestTokensOfJobs(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	var issuer *httptest.Server
	issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/keys"})
	}))
	defer issuer.Close()
	c := newCallers(t, issuer.URL)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	require.NoError(t, err)
	token := func(repository string) string {
		claims, err := json.Marshal(map[string]any{"iss": issuer.URL, "aud": "beckon", "repository": repository, "exp": time.Now().Add(time.Minute).Unix()})
		require.NoError(t, err)
		signed, err := signer.Sign(claims)
		require.NoError(t, err)
		text, err := signed.CompactSerialize()
		require.NoError(t, err)
		return "Authorization: Bearer " + text
	}
	r, body := c.post("job", "build", token("acme/shop"), "Content-Type: text/plain")
	require.Equal(t, 200, r.StatusCode, body)
	r, _ = c.post("job", "build", token("mallory/shop"), "Content-Type: text/plain")
	require.Equal(t, 401, r.StatusCode)
	r, _ = c.post("nobody", "build", token("acme/shop"), "Content-Type: text/plain")
	require.Equal(t, 401, r.StatusCode, "the proof of one client is none for an id that no client has")
	r, _ = c.post("ci", "build", token("acme/shop"), "Content-Type: text/plain")
	require.Equal(t, 401, r.StatusCode, "nor for another client")
}

// An unknown client, a wrong token and a wrong signature are one answer; the page Refused knows more.
func TestRefusalsAreAlike(t *testing.T) {
	c := newCallers(t, "https://issuer.example")
	proofs := [][]string{
		{"Authorization: Bearer wrong"}, {"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("u:wr0ng-pass"))},
		{"X-Hub-Signature-256: sha256=" + mac("wrong", "x")}, {"X-Gitlab-Token: wr0ng-lab"}, {},
	}
	var want string
	for _, id := range []string{"ci", "hub", "alerts", "lab", "own", "asked?key=wr0ng-key", "nobody"} {
		for _, proof := range proofs {
			r, body := c.post(id, "x", proof...)
			require.Equal(t, 401, r.StatusCode, id)
			require.Equal(t, []string{"Bearer", `Basic realm="Beckon"`}, r.Header.Values("WWW-Authenticate"))
			if want == "" {
				want = body
			}
			require.Equal(t, want, body, id)
		}
	}
	refused := func() string {
		list, _, err := c.store.RefusedCalls(t.Context(), store.RefusedQuery{Limit: 100})
		require.NoError(t, err)
		text, err := json.Marshal(list)
		require.NoError(t, err)
		return string(text)
	}
	require.Eventually(t, func() bool {
		text := refused()
		return strings.Contains(text, "proves itself with basic; this client takes bearer") && strings.Contains(text, "no client with this id")
	}, patience, 20*time.Millisecond)
	require.NotContains(t, refused(), "wr0ng")
}

func TestTryingAWebhookInABrowser(t *testing.T) {
	c := newCallers(t, "https://issuer.example")
	for _, id := range []string{"ci", "hub", "nobody"} {
		r, body := c.send(http.MethodGet, id, "")
		require.Equal(t, 200, r.StatusCode)
		require.JSONEq(t, `{"hint":"Send a POST request."}`, body)
		r, _ = c.send(http.MethodHead, id, "")
		require.Equal(t, 200, r.StatusCode)
		r, _ = c.send(http.MethodGet, id, "", "Authorization: Bearer t0ken")
		require.Equal(t, 405, r.StatusCode)
		r, _ = c.send(http.MethodOptions, id, "", "WebHook-Request-Origin: eventgrid.azure.net")
		require.Equal(t, 200, r.StatusCode)
		require.Equal(t, "eventgrid.azure.net", r.Header.Get("WebHook-Allowed-Origin"))
	}
	r, _ := c.send(http.MethodGet, "asked?key=qu3ry-token", "")
	require.Equal(t, 405, r.StatusCode)
}
