package server_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/units"
	"beckon/server"
)

// keepsRefused has a gateway write refused calls into its database.
func keepsRefused(db *store.Store) func(*server.Config) {
	return func(c *server.Config) {
		c.KeepRefused = func(ctx context.Context, list []store.RefusedCall) error {
			return db.Write(ctx, func(tx store.Tx) error { return store.Refuse(tx, list) })
		}
	}
}

// collector keeps refused calls in memory, and tells of each batch.
type collector struct {
	mu      sync.Mutex
	calls   []store.RefusedCall
	batches chan int
	fails   bool
}

func newCollector() *collector { return &collector{batches: make(chan int, 1000)} }

func (k *collector) keep(_ context.Context, list []store.RefusedCall) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.batches <- len(list)
	if k.fails {
		return errors.New("the disk is full")
	}
	k.calls = append(k.calls, list...)
	return nil
}

func (k *collector) config(c *server.Config) { c.KeepRefused = k.keep }

// one waits for the next refused call.
func (k *collector) one(t *testing.T) store.RefusedCall {
	t.Helper()
	select {
	case n := <-k.batches:
		require.Equal(t, 1, n)
	case <-time.After(patience):
		require.FailNow(t, "nothing was kept")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls[len(k.calls)-1]
}

func TestRefusedCallsAreKept(t *testing.T) {
	kept := newCollector()
	no := false
	g := newGateway(t, setting{server: kept.config, clients: []clients.Client{
		{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}},
		{ID: "off", Enabled: &no, Passthrough: true, AllowedAgents: []string{"triage"}},
		{ID: "rare", Passthrough: true, AllowedAgents: []string{"triage"}, RateLimit: &clients.RateLimit{Requests: 1, Per: units.Duration(time.Hour)}},
		{ID: "small", Passthrough: true, AllowedAgents: []string{"triage"}, MaxBodyBytes: 10},
	}})
	of := func(id string) string { return "Authorization: Bearer " + token + id }
	require.Equal(t, http.StatusOK, g.do(g.request("/api/v1/webhooks/rare", "hello", of("rare"))).StatusCode)

	for name, row := range map[string]struct {
		path, body string
		headers    []string
		method     string
		status     int
		code       string
		client     string
		wantPath   string
		reason     string // where it is not what the caller is told
	}{
		"no token":        {path: "/api/v1/webhooks/ci", body: "x", headers: []string{"-Authorization"}, status: 401, code: "unauthorized", client: "ci", reason: "The call has no proof; this client takes bearer."},
		"no such client":  {path: "/api/v1/webhooks/nobody", body: "x", status: 401, code: "unauthorized", client: "nobody", reason: "There is no client with this id."},
		"disabled":        {path: "/api/v1/webhooks/off", body: "x", headers: []string{of("off")}, status: 403, code: "client_disabled", client: "off"},
		"other agent":     {path: "/api/v1/webhooks/ci?agent=other&x=1", body: "x", status: 403, code: "agent_not_allowed", client: "ci", wantPath: "/api/v1/webhooks/ci?agent=…&x=…"},
		"empty":           {path: "/api/v1/webhooks/ci", status: 400, code: "empty_prompt", client: "ci"},
		"unknown type":    {path: "/api/v1/webhooks/ci", body: "x", headers: []string{"Content-Type: image/png"}, status: 415, code: "unsupported_media_type", client: "ci"},
		"too large":       {path: "/api/v1/webhooks/small", body: "longer than that", headers: []string{of("small")}, status: 413, code: "body_too_large", client: "small"},
		"too often":       {path: "/api/v1/webhooks/rare", body: "x", headers: []string{of("rare")}, status: 429, code: "rate_limit_exceeded", client: "rare"},
		"no such route":   {path: "/api/v1/webhook/ci", body: "x", status: 404, code: "route_not_found", client: "ci"},
		"wrong method":    {path: "/api/v1/webhooks/ci", method: http.MethodGet, status: 405, code: "method_not_allowed", client: "ci"},
		"runs, no token":  {path: "/api/v1/runs", body: "{}", headers: []string{"-Authorization"}, status: 401, code: "unauthorized"},
		"runs, bad body":  {path: "/api/v1/runs", body: "{", headers: []string{"Content-Type: application/json"}, status: 400, code: "invalid_json", client: "ci"},
		"nodes, no agent": {path: "/api/v1/nodes/none/run", body: `{"prompt":"x"}`, headers: []string{"Content-Type: application/json"}, status: 403, code: "agent_not_allowed", client: "ci"},
		"no such run":     {path: "/api/v1/runs/run_1", method: http.MethodGet, status: 404, code: "run_not_found", client: "ci"},
	} {
		t.Run(name, func(t *testing.T) {
			r := g.request(row.path, row.body, row.headers...)
			if row.method != "" {
				r.Method = row.method
			}
			a := g.do(r)
			require.Equal(t, row.status, a.StatusCode, a.body)
			requireProblem(t, a, row.code)
			call := kept.one(t)
			require.Equal(t, row.status, call.Status)
			require.Equal(t, row.code, call.Code)
			if row.reason == "" {
				row.reason = a.json(t)["detail"].(string)
			}
			require.Equal(t, row.reason, call.Reason)
			require.Equal(t, row.client, call.ClientID)
			if row.wantPath == "" {
				row.wantPath = row.path
			}
			require.Equal(t, row.wantPath, call.Path)
			require.Equal(t, r.Method, call.Method)
			require.Equal(t, a.Header.Get("X-Request-Id"), call.RequestID)
			require.Equal(t, "127.0.0.1", call.Address)
			require.WithinDuration(t, time.Now(), call.At, time.Minute)
		})
	}
}

// What isn't a call that was turned away is not in the list: answers, failed runs, the administration, other addresses.
func TestOthersAreNotKept(t *testing.T) {
	kept := newCollector()
	g := newGateway(t, setting{server: kept.config})
	get := func(path string) answer {
		r := g.request(path, "")
		r.Method = http.MethodGet
		return g.do(r)
	}
	g.model.does(func(w http.ResponseWriter, _ *http.Request, _ string) { http.Error(w, "no", http.StatusBadRequest) })
	require.Equal(t, http.StatusBadGateway, g.call("hello").StatusCode)
	g.model.does(nil)
	done := g.call("hello")
	require.Equal(t, http.StatusOK, done.StatusCode)
	require.Equal(t, http.StatusConflict, g.do(g.request("/api/v1/runs/"+done.Header.Get("Beckon-Run-Id")+"/cancel", "")).StatusCode)
	require.Equal(t, http.StatusUnauthorized, get("/api/v1/admin/clients").StatusCode)
	require.Equal(t, http.StatusNotFound, get("/favicon.ico").StatusCode)
	require.Equal(t, http.StatusOK, get("/healthz").StatusCode)

	require.Equal(t, http.StatusNotFound, get("/api/v1/last").StatusCode)
	require.Equal(t, "/api/v1/last", kept.one(t).Path, "which comes after all of them")
	require.Empty(t, kept.batches)
}

func TestAKeyInUseIsKept(t *testing.T) {
	kept := newCollector()
	g := newGateway(t, setting{server: kept.config})
	g.model.hold()
	first := make(chan answer, 1)
	go func() { first <- g.call("hello", "Idempotency-Key: a") }()
	<-g.model.asked
	require.Eventually(t, func() bool { return g.countRuns() == 1 }, patience, time.Millisecond)
	require.Equal(t, http.StatusConflict, g.call("hello", "Idempotency-Key: a").StatusCode)
	require.Equal(t, "idempotency_in_flight", kept.one(t).Code)
	g.model.letGo()
	require.Equal(t, http.StatusOK, (<-first).StatusCode)
}

// No secret of a request is kept, wherever it stands.
func TestSecretsOfRefusedCallsAreMasked(t *testing.T) {
	kept := newCollector()
	g := newGateway(t, setting{server: func(c *server.Config) {
		kept.config(c)
		c.Admin.Token = "correct/s3cret/battery"
	}, clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}}, {ID: "s3cret", Passthrough: true, AllowedAgents: []string{"triage"}}}})
	const s = "mgc_S3cretS3cretS3cretS3cret"
	own := token + "s3cret" // the token of the client, in no form that gives it away
	for name, row := range map[string]struct {
		path   string
		header []string
		want   map[string]string
		path2  string
	}{
		"bearer":         {header: []string{"Authorization: Bearer " + s}, want: map[string]string{"Authorization": "Bearer •••"}},
		"basic":          {header: []string{"Authorization: basic UzNjcmV0OlMzY3JldA=="}, want: map[string]string{"Authorization": "Basic •••"}},
		"no scheme":      {header: []string{"Authorization: " + s}, want: map[string]string{"Authorization": "•••"}},
		"other scheme":   {header: []string{"Authorization: S3cret S3cret"}, want: map[string]string{"Authorization": "•••"}},
		"empty bearer":   {header: []string{"Authorization: Bearer "}, want: map[string]string{"Authorization": "Bearer"}},
		"cookie":         {header: []string{"Cookie: id=S3cret"}, want: map[string]string{"Cookie": "•••"}},
		"by name":        {header: []string{"X-Hub-Signature-256: sha256=S3cret", "X-Api-Key: S3cret", "X-Gitlab-Token: S3cret", "Php-Auth-Pw: S3cret", "Proxy-Authorization: S3cret"}, want: map[string]string{"X-Hub-Signature-256": "•••", "X-Api-Key": "•••", "X-Gitlab-Token": "•••", "Php-Auth-Pw": "•••", "Proxy-Authorization": "•••"}},
		"by form":        {header: []string{"X-Note: use " + s + " please", "X-Jws: eyJhbGciOiJS3cret.eyJzdWIiOiJS3cret.S3cret", "X-Other: Bearer S3cret"}, want: map[string]string{"X-Note": "use ••• please", "X-Jws": "•••", "X-Other": "Bearer •••"}},
		"in a URL":       {header: []string{"Referer: https://me:S3cret@example.com/?a=S3cret&b=S3cret"}, want: map[string]string{"Referer": "https://•••@example.com/?a=•••&b=•••"}},
		"plain":          {header: []string{"Content-Type: application/json", "User-Agent: GitHub-Hookshot/1"}, want: map[string]string{"Content-Type": "application/json", "User-Agent": "GitHub-Hookshot/1"}},
		"in the query":   {path: "/api/v1/none?token=S3cret&a=S3cret", path2: "/api/v1/none?token=…&a=…"},
		"as a parameter": {path: "/api/v1/none?S3cret&" + s + "=1", path2: "/api/v1/none?•••=…&•••=…"},
		"in the path":    {path: "/api/v1/webhooks/" + s, path2: "/api/v1/webhooks/•••"},
		"escaped slash":  {path: "/api/v1/webhooks/c1%2F" + s, path2: "/api/v1/webhooks/c1/•••"},
		"escaped letter": {path: "/api/v1/webhooks/%6dgc_S3cretS3cret", path2: "/api/v1/webhooks/•••"},
		"escaped thrice": {path: "/api/v1/webhooks/%25256dgc_S3cretS3cret", path2: "/api/v1/webhooks/•••"},
		"glued on":       {path: "/api/v1/webhooks/ci" + s, path2: "/api/v1/webhooks/ci•••"},
		"admin token":    {path: "/api/v1/none/correct%2Fs3cret%2Fbattery", header: []string{"X-Note: (correct/s3cret/battery)"}, path2: "/api/v1/none/•••", want: map[string]string{"X-Note": "(•••)"}},
		"client's token": {path: "/api/v1/none/" + strings.Replace(own, "mgc_", "mg%63_", 1), header: []string{"X-Forwarded-Uri: /webhooks/ci%2F" + own}, path2: "/api/v1/none/•••", want: map[string]string{"X-Forwarded-Uri": "/webhooks/ci/•••"}},
		"signatures":     {header: []string{"X-Sig: S3cret", "X-Webhook-Hmac: S3cret"}, want: map[string]string{"X-Sig": "•••", "X-Webhook-Hmac": "•••"}},
		"a body":         {header: []string{`X-Body: {"password":"S3cret","x":1}`, `X-List: [{"x":"S3cret"}]`}, want: map[string]string{"X-Body": "•••", "X-List": "•••"}},
		"pairs":          {header: []string{`X-Pairs: user=me; password = "S3cret S3cret"; n=1, apiKey:S3cret`}, want: map[string]string{"X-Pairs": "user=me; password = •••; n=1, apiKey:•••"}},
		"base64 alone":   {path: "/api/v1/none?S3cret=&S3cret==&a=1", path2: "/api/v1/none?•••=…&•••=…&a=…"},
		"no secrets":     {path: "/api/v1/no%20ne?a=1", header: []string{"X-Event-Key: repo:push", "X-Url: https://example.com:8080/a%20b", "X-List: [::1]:80"}, path2: "/api/v1/no%20ne?a=…", want: map[string]string{"X-Event-Key": "repo:push", "X-Url": "https://example.com:8080/a%20b", "X-List": "[::1]:80"}},
	} {
		t.Run(name, func(t *testing.T) {
			if row.path == "" {
				row.path = "/api/v1/webhooks/nobody"
			}
			g.do(g.request(row.path, "S3cret body", row.header...))
			call := kept.one(t)
			require.NotContains(t, strings.ToLower(call.Path+call.ClientID+call.Reason), "s3cret")
			require.NotContains(t, strings.ToLower(text(call.Headers)), "s3cret")
			for field, want := range row.want {
				require.Equal(t, want, call.Headers[field])
			}
			if row.path2 != "" {
				require.Equal(t, row.path2, call.Path)
			}
		})
	}
}

func text(headers map[string]string) string {
	var b strings.Builder
	for name, value := range headers {
		b.WriteString(name + ": " + value + "\n")
	}
	return b.String()
}

func TestRefusedCallsAreBounded(t *testing.T) {
	kept := newCollector()
	g := newGateway(t, setting{server: kept.config})
	long := strings.Repeat("ü", 2000)
	headers := []string{"A-Long: " + long, "A" + strings.Repeat("a", 500) + ": x"}
	for i := range 60 {
		headers = append(headers, "X-"+strconv.Itoa(i)+": y")
	}
	g.do(g.request("/api/v1/webhooks/"+strings.Repeat("c", 3000)+"?"+strings.Repeat("n=1&", 100), "x", headers...))
	call := kept.one(t)
	require.Len(t, call.Headers, 40)
	for name, value := range call.Headers {
		require.LessOrEqual(t, len(name), 64)
		require.LessOrEqual(t, len(value), 256)
	}
	require.True(t, strings.HasSuffix(call.Headers["A-Long"], "ü…"), "it is cut between characters")
	require.LessOrEqual(t, len(call.ClientID), 64)
	require.LessOrEqual(t, len(call.Path), 700)
}

// What a database doesn't take as text is left out.
func TestHostileTextIsKept(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, db *store.Store) {
		g := newGateway(t, setting{store: db, server: keepsRefused(db)})
		g.do(g.request("/api/v1/webhooks/%00%ff%1b[31m%3Cb%3E", "x", "X-Odd: \xff\xfe<script>"))
		var list []store.RefusedCall
		require.Eventually(t, func() bool {
			var err error
			list, _, err = db.RefusedCalls(context.Background(), store.RefusedQuery{Limit: 10})
			return err == nil && len(list) == 1
		}, patience, 10*time.Millisecond)
		require.Equal(t, "\uFFFD[31m<b>", list[0].ClientID, "decoded, without what is no text")
		require.Equal(t, "\uFFFD<script>", list[0].Headers["X-Odd"])
		require.Equal(t, "Bearer •••", list[0].Headers["Authorization"])
	})
}

// A flood is answered as fast as ever; what comes faster than it may be written is counted.
func TestAFloodOfRefusedCalls(t *testing.T) {
	kept := newCollector()
	g := newGateway(t, setting{server: kept.config})
	begin := time.Now()
	const each, callers = 500, 8
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				r := g.request("/api/v1/webhooks/nobody", "x")
				g.srv.ServeHTTP(discard{http.Header{}}, r)
			}
		})
	}
	all.Wait()
	for range 3 {
		require.LessOrEqual(t, <-kept.batches, 40)
	}
	took := time.Since(begin)
	require.GreaterOrEqual(t, took, 600*time.Millisecond, "which makes 200 a second")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, g.srv.Shutdown(ctx))
	kept.mu.Lock()
	defer kept.mu.Unlock()
	written, forgotten := len(kept.calls), g.metric(t, "beckon_refused_calls_forgotten_total")
	require.Equal(t, each*callers, written+forgotten)
	require.Positive(t, forgotten)
	// Of what came in between, 200 a second; and at the end what was waiting.
	require.LessOrEqual(t, written, 1000+40+int(took.Seconds()*200))
}

// discard is a caller who doesn't read.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// metric reads a number off the page of metrics.
func (g *gateway) metric(t *testing.T, name string) int {
	w := &recorder{discard: discard{http.Header{}}}
	r, err := http.NewRequest(http.MethodGet, "/metrics", nil)
	require.NoError(t, err)
	g.srv.ServeHTTP(w, r)
	for line := range strings.Lines(w.body.String()) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			require.NoError(t, err)
			return int(n)
		}
	}
	require.FailNow(t, "there is no such metric", name)
	return 0
}

type recorder struct {
	discard
	body strings.Builder
}

func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// A database that takes nothing costs the list, and no call.
func TestRefusedCallsThatCannotBeKept(t *testing.T) {
	kept := newCollector()
	kept.fails = true
	g := newGateway(t, setting{server: kept.config})
	require.Equal(t, http.StatusUnauthorized, g.call("x", "-Authorization").StatusCode)
	<-kept.batches
	require.Eventually(t, func() bool {
		return g.metric(t, "beckon_refused_calls_forgotten_total") == 1 && strings.Contains(g.log.String(), "the disk is full")
	}, patience, time.Millisecond)
	require.Equal(t, http.StatusOK, g.call("x").StatusCode)
}

// What waits at the end is written before the end.
func TestRefusedCallsAreWrittenAtTheEnd(t *testing.T) {
	kept := newCollector()
	g := newGateway(t, setting{server: kept.config})
	for range 3 {
		require.Equal(t, http.StatusUnauthorized, g.call("x", "-Authorization").StatusCode)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, g.srv.Shutdown(ctx))
	require.Len(t, kept.calls, 3)
}
