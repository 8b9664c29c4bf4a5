package telemetry

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collected "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// gathered is what a collector was sent, by the name of the metric.
type gathered struct {
	mu      sync.Mutex
	metrics map[string]*otlp.Metric
}

func (g *gathered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collected.ExportMetricsServiceRequest
	if err != nil || r.URL.Path != "/v1/metrics" || proto.Unmarshal(body, &request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, resource := range request.ResourceMetrics {
		for _, scope := range resource.ScopeMetrics {
			for _, m := range scope.Metrics {
				g.metrics[m.Name] = m
			}
		}
	}
}

func textOf(list []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range list {
		all[a.Key] = a.Value.GetStringValue()
	}
	return all
}

// Requests to models are measured by the names of the conventions, with the trace as an example, also where only metrics are sent.
func TestRequestsToModelsAreMeasured(t *testing.T) {
	g := &gathered{metrics: map[string]*otlp.Metric{}}
	collector := httptest.NewServer(g)
	t.Cleanup(collector.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	log, _ := NewLogger(io.Discard, "text")
	tracing := NewTracing(t.Context(), "test", log)
	require.NotNil(t, tracing)
	ctx := tracing.Incoming(t.Context(), http.Header{"Traceparent": {someTrace}})
	within, span := Start(ctx, Client, "chat", "model")
	require.Nil(t, span, "traces are off")
	Measure(within, Request{Operation: "chat", API: "openai", Model: "small", Took: 300 * time.Millisecond, Input: 12, Output: 5})
	Measure(within, Request{Operation: "chat", API: "openai", Model: "small", Took: time.Second, Failure: "provider_timeout"})
	Measure(t.Context(), Request{Operation: "chat", API: "openai", Model: "elsewhere", Took: time.Second})
	tracing.Close(t.Context())

	took := g.metrics["gen_ai.client.operation.duration"]
	require.Equal(t, "s", took.Unit)
	require.Len(t, took.GetHistogram().DataPoints, 2)
	for _, p := range took.GetHistogram().DataPoints {
		about := textOf(p.Attributes)
		require.Equal(t, durationBounds, p.ExplicitBounds)
		require.EqualValues(t, 1, p.Count)
		require.Equal(t, "chat", about["gen_ai.operation.name"])
		require.Equal(t, "openai", about["gen_ai.provider.name"])
		require.Equal(t, "small", about["gen_ai.request.model"])
		want := map[string]float64{"": .3, "provider_timeout": 1}[about["error.type"]]
		require.InDelta(t, want, p.GetSum(), .001)
		require.Len(t, p.Exemplars, 1)
		require.Equal(t, someTrace[3:35], hex.EncodeToString(p.Exemplars[0].TraceId))
	}
	used := g.metrics["gen_ai.client.token.usage"]
	require.Equal(t, "{token}", used.Unit)
	sums := map[string]float64{}
	for _, p := range used.GetHistogram().DataPoints {
		sums[textOf(p.Attributes)["gen_ai.token.type"]] = p.GetSum()
	}
	require.Equal(t, map[string]float64{"input": 12, "output": 5}, sums)
}

// A collector that hangs holds up nobody who measures, and the end of the process for a few seconds only.
func TestACollectorThatHangsHoldsUpNobody(t *testing.T) {
	asked, release := make(chan struct{}, 10), make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		<-release
	}))
	t.Cleanup(hanging.Close)
	defer close(release)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", hanging.URL)
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
	log, _ := NewLogger(io.Discard, "text")
	tracing := NewTracing(t.Context(), "test", log)
	ctx := tracing.Incoming(t.Context(), http.Header{})
	Measure(ctx, Request{Operation: "chat", API: "openai", Model: "small"})
	<-asked // an export is under way, and does not end
	measured := make(chan struct{})
	go func() {
		defer close(measured)
		for range 10_000 {
			Measure(ctx, Request{Operation: "chat", API: "openai", Model: "small", Took: time.Second, Input: 1})
		}
	}()
	select {
	case <-measured:
	case <-time.After(30 * time.Second):
		require.Fail(t, "who measures waits for the collector")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tracing.Close(ended)
}
