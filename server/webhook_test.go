package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/internal/units"
	"beckon/runs"
	"beckon/server"
)

func TestACallBringsItsAnswerBack(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, s *store.Store) {
		g := newGateway(t, setting{store: s})
		a := g.call(`{"prompt":"why <x>?","sessionId":"s1","metadata":{"build":7}}`, "Content-Type: application/json", "X-Request-Id: build-7")
		require.Equal(t, 200, a.StatusCode, a.body)
		require.Equal(t, "application/json", a.Header.Get("Content-Type"))
		require.Equal(t, "build-7", a.Header.Get("X-Request-Id"))
		id := a.Header.Get("Beckon-Run-Id")
		require.Regexp(t, `^run_[0-9A-HJKMNP-TV-Z]{26}$`, id)
		require.Regexp(t, `^\{"ok":true,"response":"re: why <x>\?","runId":"`+id+`","status":"COMPLETED","agent":"triage",`+
			`"usage":\{"promptTokens":12,"completionTokens":6,"totalTokens":18\},"durationMs":\d+\}\n$`, a.body)

		run := g.run(a)
		require.Equal(t, runs.Run{ID: id, Status: runs.Completed, ClientID: "ci", WorkflowID: "triage", Source: "webhook", SessionID: "s1",
			Input: "why <x>?", Metadata: []byte(`{"build":7}`), Output: "re: why <x>?",
			Usage: agents.Usage{PromptTokens: 12, CompletionTokens: 6, TotalTokens: 18}, By: agents.Answerer{Provider: "model", Model: "m"}, Claim: 1, Priority: runs.PriorityDefault, Attempts: 1, RetryOnCrash: true,
			ReceivedAt: run.ReceivedAt, CreatedAt: run.CreatedAt, StartedAt: run.StartedAt, CompletedAt: run.CompletedAt}, *run)
		require.WithinDuration(t, time.Now(), run.CreatedAt, time.Minute)
		require.False(t, run.CompletedAt.Before(run.StartedAt))
	})
}

func TestFormsOfTheAnswer(t *testing.T) {
	g := newGateway(t, setting{})
	for _, test := range []struct{ accept, contentType, body string }{
		{"text/plain", "text/plain; charset=utf-8", "re: x"},
		{"text/markdown", "text/markdown; charset=utf-8", "re: x"},
		{"text/markdown, application/json;q=0.5", "text/markdown; charset=utf-8", "re: x"},
		{"application/json, text/plain;q=0.5", "application/json", ""},
		{"text/html, */*;q=0.1", "application/json", ""},
		{"image/png", "application/json", ""},
		{"nonsense", "application/json", ""},
		{"", "application/json", ""},
	} {
		t.Run(test.accept, func(t *testing.T) {
			a := g.call("x", "Accept: "+test.accept)
			require.Equal(t, 200, a.StatusCode)
			require.Equal(t, test.contentType, a.Header.Get("Content-Type"))
			if test.body != "" {
				require.Equal(t, test.body, a.body)
			}
		})
	}
	a := g.call("", "Accept: text/plain")
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), "an error stays a problem")
}

func TestWhichPromptAndWhichAgent(t *testing.T) {
	g := newGateway(t, setting{
		clients: []clients.Client{
			{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage", "other", "twice"}},
			{ID: "nightly", CommandID: "report", AllowedAgents: []string{"triage", "other"}},
			{ID: "alerts", Passthrough: true, Template: "Alert: {{ .body.name }}", AllowedAgents: []string{"triage"}},
		},
		commands: []commands.Command{{ID: "report", Prompt: "Report!", AgentID: "other"}},
		flows: []agents.Flow{{ID: "twice", Root: agents.Step{Type: "sequential", Steps: []agents.Step{
			{Type: "agent", AgentID: "triage"}, {Type: "agent", AgentID: "other"}}}}},
	})
	for _, test := range []struct{ client, query, body, agent, prompt string }{
		{"ci", "", `{"prompt":"x"}`, "triage", "x"},
		{"ci", "", `{"prompt":"x","agent":"other"}`, "other", "x"},
		{"ci", "?agent=other", `{"status":"firing"}`, "other", `{"status":"firing"}`},
		{"ci", "?agent=twice", `{"prompt":"x"}`, "twice", "x"},
		{"nightly", "", `{"prompt":"ignored"}`, "other", "Report!"},
		{"nightly", "", "not even JSON", "other", "Report!"},
		{"nightly", "?agent=triage", "", "triage", "Report!"},
		{"nightly", "?agent=triage", `{"metadata":{"build":7},"agent":"other"}`, "triage", "Report!"},
		{"alerts", "", `{"name":"disk"}`, "triage", "Alert: disk"},
	} {
		t.Run(test.client+test.query+test.body, func(t *testing.T) {
			own := token
			if test.client != "ci" {
				own += test.client
			}
			a := g.do(g.request("/api/v1/webhooks/"+test.client+test.query, test.body, "Content-Type: application/json", "Authorization: Bearer "+own))
			require.Equal(t, 200, a.StatusCode, a.body)
			require.Equal(t, test.agent, a.json(t)["agent"])
			require.Equal(t, test.prompt, g.run(a).Input)
		})
	}
}

// Every row of the contract's table of errors, and the bad input that must leave the gateway working.
func TestErrors(t *testing.T) {
	disabled := false
	g := newGateway(t, setting{
		clients: []clients.Client{
			{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}},
			{ID: "off", Passthrough: true, AllowedAgents: []string{"triage"}, Enabled: &disabled},
			{ID: "tmpl", Passthrough: true, AllowedAgents: []string{"triage"}, Template: "{{ .body.missing }}"},
			{ID: "small", Passthrough: true, AllowedAgents: []string{"triage"}, MaxBodyBytes: 10},
		},
		server: func(c *server.Config) { c.Calls.MaxBodyBytes = 1000 },
	})
	long := strings.Repeat("x", 10_000)
	const asJSON = "Content-Type: application/json"
	for _, test := range []struct {
		name, path, body string
		headers          []string
		status           int
		code             string
	}{
		{"no token", "ci", "x", []string{"-Authorization"}, 401, "unauthorized"},
		{"wrong token", "ci", "x", []string{"Authorization: Bearer mgc_wrong"}, 401, "unauthorized"},
		{"empty bearer", "ci", "x", []string{"Authorization: Bearer "}, 401, "unauthorized"},
		{"no scheme", "ci", "x", []string{"Authorization: " + token}, 401, "unauthorized"},
		{"basic", "ci", "x", []string{"Authorization: Basic " + token}, 401, "unauthorized"},
		{"doubled bearer", "ci", "x", []string{"Authorization: Bearer Bearer " + token}, 401, "unauthorized"},
		{"two tokens in one header", "ci", "x", []string{"Authorization: Bearer " + token + ", Bearer " + token}, 401, "unauthorized"},
		{"token of another client", "off", "x", nil, 401, "unauthorized"},
		{"huge token", "ci", "x", []string{"Authorization: Bearer " + long}, 401, "unauthorized"},
		{"unknown client", "nobody", "x", nil, 401, "unauthorized"},
		{"dots encoded", "%2e%2e", "x", nil, 401, "unauthorized"},
		{"slash encoded", "..%2fci", "x", nil, 401, "unauthorized"},
		{"NUL", "ci%00", "x", nil, 401, "unauthorized"},
		{"10 kB of id", long, "x", nil, 401, "unauthorized"},
		{"dots", "../ci", "x", nil, 401, "unauthorized"},
		{"disabled", "off", "x", []string{"Authorization: Bearer " + token + "off"}, 403, "client_disabled"},
		{"agent not allowed", "ci?agent=other", "x", nil, 403, "agent_not_allowed"},
		{"agent that does not exist", "ci", `{"prompt":"x","agent":"nothing"}`, []string{asJSON}, 403, "agent_not_allowed"},
		{"empty", "ci", "", nil, 400, "empty_prompt"},
		{"blank", "ci", " \n\t", nil, 400, "empty_prompt"},
		{"JSON cut off", "ci", `{"prompt":"x"`, []string{asJSON}, 400, "invalid_json"},
		{"JSON twice", "ci", `{"prompt":"x"}{}`, []string{asJSON}, 400, "invalid_json"},
		{"metadata is a list", "ci", `{"prompt":"x","metadata":[]}`, []string{asJSON}, 400, "invalid_parameter"},
		{"not UTF-8", "ci", "a\xff\xfeb", nil, 400, "invalid_utf8"},
		{"wait is no number", "ci", "x", []string{"Prefer: wait=soon"}, 400, "invalid_parameter"},
		{"wait is too long", "ci", "x", []string{"Prefer: respond-async, wait=901"}, 400, "invalid_parameter"},
		{"a picture", "ci", "x", []string{"Content-Type: image/png"}, 415, "unsupported_media_type"},
		{"not compressed", "ci", "x", []string{"Content-Encoding: gzip"}, 400, "invalid_encoding"},
		{"compressed in another way", "ci", "x", []string{"Content-Encoding: compress"}, 415, "unsupported_encoding"},
		{"template cannot render", "tmpl", `{}`, []string{asJSON, "Authorization: Bearer " + token + "tmpl"}, 422, "template_failed"},
		{"one byte too many", "ci", strings.Repeat("x", 1001), nil, 413, "body_too_large"},
		{"the client's own limit", "small", strings.Repeat("x", 11), []string{"Authorization: Bearer " + token + "small"}, 413, "body_too_large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := g.countRuns()
			a := g.do(g.request("/api/v1/webhooks/"+test.path, test.body, test.headers...))
			require.Equal(t, test.status, a.StatusCode, a.body)
			requireProblem(t, a, test.code)
			require.Equal(t, before, g.countRuns())
			require.NotContains(t, a.body, token)
		})
	}
	require.Equal(t, 200, g.call(strings.Repeat("x", 1000)).StatusCode, "the gateway still works, at the limit too")
	require.Equal(t, 200, g.call("x", "Authorization: bEARER "+token).StatusCode, "the scheme's name has no case")
	require.NotContains(t, g.log.String(), token)
}

func requireProblem(t *testing.T, a answer, code string) {
	t.Helper()
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	require.NotEmpty(t, a.Header.Get("X-Request-Id"))
	m := a.json(t)
	require.Equal(t, code, m["code"])
	require.Equal(t, "urn:beckon:problem:"+code, m["type"])
	require.EqualValues(t, a.StatusCode, m["status"])
	require.Equal(t, http.StatusText(a.StatusCode), m["title"])
	require.Equal(t, false, m["ok"])
	require.NotEmpty(t, m["detail"])
	require.Equal(t, m["detail"], m["error"])
	if a.StatusCode == 401 {
		require.Equal(t, "Bearer", a.Header.Get("WWW-Authenticate"))
	}
}

func TestAnUnknownClientAndAWrongTokenAreTheSame(t *testing.T) {
	g := newGateway(t, setting{})
	unknown := g.do(g.request("/api/v1/webhooks/nobody", "x", "X-Request-Id: r"))
	wrong := g.call("x", "Authorization: Bearer mgc_wrong", "X-Request-Id: r")
	require.Equal(t, unknown.body, wrong.body)
	unknown.Header.Del("Date")
	wrong.Header.Del("Date")
	require.Equal(t, unknown.Header, wrong.Header)
}

func TestOtherRoutesAndMethods(t *testing.T) {
	g := newGateway(t, setting{})
	for path, code := range map[string]string{"/": "route_not_found", "/api/v1/nothing": "route_not_found", "/api/v1/webhooks/": "route_not_found"} {
		requireProblem(t, g.do(g.request(path, "x")), code)
	}
	r := g.request("/api/v1/webhooks/ci", "")
	r.Method = http.MethodGet
	a := g.do(r)
	require.Equal(t, 405, a.StatusCode)
	requireProblem(t, a, "method_not_allowed")
	require.Contains(t, a.Header.Get("Allow"), "POST")
}

func TestRequestIDs(t *testing.T) {
	g := newGateway(t, setting{})
	for given, kept := range map[string]bool{"abc-123": true, "a/b:c=d@e+f_g.h": true, "": false, "with space": false, "<script>": false,
		strings.Repeat("x", 128): true, strings.Repeat("x", 129): false} {
		got := g.call("x", "X-Request-Id: "+given).Header.Get("X-Request-Id")
		if kept {
			require.Equal(t, given, got)
		} else {
			require.Regexp(t, `^req_[0-9A-Z]{26}$`, got)
		}
	}
}

func TestAChunkedBodyCountsLikeAnyOther(t *testing.T) {
	g := newGateway(t, setting{server: func(c *server.Config) { c.Calls.MaxBodyBytes = 1000 }})
	chunked := func(n int) answer {
		r := g.request("/api/v1/webhooks/ci", "")
		r.Body, r.ContentLength = io.NopCloser(io.LimitReader(letters{}, int64(n))), -1
		return g.do(r)
	}
	a := chunked(1000)
	require.Equal(t, 200, a.StatusCode, a.body)
	require.Len(t, g.run(a).Input, 1000)
	require.Equal(t, 413, chunked(1001).StatusCode)
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// A gigabyte is refused by its announced length, and one that is announced by nothing is refused at the limit.
func TestAGigabyteIsNotRead(t *testing.T) {
	g := newGateway(t, setting{})
	for name, length := range map[string]int64{"announced": 1 << 30, "chunked": -1} {
		t.Run(name, func(t *testing.T) {
			sent := &counted{Reader: io.LimitReader(letters{}, 1<<30)}
			r := g.request("/api/v1/webhooks/ci", "")
			r.Body, r.ContentLength = io.NopCloser(sent), length
			response, err := http.DefaultTransport.RoundTrip(r)
			if err == nil { // else the connection was gone before the answer was read, which is as good
				defer response.Body.Close()
				require.Equal(t, 413, response.StatusCode)
			}
			require.Less(t, sent.total(), int64(64<<20))
		})
	}
	require.Equal(t, 200, g.call("x").StatusCode)
}

type counted struct {
	io.Reader
	mu sync.Mutex
	n  int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += int64(n)
	return n, err
}

func (c *counted) total() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// A caller who announces a body and hangs up in the middle of it starts nothing.
func TestABodyThatIsCutOff(t *testing.T) {
	g := newGateway(t, setting{})
	c := g.dial()
	fmt.Fprintf(c, "POST /api/v1/webhooks/ci HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\nhalf", token)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Contains(t, string(answer), "400 Bad Request")
	require.Zero(t, g.countRuns())
}

// A caller who sends a byte now and then is let go, whether in the header or in the body, and holds up nobody.
func TestASlowLoris(t *testing.T) {
	head := "POST /api/v1/webhooks/ci HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nContent-Length: 100000\r\n"
	for name, begun := range map[string]string{"header": head, "body": head + "\r\n",
		"body of a stranger": strings.Replace(head, token, "wrong", 1) + "\r\n"} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, setting{server: func(c *server.Config) {
				if c.BodyTimeout = 200 * time.Millisecond; name == "header" {
					c.HeaderTimeout = time.Second // which is also what the other caller has to begin in
				}
			}})
			c := g.dial()
			_, err := io.WriteString(c, begun)
			require.NoError(t, err)
			dripping := make(chan struct{})
			go func() {
				defer close(dripping)
				drip := time.NewTicker(10 * time.Millisecond)
				defer drip.Stop()
				for range drip.C {
					if _, err := io.WriteString(c, "x"); err != nil {
						return
					}
				}
			}()
			require.Equal(t, 200, g.call("x").StatusCode)
			answer, err := io.ReadAll(c) // until the gateway hangs up
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			switch name {
			case "body of a stranger":
				require.Contains(t, string(answer), "401 Unauthorized")
			case "body":
				require.Contains(t, string(answer), "408 Request Timeout")
				require.Contains(t, string(answer), "body_timeout")
			}
			require.NotContains(t, string(answer), "200 OK")
			<-dripping
		})
	}
}

func TestPreferWait(t *testing.T) {
	g := newGateway(t, setting{})
	a := g.call("x", "Prefer: wait=10")
	require.Equal(t, 200, a.StatusCode)
	require.Equal(t, "wait=10", a.Header.Get("Preference-Applied"))
	a = g.call("x", `Prefer: handling=lenient, Wait="7"; foo=bar`)
	require.Equal(t, "wait=7", a.Header.Get("Preference-Applied"))
	a = g.call("x", "Prefer: return=minimal")
	require.Equal(t, 200, a.StatusCode)
	require.Empty(t, a.Header.Values("Preference-Applied"))
}

func TestTheAgentsTimeRunsOut(t *testing.T) {
	g := newGateway(t, setting{clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage", "hasty"}}}})
	g.model.hold()
	a := g.do(g.request("/api/v1/webhooks/ci?agent=hasty", "x"))
	require.Equal(t, 504, a.StatusCode)
	requireProblem(t, a, "agent_timeout")
	run := g.run(a)
	require.Equal(t, runs.Failed, run.Status)
	require.Equal(t, "agent_timeout", run.Error.Code)
	require.Equal(t, run.ID, a.json(t)["runId"])
}

// What a provider does wrong becomes a failed run and a 502 that says what happened; the key stays where it is.
func TestProvidersThatFail(t *testing.T) {
	for _, test := range []struct {
		name, code string
		handle     func(w http.ResponseWriter, r *http.Request, prompt string)
	}{
		{"refuses the key", "provider_unauthorized", func(w http.ResponseWriter, r *http.Request, _ string) {
			http.Error(w, `{"error":{"message":"bad key `+r.Header.Get("Authorization")+`"}}`, http.StatusUnauthorized)
		}},
		{"429", "provider_rate_limited", func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Retry-After", "7")
			http.Error(w, `{"error":{"message":"slow down"}}`, http.StatusTooManyRequests)
		}},
		{"500", "provider_error", func(w http.ResponseWriter, _ *http.Request, p string) {
			http.Error(w, p, http.StatusInternalServerError)
		}},
		{"HTML", "provider_invalid_response", func(w http.ResponseWriter, _ *http.Request, p string) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, "<h1>%s</h1>", p)
		}},
		{"half a JSON", "provider_invalid_response", func(w http.ResponseWriter, _ *http.Request, _ string) { fmt.Fprint(w, `{"choices":[{"mess`) }},
		{"nothing", "provider_unreachable", func(http.ResponseWriter, *http.Request, string) { panic(http.ErrAbortHandler) }},
		{"empty answer", "completion_empty", func(w http.ResponseWriter, _ *http.Request, _ string) { say(w, "  ") }},
		{"hangs", "provider_timeout", func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var timeout time.Duration // the usual one, which nothing else reaches
			if test.code == "provider_timeout" {
				timeout = 2 * time.Second
			}
			g := newGateway(t, setting{timeout: timeout})
			g.model.does(test.handle)
			a := g.call("pRoMpT")
			require.Equal(t, 502, a.StatusCode, a.body)
			requireProblem(t, a, test.code)
			for _, seen := range []string{a.body, g.log.String()} {
				require.NotContains(t, seen, "sEcReT")
				require.NotContains(t, seen, "pRoMpT")
			}
			if test.name == "429" {
				require.Equal(t, "7", a.Header.Get("Retry-After"))
			}
			run := g.run(a)
			require.Equal(t, runs.Failed, run.Status)
			require.Equal(t, test.code, run.Error.Code)
			g.model.does(nil)
			require.Equal(t, 200, g.call("x").StatusCode)
		})
	}
}

func TestRateLimit(t *testing.T) {
	g := newGateway(t, setting{clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"},
		RateLimit: &clients.RateLimit{Requests: 2, Per: units.Duration(time.Hour)}}}})
	first := g.call("x")
	require.Equal(t, 200, first.StatusCode)
	require.Equal(t, `"requests";q=2;w=3600`, first.Header.Get("RateLimit-Policy"))
	require.Regexp(t, `^"requests";r=1;t=1800$`, first.Header.Get("RateLimit"))
	require.Equal(t, 200, g.call("x").StatusCode)
	third := g.call("x")
	require.Equal(t, 429, third.StatusCode)
	requireProblem(t, third, "rate_limit_exceeded")
	// The time that the calls have taken counts.
	require.Regexp(t, `^(1800|17[5-9]\d)$`, third.Header.Get("Retry-After"))
	require.Regexp(t, `^"requests";r=0;t=(3600|35[5-9]\d)$`, third.Header.Get("RateLimit"))
	require.Equal(t, 401, g.call("x", "Authorization: Bearer wrong").StatusCode, "who is not the client learns nothing of its limits")
}

func TestConcurrencyLimits(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		code   string
		s      setting
	}{
		{"of the client", 429, "too_many_concurrent_calls", setting{clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}, MaxConcurrent: 1}}}},
		{"of the gateway", 503, "gateway_full", setting{runs: func(c *runs.Config) { c.MaxConcurrent = 1 }}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newGateway(t, test.s)
			g.model.hold()
			first := make(chan answer, 1)
			go func() { first <- g.call("x") }()
			<-g.model.asked
			second := g.call("y")
			require.Equal(t, test.status, second.StatusCode)
			requireProblem(t, second, test.code)
			require.NotEmpty(t, second.Header.Get("Retry-After"))
			if test.status == 429 {
				require.Equal(t, `"concurrent";q=1;qu="concurrent-requests"`, second.Header.Get("RateLimit-Policy"))
				require.Equal(t, `"concurrent";r=0`, second.Header.Get("RateLimit"))
			}
			g.model.letGo()
			require.Equal(t, 200, (<-first).StatusCode)
			require.Equal(t, 200, g.call("z").StatusCode, "the place is free as soon as the answer is there")
		})
	}
}

func TestACallerWhoHangsUp(t *testing.T) {
	for _, test := range []struct {
		cancel bool
		status runs.Status
	}{{false, runs.Completed}, {true, runs.Canceled}} {
		t.Run(string(test.status), func(t *testing.T) {
			g := newGateway(t, setting{clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"triage"}, CancelOnDisconnect: test.cancel}}})
			g.model.hold()
			ctx, hangUp := context.WithCancel(t.Context())
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				_, err := http.DefaultClient.Do(g.request("/api/v1/webhooks/ci", "x").WithContext(ctx))
				require.ErrorIs(t, err, context.Canceled)
			}()
			<-g.model.asked
			hangUp()
			<-gone
			if !test.cancel {
				g.model.letGo()
			}
			require.Eventually(t, func() bool {
				return slices.Equal(storetest.Rows[string](t, g.store, "SELECT status FROM runs"), []string{string(test.status)})
			}, 10*time.Second, 5*time.Millisecond)
		})
	}
}

// Shutdown lets the calls under way end, takes no new ones, and ends what is still going when the grace is over.
func TestShutdown(t *testing.T) {
	t.Run("within the grace", func(t *testing.T) {
		g := newGateway(t, setting{})
		g.model.hold()
		first, down := make(chan answer, 1), make(chan error, 1)
		go func() { first <- g.call("x") }()
		<-g.model.asked
		go func() { down <- g.srv.Shutdown(t.Context()) }()
		probe := func(path string) int {
			response, err := http.Get(g.url + path)
			require.NoError(t, err)
			defer response.Body.Close()
			return response.StatusCode
		}
		require.Eventually(t, func() bool { // it is not ready a moment before it takes no calls
			leave, err := g.runs.Slot(true)
			if err == nil {
				leave()
			}
			return err != nil
		}, patience, time.Millisecond)
		require.Equal(t, 503, probe("/readyz"))
		require.Equal(t, 200, probe("/healthz"))
		for _, more := range []string{"Prefer: wait=5", "Prefer: respond-async", "Accept: text/event-stream"} {
			refused := g.call("x", more)
			require.Equal(t, 503, refused.StatusCode, more)
			requireProblem(t, refused, "shutting_down")
			require.NotEmpty(t, refused.Header.Get("Retry-After"))
		}
		list := g.request("/api/v1/runs", "")
		list.Method = http.MethodGet
		require.Equal(t, 200, g.do(list).StatusCode, "runs can be read to the end")
		g.model.letGo()
		require.Equal(t, 200, (<-first).StatusCode)
		require.NoError(t, <-down)
	})
	for retry, status := range map[bool]runs.Status{true: runs.Queued, false: runs.Failed} {
		t.Run(fmt.Sprintf("after the grace, retryOnCrash: %v", retry), func(t *testing.T) {
			g := newGateway(t, setting{agents: []agents.Agent{{ID: "asked", Provider: "model", Model: "m", RetryOnCrash: &retry}},
				clients: []clients.Client{{ID: "ci", Passthrough: true, AllowedAgents: []string{"asked"}}}})
			g.model.hold()
			first := make(chan answer, 1)
			go func() { first <- g.call("x") }()
			<-g.model.asked
			over, cancel := context.WithCancel(t.Context())
			cancel()
			require.NoError(t, g.srv.Shutdown(over))
			a := <-first
			require.Equal(t, 503, a.StatusCode, a.body)
			requireProblem(t, a, "interrupted")
			require.Equal(t, status, g.run(a).Status)
		})
	}
	t.Run("with a connection that was only opened", func(t *testing.T) {
		g := newGateway(t, setting{})
		c := g.dial()
		require.Equal(t, 200, g.call("x").StatusCode) // by now it is accepted
		require.NoError(t, g.srv.Shutdown(t.Context()))
		_, err := c.Read(make([]byte, 1))
		require.Error(t, err)
	})
}

// serve answers without a network.
func serve(g *gateway, method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader("x"))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	g.srv.ServeHTTP(w, r)
	return w
}

func TestProbesAndMetrics(t *testing.T) {
	g := newGateway(t, setting{})
	require.Equal(t, 200, g.call("x").StatusCode)
	require.Equal(t, 401, g.call("x", "-Authorization").StatusCode)
	for path, want := range map[string]string{"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`} {
		w := serve(g, "GET", path)
		require.Equal(t, 200, w.Code)
		require.JSONEq(t, want, w.Body.String())
	}
	metrics := serve(g, "GET", "/metrics").Body.String()
	for _, line := range []string{
		`beckon_runs_total{status="COMPLETED"} 1`, `beckon_calls_refused_total{code="unauthorized"} 1`, `beckon_runs_running 0`,
		`beckon_http_requests_total{route="/api/v1/webhooks/:clientID",status="200"} 1`, `beckon_model_tokens_total{kind="prompt"} 12`,
	} {
		require.Contains(t, metrics, line+"\n")
	}
}

// A database that another process holds, and one that is full, are a 503; what was acknowledged before is still there.
func TestADatabaseThatIsLockedOrFull(t *testing.T) {
	url := storetest.SQLite(t)
	s := storetest.Open(t, url)
	g := newGateway(t, setting{store: s})
	require.Equal(t, 200, g.call("before").StatusCode)
	release := holdLock(t, url)
	a := g.call("locked")
	release()
	require.Equal(t, 503, a.StatusCode, a.body)
	requireProblem(t, a, "storage_unavailable")
	require.NotContains(t, a.json(t), "runId")
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Equal(t, 200, g.call("after").StatusCode)

	fillDisk(t, s)
	big := strings.Repeat("x", 500_000)
	refused := []answer{g.call(big), g.call(big, "Prefer: wait=0"), g.call(big, "Prefer: respond-async"), g.call(big, "Accept: text/event-stream"),
		g.call(big, "Idempotency-Key: k"), g.do(g.request("/api/v1/runs", `{"agent":"triage","input":"`+big+`"}`, "Content-Type: application/json"))}
	makeRoom(t, s)
	for _, full := range refused {
		require.Equal(t, 503, full.StatusCode, full.body)
		requireProblem(t, full, "storage_unavailable")
		require.Contains(t, full.body, "Nothing was recorded")
		require.NotContains(t, full.json(t), "runId", "there is no such run")
		require.Empty(t, full.Header.Get("Beckon-Run-Id"))
		require.Empty(t, full.Header.Get("Location"))
	}
	require.Equal(t, 200, g.call("at last").StatusCode)
	require.Equal(t, 3, storetest.Row[int](t, s, "SELECT COUNT(*) FROM runs WHERE status = 'COMPLETED'"))
}
