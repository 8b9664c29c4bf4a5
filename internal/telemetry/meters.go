package telemetry

import (
	"context"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// meters measure requests to models, by the conventions for GenAI:
// https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
type meters struct {
	provider *sdkmetric.MeterProvider
	duration metric.Float64Histogram
	tokens   metric.Int64Histogram
}

// The bounds that the conventions name.
var (
	durationBounds = []float64{.01, .02, .04, .08, .16, .32, .64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
	tokenBounds    = []float64{
		1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
	}
)

// newMeters returns nil where the variables of OpenTelemetry leave metrics off.
func newMeters(ctx context.Context, version string, about *resource.Resource, log *slog.Logger) *meters {
	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		log.Warn("metrics are not sent: the variables OTEL_EXPORTER_OTLP_… cannot be used", "reason", reasonOf(err))
		return nil
	}
	quiet := quietMetrics{exporter, &complaints{log: log, what: "metrics"}}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithResource(about),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(quiet)))
	meter := provider.Meter("beckon", metric.WithInstrumentationVersion(version))
	m := &meters{provider: provider}
	m.duration, err = meter.Float64Histogram("gen_ai.client.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("How long requests to models take."),
		metric.WithExplicitBucketBoundaries(durationBounds...))
	if err == nil {
		m.tokens, err = meter.Int64Histogram("gen_ai.client.token.usage", metric.WithUnit("{token}"),
			metric.WithDescription("How many tokens requests to models use."),
			metric.WithExplicitBucketBoundaries(tokenBounds...))
	}
	if err != nil {
		log.Warn("metrics are not sent", "error", err)
		return nil
	}
	return m
}

// Request is what is measured of a request to a model.
type Request struct {
	Operation     string // chat, generate_content
	API           string // openai, anthropic
	Model         string
	Failure       string // the code of what went wrong; empty for nothing
	Took          time.Duration
	Input, Output int // tokens
}

// Measure records a request to a model, with the trace of ctx as its example. It never waits for the collector, and
// does nothing where metrics are off.
func Measure(ctx context.Context, r Request) {
	t, _ := ctx.Value(tracingKey{}).(*Tracing)
	if t == nil || t.meters == nil {
		return
	}
	ctx = context.WithoutCancel(ctx) // the SDK records nothing for a caller who has left
	about := []attribute.KeyValue{
		attribute.String("gen_ai.operation.name", r.Operation), attribute.String("gen_ai.provider.name", r.API),
		attribute.String("gen_ai.request.model", r.Model),
	}
	for kind, n := range map[string]int{"input": r.Input, "output": r.Output} {
		if n > 0 {
			t.meters.tokens.Record(ctx, int64(n), metric.WithAttributes(about...),
				metric.WithAttributes(attribute.String("gen_ai.token.type", kind)))
		}
	}
	if r.Failure != "" {
		about = append(about, attribute.String("error.type", r.Failure))
	}
	t.meters.duration.Record(ctx, r.Took.Seconds(), metric.WithAttributes(about...))
}

// quietMetrics is quietExporter of metrics.
type quietMetrics struct {
	sdkmetric.Exporter
	complaints *complaints
}

// Export implements sdkmetric.Exporter.
func (e quietMetrics) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	if err := e.Exporter.Export(ctx, all); err != nil {
		e.complaints.Handle(err)
	}
	return nil
}
