package gateway

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collected "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"beckon/internal/secret"
	"beckon/internal/signature"
	"beckon/internal/store/storetest"
	"beckon/internal/telemetry"
)

const (
	callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	callersSpan  = "00f067aa0ba902b7"
	traceparent  = "00-" + callersTrace + "-" + callersSpan + "-01"
	signingKey   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	tracedFile   = `
database: {url: %q}
egress: {allowPrivate: [127.0.0.1/32]}
providers: [{id: models, type: openai, url: %q, apiKey: k3y, maxRetries: 0}]
agents:
  - {id: writer, provider: models, model: small}
  - {id: critic, provider: models, model: large}
flows: [{id: story, root: {type: sequential, steps: [{type: agent, agentId: writer}, {type: agent, agentId: critic}]}}]
clients: [{id: ci, token: t0ken, passthrough: true, allowedAgents: [story]}]
endpoints: [{id: e, url: %q, secret: ` + signingKey + `, events: [run.completed]}]
`
)

// collector is an OpenTelemetry collector.
type collector struct {
	mu       sync.Mutex
	spans    map[string][]*otlp.Span // by name
	resource string
}

func newCollector(t *testing.T) *collector {
	c := &collector{spans: map[string][]*otlp.Span{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/traces" {
			return
		}
		body, err := io.ReadAll(r.Body)
		var request collected.ExportTraceServiceRequest
		if err != nil || proto.Unmarshal(body, &request) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, resource := range request.ResourceSpans {
			c.resource = resource.Resource.String()
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					c.spans[span.Name] = append(c.spans[span.Name], span)
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	return c
}

// find waits for a span and returns the only one of its name.
func (c *collector) find(t *testing.T, name string) *otlp.Span {
	var found []*otlp.Span
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		found = c.spans[name]
		return len(found) > 0
	}, patience, 5*time.Millisecond, name)
	require.Len(t, found, 1, name)
	return found[0]
}

func traceparentOf(span *otlp.Span) string {
	return fmt.Sprintf("00-%x-%x-01", span.TraceId, span.SpanId)
}

func attributeOf(span *otlp.Span, name string) string {
	for _, a := range span.Attributes {
		if a.Key == name {
			if a.Value.GetStringValue() == "" {
				return fmt.Sprint(a.Value.GetIntValue())
			}
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// receivedHeaders are those of requests to a server of this test.
type receivedHeaders chan http.Header

func newModels(t *testing.T) (url string, got receivedHeaders) {
	got = make(receivedHeaders, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"an answer"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func newReceiver(t *testing.T) (url string, got receivedHeaders) {
	got = make(receivedHeaders, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if _, err := signature.Verify(r.Header, body, secret.String(signingKey), "", time.Now()); err != nil {
			r.Header.Set("Refused", err.Error())
		}
		got <- r.Header
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func (r receivedHeaders) next(t *testing.T) http.Header {
	select {
	case header := <-r:
		require.Empty(t, header.Get("Refused"))
		return header
	case <-time.After(patience):
		require.Fail(t, "nothing came")
		return nil
	}
}

// startTraced starts a gateway that traces as the environment says.
func startTraced(t *testing.T, log *slog.Logger, file string) *started {
	tracing := telemetry.NewTracing(t.Context(), "test", log)
	t.Cleanup(func() { tracing.Close(context.Background()) })
	g := startWith(t, load(t, file), func(c *Config) { c.Log, c.Tracing = log, tracing })
	return g
}

// post makes a call with further header fields, and returns the status.
func (s *started) post(path string, header map[string]string) int {
	r, err := http.NewRequest(http.MethodPost, s.url+path, strings.NewReader("a secret prompt"))
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer t0ken")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := s.client.Do(r)
	require.NoError(s.t, err)
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(s.t, err)
	return response.StatusCode
}

func TestOneTraceFromTheCallThroughTheQueueToTheDelivery(t *testing.T) {
	storetest.Each(t, func(t *testing.T, url string) {
		c := newCollector(t)
		models, asked := newModels(t)
		receiver, delivered := newReceiver(t)
		g := startTraced(t, slog.New(slog.DiscardHandler), fmt.Sprintf(tracedFile, url, models, receiver))
		status := g.post("/api/v1/webhooks/ci", map[string]string{"Prefer": "respond-async", "traceparent": traceparent, "tracestate": "vendor=1"})
		require.Equal(t, http.StatusAccepted, status)

		call := c.find(t, "POST /api/v1/webhooks/{clientID}")
		require.Equal(t, callersSpan, hex.EncodeToString(call.ParentSpanId))
		require.Equal(t, otlp.Span_SPAN_KIND_SERVER, call.Kind)
		require.Equal(t, "202", attributeOf(call, "http.response.status_code"))
		enqueued, run := c.find(t, "enqueue story"), c.find(t, "invoke_workflow story")
		writer, small := c.find(t, "invoke_agent writer"), c.find(t, "chat small")
		critic, large := c.find(t, "invoke_agent critic"), c.find(t, "chat large")
		delivery := c.find(t, "deliver run.completed")
		for _, pair := range [][2]*otlp.Span{{enqueued, call}, {run, enqueued}, {writer, run}, {small, writer}, {critic, run}, {large, critic}, {delivery, enqueued}} {
			child, parent := pair[0], pair[1]
			require.Equal(t, callersTrace, hex.EncodeToString(child.TraceId), child.Name)
			require.Equal(t, parent.SpanId, child.ParentSpanId, "%s is within %s", child.Name, parent.Name)
		}
		require.Equal(t, "COMPLETED", attributeOf(run, "beckon.run.status"))
		require.Equal(t, "6", attributeOf(run, "gen_ai.usage.input_tokens"))
		require.Equal(t, "chat", attributeOf(small, "gen_ai.operation.name"))
		require.Equal(t, "openai", attributeOf(small, "gen_ai.provider.name"))
		require.Equal(t, "small", attributeOf(small, "gen_ai.request.model"))
		require.Equal(t, "3", attributeOf(small, "gen_ai.usage.input_tokens"))
		require.Equal(t, "2", attributeOf(small, "gen_ai.usage.output_tokens"))
		require.Equal(t, "200", attributeOf(delivery, "http.response.status_code"))

		for _, span := range []*otlp.Span{small, large} {
			header := asked.next(t)
			require.Equal(t, traceparentOf(span), header.Get("traceparent"))
			require.Equal(t, "vendor=1", header.Get("tracestate"))
		}
		require.Equal(t, traceparentOf(delivery), delivered.next(t).Get("traceparent"))
		c.mu.Lock()
		defer c.mu.Unlock()
		require.Contains(t, c.resource, `"beckon"`)
		for name, spans := range c.spans {
			require.NotContains(t, fmt.Sprint(spans), "secret prompt", name)
			require.NotContains(t, fmt.Sprint(spans), "an answer", name)
			require.NotContains(t, fmt.Sprint(spans), "k3y", name)
		}
	})
}

func TestASynchronousCallAndItsFailureAreTraced(t *testing.T) {
	c := newCollector(t)
	models := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(models.Close)
	receiver, _ := newReceiver(t)
	g := startTraced(t, slog.New(slog.DiscardHandler), fmt.Sprintf(tracedFile, sqliteIn(t.TempDir()), models.URL, receiver))
	require.Equal(t, http.StatusBadGateway, g.post("/api/v1/webhooks/ci", nil))
	call, run, request := c.find(t, "POST /api/v1/webhooks/{clientID}"), c.find(t, "invoke_workflow story"), c.find(t, "chat small")
	require.Empty(t, call.ParentSpanId)
	require.Equal(t, call.SpanId, run.ParentSpanId)
	require.Equal(t, "502", attributeOf(call, "error.type"))
	require.Equal(t, "provider_unauthorized", attributeOf(request, "error.type"))
	require.Equal(t, "provider_unauthorized", attributeOf(run, "error.type"))
	require.Equal(t, otlp.Status_STATUS_CODE_ERROR, request.Status.Code)
}

func TestCallsOfToolsAreTraced(t *testing.T) {
	c := newCollector(t)
	var asked atomic.Int32
	models := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		message := `{"content":"It is late"}`
		if asked.Add(1) == 1 {
			message = `{"tool_calls":[{"id":"1","type":"function","function":{"name":"time__now","arguments":"{}"}}]}`
		}
		_, _ = io.WriteString(w, `{"choices":[{"message":`+message+`}]}`)
	}))
	t.Cleanup(models.Close)
	g := startTraced(t, slog.New(slog.DiscardHandler), fmt.Sprintf(`
database: {url: %q}
providers: [{id: models, type: openai, url: %q, apiKey: k3y}]
agents: [{id: helper, provider: models, model: small, tools: [time.now]}]
clients: [{id: ci, token: t0ken, passthrough: true, allowedAgents: [helper], tools: [time.now]}]
`, sqliteIn(t.TempDir()), models.URL))
	require.Equal(t, http.StatusOK, g.post("/api/v1/webhooks/ci", nil))
	run, tool := c.find(t, "invoke_agent helper"), c.find(t, "execute_tool time.now")
	require.Equal(t, run.SpanId, tool.ParentSpanId)
	require.Equal(t, "time.now", attributeOf(tool, "gen_ai.tool.name"))
	require.EqualValues(t, 2, asked.Load())
}

func TestWithoutTracingOnlyACallersTraceIsPassedOn(t *testing.T) {
	models, asked := newModels(t)
	receiver, delivered := newReceiver(t)
	require.Nil(t, telemetry.NewTracing(t.Context(), "test", slog.New(slog.DiscardHandler)))
	g := start(t, load(t, fmt.Sprintf(tracedFile, sqliteIn(t.TempDir()), models, receiver)))
	require.Equal(t, http.StatusAccepted, g.post("/api/v1/webhooks/ci", map[string]string{"Prefer": "respond-async"}))
	for _, header := range []http.Header{asked.next(t), asked.next(t), delivered.next(t)} {
		require.Empty(t, header.Get("traceparent"))
	}
	require.Equal(t, http.StatusAccepted, g.post("/api/v1/webhooks/ci", map[string]string{"Prefer": "respond-async", "traceparent": traceparent}))
	for _, header := range []http.Header{asked.next(t), asked.next(t), delivered.next(t)} {
		require.Equal(t, traceparent, header.Get("traceparent"))
	}
}

func TestACollectorThatHangsSlowsNoCall(t *testing.T) {
	held := make(chan struct{})
	reached := make(chan struct{}, 100)
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		reached <- struct{}{}
		<-held
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(held) })
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", hanging.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4") // the calls below make more spans
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
	models, _ := newModels(t)
	receiver, _ := newReceiver(t)
	g := startTraced(t, slog.New(slog.DiscardHandler), fmt.Sprintf(tracedFile, sqliteIn(t.TempDir()), models, receiver))
	for range 4 {
		require.Equal(t, http.StatusOK, g.post("/api/v1/webhooks/ci", nil))
	}
	select {
	case <-reached: // and it never answers while this test runs
	case <-time.After(patience):
		require.Fail(t, "nothing was sent to the collector")
	}
	require.Equal(t, http.StatusOK, g.post("/api/v1/webhooks/ci", nil))
}

func TestLogLinesHaveTheIDsOfTheirTrace(t *testing.T) {
	c := newCollector(t)
	models, _ := newModels(t)
	receiver, delivered := newReceiver(t)
	lines := &lockedBuffer{}
	log, _ := telemetry.NewLogger(lines, "json")
	g := startTraced(t, log, fmt.Sprintf(tracedFile, sqliteIn(t.TempDir()), models, receiver))
	require.Equal(t, http.StatusOK, g.post("/api/v1/webhooks/ci", map[string]string{"traceparent": traceparent}))
	delivered.next(t)
	span := c.find(t, "deliver run.completed")
	want := fmt.Sprintf(`"trace_id":%q,"span_id":"%x"`, callersTrace, span.SpanId)
	require.Contains(t, lines.String(), want)
}

// lockedBuffer is a log that may be read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
