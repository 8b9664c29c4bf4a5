package chat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

const (
	key    = "sk-proj-Zq81xKv0aaaaT4"
	prompt = "Why did the build of the payment service fail last night?"
)

// answer is a completion with a text.
func answer(text string) string { return completion(text, "stop") }

func completion(text, finish string) string {
	content, _ := json.Marshal(text)
	return fmt.Sprintf(`{"id":"c1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":%q}],
		"usage":{"prompt_tokens":12,"completion_tokens":6,"total_tokens":18}}`, content, finish)
}

// reply is a handler that answers with a status, a body and headers given as "Name: value".
func reply(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// provider is a real HTTP server that answers with one handler after the other, the last one again and again.
type provider struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
	waits    []time.Duration
	log      bytes.Buffer
}

type request struct {
	url    string
	header http.Header
	body   string
}

func serve(t *testing.T, script ...http.HandlerFunc) *provider {
	p := &provider{}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		p.requests = append(p.requests, request{r.URL.String(), r.Header.Clone(), string(body)})
		handler := script[min(len(p.requests), len(script))-1]
		p.mu.Unlock()
		handler(w, r)
	}))
	p.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	p.Start()
	t.Cleanup(p.Close)
	return p
}

// seen returns the requests so far.
func (p *provider) seen() []request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// wait remembers how long it should have been, and is over at once.
func (p *provider) wait(ctx context.Context, d time.Duration) error {
	p.waits = append(p.waits, d)
	return ctx.Err()
}

func (p *provider) agent(t *testing.T, a agents.Agent, change ...func(*agents.Provider)) agents.Invoker {
	t.Helper()
	transport := egress.NewProviders()
	t.Cleanup(transport.CloseIdleConnections)
	config := agents.Provider{ID: "acme", Type: "openai", URL: p.URL + "/v1", APIKey: key}
	for _, c := range change {
		c(&config)
	}
	a.ID = "triage"
	if a.Model == "" {
		a.Model = "m"
	}
	invoker, fields := chat.NewWaiting(transport, slog.New(slog.NewTextHandler(&p.log, nil)), p.wait)(config, a)
	require.Empty(t, fields)
	return invoker
}

func ask(ctx context.Context, i agents.Invoker) (agents.Result, error) {
	return i.Invoke(ctx, agents.Call{AgentID: "triage", Prompt: prompt})
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return problem.Of(err).Code
}

// abort breaks the connection.
func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// breakOff sends half an answer and breaks the connection.
func breakOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, answer("half")[:40])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// hang answers nothing until the caller goes away.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// trickle sends the head of an answer and then nothing more.
func trickle(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, `{"id":`)
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// patiently does something that has a timeout until it has come to what the timeout is to end, each time with a longer one:
// a busy machine may need more than the first only to get a request to the provider.
func patiently(timeout *time.Duration, do func() bool) {
	for !do() && *timeout > 0 && *timeout < 5*time.Second {
		*timeout *= 5
	}
}

func TestOutcomes(t *testing.T) {
	ok := reply(200, answer("Hello"))
	huge := func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		_, _ = io.WriteString(w, `{"id":"`)
		for range 17 {
			_, _ = w.Write(chunk)
		}
	}
	for _, c := range []struct {
		name     string
		script   []http.HandlerFunc
		timeout  time.Duration // of the provider
		code     string
		output   string
		attempts int
		detail   string
	}{
		{"a text", []http.HandlerFunc{ok}, 0, "", "Hello", 1, ""},
		{"text in parts", []http.HandlerFunc{reply(200, `{"choices":[{"message":{"content":[{"type":"text","text":"Hel"},{"type":"text","text":"lo"}]}}]}`)}, 0, "", "Hello", 1, ""},
		{"not UTF-8", []http.HandlerFunc{reply(200, "{\"choices\":[{\"message\":{\"content\":\"a\xff\\u0000b\"}}]}")}, 0, "", "a\uFFFD\uFFFDb", 1, ""},
		{"401", []http.HandlerFunc{reply(401, `{"error":{"message":"Incorrect API key provided: sk-pr*****aT4"}}`)}, 0, "provider_unauthorized", "", 1, "refused the API key (status 401)"},
		{"403", []http.HandlerFunc{reply(403, `no`)}, 0, "provider_unauthorized", "", 1, "status 403"},
		{"400", []http.HandlerFunc{reply(400, `{"error":{"message":"what?"}}`)}, 0, "provider_rejected", "", 1, `model "m"`},
		{"404", []http.HandlerFunc{reply(404, `404 page not found`)}, 0, "provider_rejected", "", 1, "status 404"},
		{"422", []http.HandlerFunc{reply(422, `{}`)}, 0, "provider_rejected", "", 1, "status 422"},
		{"418", []http.HandlerFunc{reply(418, `{}`)}, 0, "provider_error", "", 1, "status 418"},
		{"429 for good", []http.HandlerFunc{reply(429, `{}`)}, 0, "provider_rate_limited", "", 3, "3 attempts"},
		{"429 once", []http.HandlerFunc{reply(429, `{}`), ok}, 0, "", "Hello", 2, ""},
		{"500 once", []http.HandlerFunc{reply(500, `{}`), ok}, 0, "", "Hello", 2, ""},
		{"502 and 504", []http.HandlerFunc{reply(502, `{}`), reply(504, ``), ok}, 0, "", "Hello", 3, ""},
		{"529 for good", []http.HandlerFunc{reply(529, `{}`)}, 0, "provider_error", "", 3, "status 529 (3 attempts)"},
		{"501 is final", []http.HandlerFunc{reply(501, `{}`)}, 0, "provider_error", "", 1, "status 501"},
		{"505 is final", []http.HandlerFunc{reply(505, `{}`)}, 0, "provider_error", "", 1, "status 505"},
		{"503, then refused", []http.HandlerFunc{reply(503, `{}`), reply(401, `{}`)}, 0, "provider_unauthorized", "", 2, ""},
		{"redirect", []http.HandlerFunc{http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect).ServeHTTP, ok}, 0, "provider_error", "", 1, "redirect (status 307)"},
		{"HTML", []http.HandlerFunc{reply(200, "<html>Sign in</html>")}, 0, "provider_invalid_response", "", 1, "not a chat completion"},
		{"half a JSON", []http.HandlerFunc{reply(200, answer("x")[:50])}, 0, "provider_invalid_response", "", 1, ""},
		{"wrong shape", []http.HandlerFunc{reply(200, `{"choices":"none"}`)}, 0, "provider_invalid_response", "", 1, ""},
		{"another JSON", []http.HandlerFunc{reply(200, `{"status":"fine"}`)}, 0, "provider_invalid_response", "", 1, ""},
		{"no body", []http.HandlerFunc{reply(200, ``)}, 0, "provider_invalid_response", "", 1, ""},
		{"204", []http.HandlerFunc{reply(204, ``)}, 0, "provider_invalid_response", "", 1, ""},
		{"huge", []http.HandlerFunc{huge}, 0, "provider_invalid_response", "", 1, "more than 16 MiB"},
		{"broken in the body once", []http.HandlerFunc{breakOff, ok}, 0, "", "Hello", 2, ""},
		{"broken in the body", []http.HandlerFunc{breakOff}, 0, "provider_unreachable", "", 3, "broke off (3 attempts)"},
		{"closed at once", []http.HandlerFunc{abort}, 0, "provider_unreachable", "", 3, "broke off"},
		{"closed once", []http.HandlerFunc{abort, ok}, 0, "", "Hello", 2, ""},
		{"hangs", []http.HandlerFunc{hang}, 40 * time.Millisecond, "provider_timeout", "", 3, "(3 attempts)"},
		{"hangs once", []http.HandlerFunc{hang, ok}, 300 * time.Millisecond, "", "Hello", 2, ""},
		{"hangs in the body", []http.HandlerFunc{trickle}, 40 * time.Millisecond, "provider_timeout", "", 3, ""},
		{"no choices", []http.HandlerFunc{reply(200, `{"id":"c","choices":[]}`)}, 0, "completion_empty", "", 1, "no choices"},
		{"empty", []http.HandlerFunc{reply(200, answer(""))}, 0, "completion_empty", "", 1, "text is empty"},
		{"white space", []http.HandlerFunc{reply(200, answer(" \n\t\u00a0"))}, 0, "completion_empty", "", 1, ""},
		{"null", []http.HandlerFunc{reply(200, `{"choices":[{"message":{"content":null}}]}`)}, 0, "completion_empty", "", 1, ""},
		{"a tool call", []http.HandlerFunc{reply(200, `{"choices":[{"message":{"content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}`)}, 0, "completion_empty", "", 1, "tool"},
		{"cut off", []http.HandlerFunc{reply(200, completion("Once upon", "length"))}, 0, "completion_truncated", "Once upon", 1, "Raise maxTokens"},
		{"cut off before a word", []http.HandlerFunc{reply(200, completion("", "length"))}, 0, "completion_truncated", "", 1, "before it wrote"},
		{"filtered", []http.HandlerFunc{reply(200, completion("Half of", "content_filter"))}, 0, "completion_refused", "", 1, ""},
		{"refused", []http.HandlerFunc{reply(200, `{"choices":[{"message":{"content":null,"refusal":"I can't."},"finish_reason":"stop"}]}`)}, 0, "completion_refused", "", 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p *provider
			var result agents.Result
			var err error
			timeout := c.timeout
			patiently(&timeout, func() bool {
				p = serve(t, c.script...)
				result, err = ask(t.Context(), p.agent(t, agents.Agent{}, func(p *agents.Provider) { p.Timeout = units.Duration(timeout) }))
				return len(p.seen()) == c.attempts
			})
			require.Equal(t, c.code, code(err), "%v", err)
			require.Equal(t, c.output, result.Output)
			require.Len(t, p.seen(), c.attempts)
			require.Len(t, p.waits, c.attempts-1)
			for _, r := range p.seen() {
				require.Equal(t, p.seen()[0].body, r.body, "an attempt sent another body")
			}
			if err != nil {
				require.True(t, problem.Is(err, problem.Upstream))
				require.Contains(t, problem.Of(err).Detail, c.detail)
			}
			if c.code == "provider_timeout" {
				require.Contains(t, problem.Of(err).Detail, "within "+units.Duration(timeout).String())
			}
			require.NotContains(t, fmt.Sprint(err)+p.log.String(), "sk-pr")
		})
	}
}

func TestUsageIsPassedThrough(t *testing.T) {
	for body, want := range map[string]agents.Usage{
		answer("x"):               {PromptTokens: 12, CompletionTokens: 6, TotalTokens: 18},
		completion("x", "length"): {PromptTokens: 12, CompletionTokens: 6, TotalTokens: 18},
		completion("", "stop"):    {PromptTokens: 12, CompletionTokens: 6, TotalTokens: 18},
		`{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`: {PromptTokens: 3, CompletionTokens: 4, TotalTokens: 7},
		`{"choices":[{"message":{"content":"x"}}]}`:                                                   {},
	} {
		result, _ := ask(t.Context(), serve(t, reply(200, body)).agent(t, agents.Agent{}))
		require.Equal(t, want, result.Usage, body)
	}
}

func TestUnreachable(t *testing.T) {
	plain := serve(t, reply(200, answer("x")))
	untrusted := httptest.NewUnstartedServer(nil)
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	untrusted.StartTLS()
	defer untrusted.Close()
	for url, want := range map[string]struct {
		detail string
		waits  int
	}{
		"http://127.0.0.1:1": {"it refuses connections (3 attempts)", 2}, // a port that nobody is given
		untrusted.URL:        {"its TLS certificate cannot be trusted.", 0},
		strings.Replace(plain.URL, "http:", "https:", 1): {"it does not speak TLS (3 attempts)", 2},
	} {
		t.Run(want.detail, func(t *testing.T) {
			p := serve(t, abort)
			_, err := ask(t.Context(), p.agent(t, agents.Agent{}, func(p *agents.Provider) { p.URL = url + "/v1?token=s3cret" }))
			require.Equal(t, "provider_unreachable", code(err))
			require.Contains(t, problem.Of(err).Detail, want.detail)
			require.Len(t, p.waits, want.waits)
			require.Contains(t, err.Error(), ": POST "+url+"/v1/chat/completions: ", "the log needs the address")
			require.NotContains(t, err.Error(), ".:")
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	p := serve(t, reply(429, `{}`, "Retry-After: 7"), reply(503, `{}`, "Retry-After: 0.01"), reply(200, answer("x")))
	_, err := ask(t.Context(), p.agent(t, agents.Agent{}))
	require.NoError(t, err)
	require.Equal(t, 7*time.Second, p.waits[0])
	require.Greater(t, p.waits[1], 500*time.Millisecond, "a shorter wait than our own was believed")
}

func TestGivesUpWhenTheWaitIsTooLong(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := serve(t, reply(429, `{}`, "Retry-After: 90"))
	_, err := ask(ctx, p.agent(t, agents.Agent{}))
	require.Equal(t, "provider_rate_limited", code(err))
	require.Contains(t, problem.Of(err).Detail, "the next attempt would have come in 1m30s, after the agent's time")
	require.Equal(t, 90*time.Second, problem.Of(err).RetryAfter)
	require.Len(t, p.seen(), 1)
	require.Empty(t, p.waits)
}

func TestNoRetriesWhenNoneAreWanted(t *testing.T) {
	p := serve(t, reply(503, `{}`, "Retry-After: 1"))
	_, err := ask(t.Context(), p.agent(t, agents.Agent{}, func(p *agents.Provider) { p.MaxRetries = new(int) }))
	require.Equal(t, "provider_error", code(err))
	require.Len(t, p.seen(), 1)
}

func TestTheAgentsTime(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		code  string
	}{
		"plain":              {nil, "agent_timeout"},
		"with a cause":       {errors.New("five minutes"), "agent_timeout"},
		"a problem as cause": {problem.New(problem.Expired, "flow_timeout", "x"), "flow_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 40*time.Millisecond, c.cause)
			defer cancel()
			p := serve(t, hang)
			_, err := ask(ctx, p.agent(t, agents.Agent{}))
			require.Equal(t, c.code, code(err))
			require.True(t, problem.Is(err, problem.Expired))
			require.Empty(t, p.waits, "tried again without time")
		})
	}
}

func TestCancelling(t *testing.T) {
	because := errors.New("the caller hung up")
	ctx, cancel := context.WithCancelCause(t.Context())
	p := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel(because)
		<-r.Context().Done()
	})
	agent := p.agent(t, agents.Agent{})
	for range 2 { // in the middle, and before it begins
		_, err := ask(ctx, agent)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, because)
	}
	require.Len(t, p.seen(), 1)
	require.Empty(t, p.waits)
}

func TestCancellingTheWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := serve(t, reply(500, `{}`))
	transport := egress.NewProviders()
	defer transport.CloseIdleConnections()
	agent, _ := chat.NewWaiting(transport, slog.New(slog.DiscardHandler), func(ctx context.Context, _ time.Duration) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})(agents.Provider{URL: p.URL}, agents.Agent{Model: "m"})
	_, err := ask(ctx, agent)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, p.seen(), 1)
}

// The provider's own words help whoever runs the gateway; they go to the log, and not with the prompt or the key.
func TestTheLogHasTheReasonWithoutSecrets(t *testing.T) {
	echo := func(format string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := json.Marshal(fmt.Sprintf("it went wrong; you said %s; be brief and kind to everybody; key %s; trace %s; q %s",
				prompt[:40], key[:6]+"****"+key[len(key)-4:], r.Header.Get("X-Tenant"), r.URL.RawQuery))
			w.WriteHeader(400)
			_, _ = fmt.Fprintf(w, format, body)
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"OpenAI's shape": echo(`{"error":{"message":%s,"type":"invalid_request_error"}}`),
		"an array":       echo(`[{"error":{"message":%s}}]`),
		"HTML":           echo(`<html>%s</html>`),
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, handler)
			_, err := ask(t.Context(), p.agent(t, agents.Agent{SystemPrompt: "be brief and kind to everybody"}, func(p *agents.Provider) {
				p.URL += "?subscription=hidden-in-query"
				p.Headers = map[string]secret.String{"X-Tenant": "tenant-quince"}
			}))
			require.Equal(t, "provider_rejected", code(err))
			require.NotContains(t, problem.Of(err).Detail, "it went wrong;")
			text := err.Error()
			require.Contains(t, text, "it went wrong;")
			require.Contains(t, text, p.URL+"/v1/chat/completions: status 400")
			for _, hidden := range []string{"Why did", "payment", "kind to", "sk-pro", key[len(key)-4:], "quince", "hidden"} {
				require.NotContains(t, text, hidden)
			}
		})
	}
}

func TestTheLogIsBounded(t *testing.T) {
	p := serve(t, reply(500, strings.Repeat("long ", 1<<20)))
	_, err := ask(t.Context(), p.agent(t, agents.Agent{}))
	require.Less(t, len(err.Error()), 3<<10)
	require.NotContains(t, p.log.String(), "long")
	require.Contains(t, p.log.String(), "attempt=2")
}
