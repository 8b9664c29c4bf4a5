package job_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/agentstest"
	"beckon/agents/job"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/units"
)

const key = "job-key-51f0c2d9"

// api is a job API: each path has answers, the last of which is given again and again.
type api struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]http.HandlerFunc
	seen    []string
	headers []http.Header
	bodies  []string
}

func serve(t *testing.T, answers map[string][]http.HandlerFunc) *api {
	a := &api{answers: answers}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		a.mu.Lock()
		asked := r.Method + " " + r.URL.RequestURI()
		a.seen, a.headers, a.bodies = append(a.seen, asked), append(a.headers, r.Header.Clone()), append(a.bodies, string(body))
		script := a.answers[asked]
		if len(script) == 0 {
			script = []http.HandlerFunc{reply(404, `{"error":"no such path"}`)}
		}
		if len(script) > 1 {
			a.answers[asked] = script[1:]
		}
		a.mu.Unlock()
		script[0](w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *api) asked() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.seen...)
}

func reply(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "HOST", "http://"+r.Host))
	}
}

func script(list ...http.HandlerFunc) []http.HandlerFunc { return list }

// videoAgent submits, polls, fetches and can be stopped.
func videoAgent(url string) agents.Agent {
	return agents.Agent{ID: "video", Kind: agents.KindHTTP,
		Request: &agents.Request{Method: "post", URL: url + "/v1/videos?size={{ .input.size | default \"small\" }}", Headers: map[string]secret.String{"authorization": "Bearer " + key},
			Body: `{"prompt":{{ json .input.prompt }},"team":{{ json .metadata.team }}}`},
		Poll: &agents.Poll{URL: url + "/v1/videos/{{ .answer.id }}", Until: `answer.status == "completed"`, Failed: `answer.status in ["failed", "expired"]`,
			Every: units.Duration(100 * time.Millisecond), Progress: "answer.progress"},
		Cancel: &agents.Cancel{Method: "DELETE", URL: url + "/v1/videos/{{ .answer.id }}"},
		Output: &agents.Output{Text: "answer.title"}, Artifacts: "answer.files.map(f, f.url)"}
}

var videoCall = agents.Call{RunID: "run_1", Prompt: `{"prompt":"a \"cat\""}`, Metadata: []byte(`{"team":"blue"}`)}

type waiting struct {
	mu   sync.Mutex
	list []time.Duration
}

func (w *waiting) wait(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, d)
	return ctx.Err()
}

// invokerOf makes an agent's invoker, which may fetch from networks besides public ones.
func invokerOf(t *testing.T, a agents.Agent, log io.Writer, networks ...string) agents.Invoker {
	t.Helper()
	require.Empty(t, a.Check())
	var allowed []netip.Prefix
	for _, network := range networks {
		allowed = append(allowed, netip.MustParsePrefix(network))
	}
	out := egress.NewWebhooks(egress.NewGuard(func() []netip.Prefix { return allowed }))
	t.Cleanup(out.Close)
	invoker, found := job.NewWaiting(out, slog.New(slog.NewTextHandler(log, nil)), (&waiting{}).wait)(a)
	require.Empty(t, found)
	return invoker
}

// invoke waits for the end of a call, however often it parks.
func invoke(ctx context.Context, i agents.Invoker, call agents.Call) (agents.Result, error) {
	result, err := i.Invoke(ctx, call)
	return agents.AwaitParked(ctx, result, err)
}

func TestAJob(t *testing.T) {
	elsewhere := serve(t, map[string][]http.HandlerFunc{
		"GET /b.mp4": script(reply(200, "the second film", "Content-Disposition: attachment; filename=\"../second.mp4\""))})
	a := serve(t, map[string][]http.HandlerFunc{
		"POST /v1/videos?size=small": script(reply(503, ""), reply(202, `{"id":7,"cost":1.10,"status":"queued"}`)),
		"GET /v1/videos/7": script(reply(200, `{"status":"running","progress":12.7}`), reply(429, "", "Retry-After: 3"), reply(200, `{"status":"running","progress":12.9}`),
			reply(200, `{"status":"running","progress":250}`), reply(200, `{"status":"completed","title":"Cats","files":[{"url":"/files/a.mp4"},{"url":"`+elsewhere.URL+`/b.mp4"}]}`)),
		"GET /files/a.mp4": script(reply(500, ""), reply(200, "the first film", "Content-Type: text/html"))})
	files, percents := &agentstest.Files{}, []int{}
	call := videoCall
	call.Files, call.Percent = files, func(p int) { percents = append(percents, p) }
	result, err := invoke(t.Context(), invokerOf(t, videoAgent(a.URL), io.Discard, "127.0.0.0/8"), call)
	require.NoError(t, err)
	require.Equal(t, "Cats", result.Output)
	require.Equal(t, []int{12, 100}, percents)
	require.Len(t, result.Artifacts, 2)
	require.Equal(t, "the first film", files.Content(result.Artifacts[0].ID))
	require.Equal(t, "a.mp4", result.Artifacts[0].Name)
	require.Equal(t, "text/plain; charset=utf-8", result.Artifacts[0].MediaType, "by its content")
	require.Equal(t, "the second film", files.Content(result.Artifacts[1].ID))
	require.Equal(t, "second.mp4", result.Artifacts[1].Name)
	require.JSONEq(t, `{"prompt":"a \"cat\"","team":"blue"}`, a.bodies[1])
	require.NotEmpty(t, a.headers[0].Get("Idempotency-Key"))
	require.Equal(t, a.headers[0].Get("Idempotency-Key"), a.headers[1].Get("Idempotency-Key"))
	for _, h := range a.headers {
		require.Equal(t, "Bearer "+key, h.Get("Authorization"))
	}
	require.Empty(t, elsewhere.headers[0].Get("Authorization"), "another host gets no headers")
	require.Equal(t, "127.0.0.1", result.By.Provider)
	require.Len(t, result.By.Attempts, 2)
}

func TestOneRequest(t *testing.T) {
	a := serve(t, map[string][]http.HandlerFunc{
		"GET /v1/quotes/blue": script(reply(200, `{"quote":{"text":"Hi"},"n":2}`)),
		"POST /v1/quotes":     script(reply(200, `{"image":"data:image/png;base64,`+base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n"))+`"}`))})
	for _, c := range []struct {
		agent agents.Agent
		want  string
		files int
	}{
		{agents.Agent{Request: &agents.Request{URL: a.URL + "/v1/quotes/{{ .input }}"}}, `{"n":2,"quote":{"text":"Hi"}}`, 0},
		{agents.Agent{Request: &agents.Request{URL: a.URL + "/v1/quotes/{{ .input }}"}, Output: &agents.Output{Text: "answer.quote"}}, `{"text":"Hi"}`, 0},
		{agents.Agent{Request: &agents.Request{URL: a.URL + "/v1/quotes", Body: "{}"}, Artifacts: "answer.image"}, "", 1},
		{agents.Agent{Request: &agents.Request{URL: a.URL + "/v1/quotes/blue"}, Output: &agents.Output{Schema: agents.OutputSchema{"type": "object", "required": []any{"n"}}}}, `{"n":2,"quote":{"text":"Hi"}}`, 0},
	} {
		c.agent.ID, c.agent.Kind = "quotes", agents.KindHTTP
		result, err := invoke(t.Context(), invokerOf(t, c.agent, io.Discard), agents.Call{Prompt: "blue", Files: &agentstest.Files{}})
		require.NoError(t, err)
		require.Equal(t, c.want, result.Output)
		require.Len(t, result.Artifacts, c.files)
	}
}

// kept are the responses of a run.
type kept struct {
	mu     sync.Mutex
	list   []agents.Response
	goesOn bool
	fails  error
}

func (k *kept) Node(string) agents.Responses { return k }

func (k *kept) List() []agents.Response {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.list
}

func (k *kept) Add(_ context.Context, r agents.Response) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = append(k.list, r)
	return k.fails
}

func (k *kept) GoesOn(context.Context) bool { return k.goesOn }

func TestAJobIsTakenUpAndNotBegunTwice(t *testing.T) {
	a := serve(t, map[string][]http.HandlerFunc{
		"POST /v1/videos?size=small": script(reply(200, `{"id":"v7"}`)),
		"GET /v1/videos/v7":          script(reply(200, `{"status":"completed","title":"Cats","files":[]}`)),
		"DELETE /v1/videos/v7":       script(reply(204, ""))})
	call, record := videoCall, &kept{}
	call.Responses, call.Files = record, &agentstest.Files{}
	i := invokerOf(t, videoAgent(a.URL), io.Discard)
	_, err := i.Invoke(t.Context(), call)
	require.ErrorAs(t, err, new(*agents.Parked)) // and there the process dies
	require.Equal(t, []string{"POST /v1/videos?size=small"}, a.asked())
	require.Equal(t, a.URL+"/v1/videos/v7", record.list[0].ID)
	require.Equal(t, &agents.RemoteRequest{Method: "DELETE", URL: a.URL + "/v1/videos/v7"}, record.list[0].Cancel)

	result, err := invoke(t.Context(), invokerOf(t, videoAgent(a.URL), io.Discard), call)
	require.NoError(t, err)
	require.Equal(t, "Cats", result.Output)
	require.Equal(t, []string{"POST /v1/videos?size=small", "GET /v1/videos/v7"}, a.asked())

	other := call
	other.Prompt = `{"prompt":"a dog"}`
	_, err = invoke(t.Context(), i, other)
	require.NoError(t, err)
	require.Len(t, a.asked(), 4, "another request begins another job")

	require.NoError(t, i.(agents.ResponseCanceler).CancelResponse(t.Context(), record.list[0]))
	require.Equal(t, "DELETE /v1/videos/v7", a.asked()[4])
}

func TestACanceledJobIsStopped(t *testing.T) {
	for name, c := range map[string]struct {
		cancel  func(context.Context) (context.Context, context.CancelFunc)
		goesOn  bool
		code    string
		stopped bool
	}{
		"canceled": {context.WithCancel, false, "", true},
		"timeout": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 300*time.Millisecond)
		}, false, "agent_timeout", true},
		"goes on elsewhere": {context.WithCancel, true, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := c.cancel(t.Context())
			defer cancel()
			var once sync.Once
			a := serve(t, map[string][]http.HandlerFunc{
				"POST /v1/videos?size=small": script(reply(200, `{"id":"v7"}`)),
				"DELETE /v1/videos/v7":       script(reply(200, "{}")),
				"GET /v1/videos/v7": script(func(w http.ResponseWriter, r *http.Request) {
					reply(200, `{"status":"running"}`)(w, r)
					if name != "timeout" {
						once.Do(cancel)
					}
				})})
			call := videoCall
			call.Responses = &kept{goesOn: c.goesOn}
			_, err := invoke(ctx, invokerOf(t, videoAgent(a.URL), io.Discard), call)
			require.Error(t, err)
			if c.code != "" {
				require.Equal(t, c.code, problem.Of(err).Code)
			} else {
				require.ErrorIs(t, err, context.Canceled)
			}
			asked := a.asked()
			require.Equal(t, c.stopped, asked[len(asked)-1] == "DELETE /v1/videos/v7", asked)
			require.Equal(t, "Bearer "+key, a.headers[len(asked)-1].Get("Authorization"))
		})
	}
}

func TestJobsThatFail(t *testing.T) {
	begun := script(reply(200, `{"id":"v7","status":"queued"}`))
	submit, poll := "POST /v1/videos?size=small", "GET /v1/videos/v7"
	done := func(files string) []http.HandlerFunc {
		return script(reply(200, `{"status":"completed","title":"x","files":`+files+`}`))
	}
	for _, c := range []struct {
		name    string
		answers map[string][]http.HandlerFunc
		change  func(*agents.Agent)
		call    func(*agents.Call)
		code    string
		detail  string
		asked   int
	}{
		{"not JSON", map[string][]http.HandlerFunc{submit: script(reply(200, "<html>"))}, nil, nil, "provider_invalid_response", "not JSON", 1},
		{"refused", map[string][]http.HandlerFunc{submit: script(reply(401, "your key is "+key))}, nil, nil, "provider_unauthorized", "Check the agent's headers", 1},
		{"rejected", map[string][]http.HandlerFunc{submit: script(reply(422, `{"detail":"no such size"}`))}, nil, nil, "provider_rejected", "status 422", 1},
		{"overloaded", map[string][]http.HandlerFunc{submit: script(reply(503, ""))}, nil, nil, "provider_error", "status 503", 3},
		{"a redirect", map[string][]http.HandlerFunc{submit: script(reply(307, "", "Location: http://10.0.0.1/"))}, nil, nil, "provider_error", "redirect", 1},
		{"too large", map[string][]http.HandlerFunc{submit: script(reply(200, `"`+strings.Repeat("x", 5<<20)+`"`))}, nil, nil, "provider_invalid_response", "4 MiB", 1},
		{"the job fails", map[string][]http.HandlerFunc{submit: begun, poll: script(reply(200, `{"status":"failed","why":"`+key+`"}`))}, nil, nil, "job_failed", "has failed", 2},
		{"the job is gone", map[string][]http.HandlerFunc{submit: begun}, nil, nil, "provider_rejected", "status 404", 2},
		{"no id", map[string][]http.HandlerFunc{submit: script(reply(200, `{"status":"queued"}`))}, nil, nil, "template_failed", "cancel.url", 1},
		{"a private address", map[string][]http.HandlerFunc{submit: begun, poll: done(`[{"url":"http://10.0.0.1/a"}]`)}, nil, nil, "artifact_unavailable", "private network", 2},
		{"a redirect to a private address", map[string][]http.HandlerFunc{submit: begun, poll: done(`[{"url":"/a"}]`), "GET /a": script(reply(302, "", "Location: http://169.254.169.254/latest"))},
			nil, nil, "artifact_unavailable", "link-local", 3},
		{"a file of this machine", map[string][]http.HandlerFunc{submit: begun, poll: done(`[{"url":"file:///etc/passwd"}]`)}, nil, nil, "artifact_unavailable", "must begin with http", 2},
		{"a file that is too large", map[string][]http.HandlerFunc{submit: begun, poll: done(`[{"url":"/a"}]`), "GET /a": script(reply(200, strings.Repeat("x", 5000)))},
			nil, nil, "artifact_too_large", "4096", 3},
		{"no file", map[string][]http.HandlerFunc{submit: begun, poll: done(`[{"url":"/a"}]`)}, nil, nil, "artifact_unavailable", "status 404", 3},
		{"files that are none", map[string][]http.HandlerFunc{submit: begun, poll: done(`[{"url":7}]`)}, nil, nil, "provider_invalid_response", "artifacts", 2},
		{"no output", map[string][]http.HandlerFunc{submit: begun, poll: script(reply(200, `{"status":"completed","files":[]}`))}, nil, nil, "provider_invalid_response", "its output", 2},
		{"a poll elsewhere", map[string][]http.HandlerFunc{submit: script(reply(200, `{"id":"v7","next":"http://10.0.0.1/poll"}`))},
			func(a *agents.Agent) { a.Poll.URL = "{{ .answer.next }}" }, nil, "provider_unreachable", "private network", 1},
		{"not of its schema", map[string][]http.HandlerFunc{submit: begun, poll: done(`[]`)},
			func(a *agents.Agent) { a.Output.Schema = agents.OutputSchema{"type": "object"} }, nil, "output_invalid", "not JSON", 2},
		{"no such metadata", nil, nil, func(c *agents.Call) { c.Metadata = nil }, "template_failed", "body of agent", 0},
		{"a line break in a header", nil, func(a *agents.Agent) { a.Request.Headers["X-Team"] = "{{ .metadata.team }}" },
			func(c *agents.Call) { c.Metadata = []byte(`{"team":"a\r\nX-Evil: 1"}`) }, "template_failed", "line break", 0},
		{"nobody keeps files", map[string][]http.HandlerFunc{submit: begun, poll: done(`[{"url":"/a"}]`)}, nil, func(c *agents.Call) { c.Files = nil }, "internal_error", "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := serve(t, c.answers)
			agent, call, files := videoAgent(a.URL), videoCall, &agentstest.Files{MaxBytes: 4096}
			agent.Cancel.Method, call.Files = "POST", files
			if c.change != nil {
				c.change(&agent)
			}
			if c.call != nil {
				c.call(&call)
			}
			var log bytes.Buffer
			result, err := invoke(t.Context(), invokerOf(t, agent, &log), call)
			require.Error(t, err)
			require.Equal(t, c.code, problem.Of(err).Code, err)
			require.Contains(t, problem.Of(err).Detail, c.detail)
			for _, text := range []string{err.Error(), log.String(), fmt.Sprintf("%+v", result)} {
				require.NotContains(t, text, key)
			}
			for _, attempt := range result.By.Attempts {
				require.NotContains(t, attempt.Reason, key)
			}
			stops := 0
			for _, asked := range a.asked() {
				if asked == "POST /v1/videos/v7" {
					stops++
				}
			}
			require.Len(t, a.asked(), c.asked+stops)
			require.Empty(t, files.List())
		})
	}
}

func TestAnAPIThatCannotBeReached(t *testing.T) {
	a := serve(t, nil)
	a.Close()
	_, err := invoke(t.Context(), invokerOf(t, videoAgent(a.URL), io.Discard), videoCall)
	require.Equal(t, "provider_unreachable", problem.Of(err).Code)
	require.Contains(t, problem.Of(err).Detail, "127.0.0.1")
}

func TestAJobThatCannotBeRecordedIsStopped(t *testing.T) {
	a := serve(t, map[string][]http.HandlerFunc{"POST /v1/videos?size=small": script(reply(200, `{"id":"v7"}`)), "DELETE /v1/videos/v7": script(reply(204, ""))})
	call := videoCall
	call.Responses = &kept{fails: errors.New("the database is away")}
	_, err := invoke(t.Context(), invokerOf(t, videoAgent(a.URL), io.Discard), call)
	require.ErrorContains(t, err, "the database is away")
	require.Equal(t, "DELETE /v1/videos/v7", a.asked()[1])
}

func TestRetryAfterIsHonoured(t *testing.T) {
	a := serve(t, map[string][]http.HandlerFunc{"POST /v1/videos?size=small": script(reply(200, `{"id":"v7"}`, "Retry-After: 40"))})
	_, err := invokerOf(t, videoAgent(a.URL), io.Discard).Invoke(t.Context(), videoCall)
	parked, ok := errors.AsType[*agents.Parked](err)
	require.True(t, ok)
	require.Greater(t, time.Until(parked.Until), 30*time.Second)
}

func TestWhatIsWrongWithAJob(t *testing.T) {
	for _, c := range []struct {
		path, part string
		change     func(*agents.Agent)
	}{
		{"request.url", "written out", func(a *agents.Agent) { a.Request.URL = "https://{{ .input.host }}/v1" }},
		{"request.url", "written out", func(a *agents.Agent) { a.Request.URL = "https://api.example.com{{ .input.rest }}" }},
		{"request.url", "written out", func(a *agents.Agent) { a.Request.URL = "{{ .input.url }}" }},
		{"request.url", "written out", func(a *agents.Agent) { a.Request.URL = "https://user:pass@api.example.com/" }},
		{"request.url", "written out", func(a *agents.Agent) { a.Request.URL = "ftp://api.example.com/" }},
		{"request.url", "port", func(a *agents.Agent) { a.Request.URL = "https://api.example.com:22/" }},
		{"request.url", "unclosed", func(a *agents.Agent) { a.Request.URL = "https://api.example.com/{{ .input" }},
		{"request.body", "nosuch", func(a *agents.Agent) { a.Request.Body = "{{ nosuch .input }}" }},
		{"request.method", "GET or POST", func(a *agents.Agent) { a.Request.Method = "GO ON" }},
		{"request.headers", "Host cannot be set", func(a *agents.Agent) { a.Request.Headers["host"] = "x" }},
		{"request.headers.X-A", "template", func(a *agents.Agent) { a.Request.Headers["X-A"] = "{{" }},
		{"poll.until", "is required", func(a *agents.Agent) { a.Poll.Until = "" }},
		{"poll.until", "= does not compare", func(a *agents.Agent) { a.Poll.Until = `answer.status = "x"` }},
		{"poll.until", "must be true or false", func(a *agents.Agent) { a.Poll.Until = `"done"` }},
		{"poll.failed", "there is no status; there is answer", func(a *agents.Agent) { a.Poll.Failed = "status == 1" }},
		{"poll.url", "is required", func(a *agents.Agent) { a.Poll.URL = "" }},
		{"poll.every", "between", func(a *agents.Agent) { a.Poll.Every = 1 }},
		{"cancel.url", "is required", func(a *agents.Agent) { a.Cancel.URL = "" }},
		{"cancel", "asked for with poll", func(a *agents.Agent) { a.Poll = nil }},
		{"output", "there is no text", func(a *agents.Agent) { a.Output.Text = "text" }},
		{"artifacts", "does not belong here", func(a *agents.Agent) { a.Artifacts = "answer." }},
	} {
		a := videoAgent("https://api.example.com")
		c.change(&a)
		_, found := job.New(http.DefaultTransport, nil, slog.New(slog.DiscardHandler))(a)
		require.NotEmpty(t, found, c.path)
		require.Equal(t, c.path, found[0].Path)
		require.Contains(t, found[0].Message, c.part)
	}
}
