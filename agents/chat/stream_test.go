package chat_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/internal/problem"
	"beckon/internal/units"
)

// streams answers with server-sent events, flushed one by one.
func streams(chunks ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, c := range chunks {
			_, _ = io.WriteString(w, c+"\n\n")
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func says(text string) string {
	content, _ := json.Marshal(text)
	return fmt.Sprintf(`data: {"id":"c","choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}]}`, content)
}

func finish(reason string) string {
	return fmt.Sprintf(`data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":%q}]}`, reason)
}

const (
	counted = `data: {"id":"c","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":6,"total_tokens":18}}`
	done    = `data: [DONE]`
)

// streamed asks and returns what was passed on meanwhile.
func streamed(ctx context.Context, a agents.Invoker, call agents.Call) (string, agents.Result, error) {
	var pieces strings.Builder
	call.Prompt = prompt
	call.Text = func(piece string) { pieces.WriteString(piece) }
	result, err := a.Invoke(ctx, call)
	return pieces.String(), result, err
}

func TestAStreamIsTheSameAnswer(t *testing.T) {
	usage := agents.Usage{PromptTokens: 12, CompletionTokens: 6, TotalTokens: 18}
	for _, test := range []struct {
		name   string
		script []http.HandlerFunc
		passed string
		output string
		usage  agents.Usage
		code   string // of the failure
	}{
		{"in pieces", []http.HandlerFunc{streams(says("Die "), ": ping", says("Ampel ist "), says("grün."), finish("stop"), counted, done)}, "Die Ampel ist grün.", "Die Ampel ist grün.", usage, ""},
		{"without [DONE]", []http.HandlerFunc{streams(says("x"), finish("stop"))}, "x", "x", agents.Usage{}, ""},
		{"a provider that does not stream", []http.HandlerFunc{reply(200, answer("all at once"))}, "all at once", "all at once", usage, ""},
		{"after a failure", []http.HandlerFunc{reply(503, ""), streams(says("x"), finish("stop"), done)}, "x", "x", agents.Usage{}, ""},
		{"no usage to be had", []http.HandlerFunc{reply(400, `{"error":{"message":"unknown field stream_options"}}`), streams(says("x"), finish("stop"), done)}, "x", "x", agents.Usage{}, ""},
		{"breaks off", []http.HandlerFunc{streams(says("half an "))}, "half an ", "half an ", agents.Usage{}, "provider_unreachable"},
		{"breaks off hard", []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			streams(says("half an "))(w, r)
			panic(http.ErrAbortHandler)
		}}, "half an ", "half an ", agents.Usage{}, "provider_unreachable"},
		{"cut off", []http.HandlerFunc{streams(says("too lo"), finish("length"), counted, done)}, "too lo", "too lo", usage, "completion_truncated"},
		{"filtered", []http.HandlerFunc{streams(says("bad"), finish("content_filter"), done)}, "bad", "", agents.Usage{}, "completion_refused"},
		{"empty", []http.HandlerFunc{streams(finish("stop"), counted, done)}, "", "", usage, "completion_empty"},
		{"nothing at all", []http.HandlerFunc{streams(), streams(), streams()}, "", "", agents.Usage{}, "provider_unreachable"},
		{"nothing at first", []http.HandlerFunc{streams(), streams(says("x"), done)}, "x", "x", agents.Usage{}, ""},
		{"an error in it", []http.HandlerFunc{streams(says("x"), `data: {"error":{"message":"overloaded, you asked: `+prompt+`","code":"overloaded"}}`)}, "x", "x", agents.Usage{}, "provider_error"},
		{"no JSON", []http.HandlerFunc{streams(says("x"), "data: {nonsense")}, "x", "x", agents.Usage{}, "provider_invalid_response"},
		{"HTML", []http.HandlerFunc{reply(200, "<h1>hello</h1>", "Content-Type: text/html")}, "", "", agents.Usage{}, "provider_invalid_response"},
		{"refused", []http.HandlerFunc{reply(401, `{"error":{"message":"bad key `+key+`"}}`)}, "", "", agents.Usage{}, "provider_unauthorized"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := serve(t, test.script...)
			passed, result, err := streamed(t.Context(), p.agent(t, agents.Agent{}), agents.Call{})
			require.Equal(t, test.passed, passed)
			require.Equal(t, test.output, result.Output)
			require.Equal(t, test.usage, result.Usage)
			if test.code == "" {
				require.NoError(t, err)
			} else {
				found := problem.Of(err)
				require.Equal(t, test.code, found.Code, "%v", err)
				require.Equal(t, problem.Upstream, found.Kind)
				require.NotContains(t, err.Error(), key)
				require.NotContains(t, err.Error(), "payment service")
			}
			require.Len(t, p.seen(), len(test.script))
			require.Contains(t, p.seen()[0].body, `"stream":true`)
			require.Contains(t, p.seen()[0].body, `"include_usage":true`)
		})
	}
}

func TestAStreamThatStops(t *testing.T) {
	half := func(w http.ResponseWriter, r *http.Request) {
		streams(says("half"))(w, r)
		<-r.Context().Done()
	}
	var p *provider
	var result agents.Result
	var err error
	timeout := 80 * time.Millisecond
	patiently(&timeout, func() bool {
		p = serve(t, half)
		_, result, err = streamed(t.Context(), p.agent(t, agents.Agent{}, func(config *agents.Provider) { config.Timeout = units.Duration(timeout) }), agents.Call{})
		return result.Output == "half"
	})
	require.Equal(t, "provider_timeout", problem.Of(err).Code)
	require.Equal(t, "half", result.Output)
	require.Len(t, p.seen(), 1, "an answer that has begun is not asked for again")

	ctx, cancel := context.WithCancel(t.Context())
	p = serve(t, func(w http.ResponseWriter, r *http.Request) {
		streams(says("half"))(w, r)
		cancel()
		<-r.Context().Done()
	})
	_, _, err = streamed(ctx, p.agent(t, agents.Agent{}), agents.Call{})
	require.ErrorIs(t, err, context.Canceled)
}

// calls is a completion in which the model wants to use tools; id, name and arguments three by three.
func calls(list ...string) string {
	var parts []string
	for i := 0; i < len(list); i += 3 {
		arguments, _ := json.Marshal(list[i+2])
		parts = append(parts, fmt.Sprintf(`{"id":%q,"type":"function","function":{"name":%q,"arguments":%s}}`, list[i], list[i+1], arguments))
	}
	return `{"choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[` + strings.Join(parts, ",") + `]},"finish_reason":"tool_calls"}],
		"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}`
}

// note is a tool that remembers what it was given.
func note(given *[]string) agents.Tool {
	return agents.Tool{Name: "note", Description: "Take a note.", Parameters: json.RawMessage(`{"type":"object"}`), Use: func(_ context.Context, arguments json.RawMessage) (string, error) {
		*given = append(*given, string(arguments))
		if strings.Contains(string(arguments), "bad") {
			return "", fmt.Errorf("too bad")
		}
		return "noted", nil
	}}
}

func TestTools(t *testing.T) {
	var given []string
	p := serve(t, reply(200, calls("1", "note", `{"a":1}`, "2", "note", `{"a":"bad"}`, "3", "nobody", `{}`, "4", "note", `{nonsense`)), reply(200, answer("Done.")))
	result, err := p.agent(t, agents.Agent{SystemPrompt: "Take notes."}).Invoke(t.Context(), agents.Call{Prompt: prompt, Tools: []agents.Tool{note(&given)}})
	require.NoError(t, err)
	require.Equal(t, "Done.", result.Output)
	require.Equal(t, agents.Usage{PromptTokens: 22, CompletionTokens: 7, TotalTokens: 29}, result.Usage)
	require.Equal(t, []string{`{"a":1}`, `{"a":"bad"}`}, given)
	var second struct {
		Messages []struct {
			Role, Content string
			ToolCallID    string `json:"tool_call_id"`
		}
		Tools []struct{ Function struct{ Name string } }
	}
	require.NoError(t, json.Unmarshal([]byte(p.seen()[1].body), &second))
	require.Len(t, second.Tools, 1)
	var told []string
	for _, m := range second.Messages {
		told = append(told, m.Role+m.ToolCallID+" "+m.Content)
	}
	require.Equal(t, []string{"system Take notes.", "user " + prompt, "assistant ", "tool1 noted", "tool2 error: too bad", `tool3 error: there is no tool "nobody"`,
		"tool4 error: the arguments are not JSON"}, told)
}

func TestToolsGetTheContextOfTheCall(t *testing.T) {
	type key struct{}
	var got any
	tool := note(new([]string))
	tool.Use = func(ctx context.Context, _ json.RawMessage) (string, error) {
		got = ctx.Value(key{})
		return "noted", ctx.Err()
	}
	p := serve(t, reply(200, calls("1", "note", `{}`)), reply(200, answer("Done.")))
	ctx := context.WithValue(t.Context(), key{}, "trace")
	_, err := p.agent(t, agents.Agent{}).Invoke(ctx, agents.Call{Prompt: prompt, Tools: []agents.Tool{tool}})
	require.NoError(t, err)
	require.Equal(t, "trace", got)
}

func TestToolsInAStream(t *testing.T) {
	var given []string
	piece := func(index int, id, name, arguments string) string {
		text, _ := json.Marshal(arguments)
		return fmt.Sprintf(`data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":%d,"id":%q,"function":{"name":%q,"arguments":%s}}]}}]}`, index, id, name, text)
	}
	p := serve(t, streams(piece(0, "1", "note", ""), piece(0, "", "", `{"a"`), piece(1, "2", "note", `{"b":2}`), piece(0, "", "", `:1}`), finish("tool_calls"), done),
		streams(says("Do"), says("ne."), finish("stop"), done))
	passed, result, err := streamed(t.Context(), p.agent(t, agents.Agent{}), agents.Call{Tools: []agents.Tool{note(&given)}})
	require.NoError(t, err)
	require.Equal(t, "Done.", passed)
	require.Equal(t, "Done.", result.Output)
	require.Equal(t, []string{`{"a":1}`, `{"b":2}`}, given)
}

func TestToolsHaveAnEnd(t *testing.T) {
	var given []string
	p := serve(t, reply(200, calls("1", "note", `{}`)))
	_, err := p.agent(t, agents.Agent{}).Invoke(t.Context(), agents.Call{Prompt: prompt, Tools: []agents.Tool{note(&given)}})
	require.Equal(t, "tool_limit", problem.Of(err).Code)
	require.Len(t, p.seen(), 20)
	require.Len(t, given, 19)

	p = serve(t, reply(200, calls("1", "note", `{}`)), reply(200, answer("")))
	result, err := p.agent(t, agents.Agent{}).Invoke(t.Context(), agents.Call{Prompt: prompt, Tools: []agents.Tool{note(&given)}})
	require.NoError(t, err, "it has done something")
	require.Empty(t, result.Output)

	p = serve(t, reply(200, calls("1", "note", `{}`)))
	_, err = p.agent(t, agents.Agent{}).Invoke(t.Context(), agents.Call{Prompt: prompt})
	require.Equal(t, "completion_empty", problem.Of(err).Code, "it was offered none")
}

func TestInstructionsThatAreATemplate(t *testing.T) {
	p := serve(t, reply(200, answer("x")))
	a := p.agent(t, agents.Agent{SystemPrompt: `Notes: {{ .outputs.research }}{{ .state.mood | default "calm" }}`})
	_, err := a.Invoke(t.Context(), agents.Call{Prompt: prompt, Outputs: map[string]string{"research": "it rained, "}})
	require.NoError(t, err)
	require.Contains(t, p.seen()[0].body, "Notes: it rained, calm")
	_, err = a.Invoke(t.Context(), agents.Call{Prompt: prompt})
	require.Equal(t, "prompt_template_failed", problem.Of(err).Code)
	require.Contains(t, problem.Of(err).Detail, "research")
}

// Whatever a provider streams, the answer is a text or an error, and ends.
func FuzzStream(f *testing.F) {
	f.Add([]byte(says("Hello") + "\n\n" + finish("stop") + "\n\n" + counted + "\n\n" + done + "\n\n"))
	f.Add([]byte("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":-5,\"function\":{\"arguments\":\"{\"}}]}}]}\n\ndata: [DONE]\n"))
	f.Add([]byte("data: {\"error\":{\"message\":\"x\"}}\n\n"))
	f.Add([]byte("event: x\r\n: comment\r\ndata: null\r\n\r\ndata: {\"choices\":null}\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		invoker, found := chat.NewWaiting(constant(body), slog.New(slog.DiscardHandler), func(ctx context.Context, _ time.Duration) error { return ctx.Err() })(
			agents.Provider{ID: "acme", Type: "openai", URL: "http://provider.test/v1", APIKey: key}, agents.Agent{ID: "triage", Model: "m"})
		require.Empty(t, found)
		passed, result, err := streamed(context.Background(), invoker, agents.Call{})
		if err != nil {
			require.Equal(t, problem.Upstream, problem.Of(err).Kind, "%v", err)
			return
		}
		require.NotEmpty(t, strings.TrimSpace(result.Output))
		require.Equal(t, result.Output, passed)
	})
}

// constant answers every request with the same stream.
type constant []byte

func (c constant) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"text/event-stream"}}, Request: r, Body: io.NopCloser(bytes.NewReader(c))}, nil
}

// dripping writes pieces one by one, for as long as somebody reads.
func dripping(contentType, start, piece string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, start)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, piece); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
		}
	}
}

// A provider that sends without end, or something else than it says, is left, and the reason is clear.
func TestBadProviders(t *testing.T) {
	text := strings.Repeat("x", 1<<20)
	gzipped := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		packed := gzip.NewWriter(w)
		for range 500 {
			if _, err := io.WriteString(packed, text); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		code    string
	}{
		"a document without end":    {dripping("application/json", `{"choices":[{"message":{"content":"`, text), "provider_invalid_response"},
		"a stream without end":      {dripping("text/event-stream", "", says(text)+"\n\n"), "provider_invalid_response"},
		"an error without end":      {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(400); dripping("", "", text)(w, r) }, "provider_rejected"},
		"a page without end":        {dripping("text/html", "<html>", text), "provider_invalid_response"},
		"500 MB in gzip":            {gzipped, "provider_invalid_response"},
		"gzip that is none":         {reply(200, answer("x"), "Content-Encoding: gzip"), "provider_unreachable"},
		"less than it says":         {reply(200, answer("x"), "Content-Length: 9000"), "provider_unreachable"},
		"another type than it says": {reply(200, "GIF89a\x01\x00\x01", "Content-Type: application/json"), "provider_invalid_response"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, way := range []func(agents.Invoker) error{
				func(a agents.Invoker) error { _, err := ask(t.Context(), a); return err },
				func(a agents.Invoker) error { _, _, err := streamed(t.Context(), a, agents.Call{}); return err },
			} {
				err := way(serve(t, c.handler).agent(t, agents.Agent{}))
				require.Equal(t, c.code, code(err), "%v", err)
				require.Less(t, len(err.Error()), 4<<10)
			}
		})
	}
}

// A provider that keeps sending signs of life is bounded by the agent's time; one that drips a document, by its own.
func TestProvidersThatDrip(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"comments": dripping("text/event-stream", "", ": ping\n\n"), "blanks": dripping("application/json", "", "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			slowly := func(w http.ResponseWriter, r *http.Request) {
				handler(&slowWriter{ResponseWriter: w, done: r.Context().Done()}, r)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, _, err := streamed(ctx, serve(t, slowly).agent(t, agents.Agent{}), agents.Call{})
			require.Equal(t, "agent_timeout", code(err))

			_, err = ask(t.Context(), serve(t, slowly).agent(t, agents.Agent{}, func(p *agents.Provider) {
				p.Timeout, p.MaxRetries = units.Duration(100*time.Millisecond), new(int)
			}))
			require.Equal(t, "provider_timeout", code(err))
		})
	}
}

// slowWriter takes a moment for each write.
type slowWriter struct {
	http.ResponseWriter
	done <-chan struct{}
}

func (s *slowWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *slowWriter) Write(p []byte) (int, error) {
	select {
	case <-time.After(time.Millisecond):
	case <-s.done:
	}
	return s.ResponseWriter.Write(p)
}

// A stream that goes on after its finish reason, with nothing to say, is not waited for as long as an answer is.
func TestTheFinishReasonIsEnough(t *testing.T) {
	p := serve(t, func(w http.ResponseWriter, r *http.Request) {
		streams(says("Hello"), finish("stop"))(w, r)
		panic(http.ErrAbortHandler)
	})
	_, result, err := streamed(t.Context(), p.agent(t, agents.Agent{}), agents.Call{})
	require.NoError(t, err)
	require.Equal(t, "Hello", result.Output)
}
