package telemetry

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

const (
	otlpProtocol = "http/protobuf"
	exportLogs   = time.Minute     // between two lines about exports that fail
	flushTime    = 3 * time.Second // for the spans that are left when the process ends
)

// Tracing sends spans and metrics to a collector. Nil is off.
type Tracing struct {
	provider *sdktrace.TracerProvider // nil: no spans
	tracer   trace.Tracer
	meters   *meters // nil: no metrics
}

// NewTracing returns a Tracing that the standard variables of OpenTelemetry configure; nil where none of them names
// an endpoint, or where one of them cannot be followed, which it logs. A collector that hangs or is gone never
// slows those who make spans and measure: spans are kept in a queue that is bounded, and dropped when it is full;
// metrics are summed up.
func NewTracing(ctx context.Context, version string, log *slog.Logger) *Tracing {
	spans, metrics := isOn("traces", log), isOn("metrics", log)
	if !spans && !metrics {
		return nil
	}
	complaints := &complaints{log: log, what: "traces"}
	otel.SetErrorHandler(complaints) // for variables that the SDK cannot read
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "beckon"),
			attribute.String("service.version", version)), resource.WithFromEnv())
	if err != nil {
		log.Warn("some of OTEL_RESOURCE_ATTRIBUTES cannot be read and is left out")
	}
	t := &Tracing{}
	if spans {
		exporter, err := otlptracehttp.New(ctx)
		if err != nil {
			log.Warn("traces are off: the variables OTEL_EXPORTER_OTLP_… cannot be used", "reason", reasonOf(err))
		} else {
			t.provider = sdktrace.NewTracerProvider(sdktrace.WithResource(about),
				sdktrace.WithBatcher(quietExporter{exporter, complaints}))
			t.tracer = t.provider.Tracer("beckon", trace.WithInstrumentationVersion(version))
			log.Info("traces are on", "service", serviceName(about))
		}
	}
	if metrics {
		if t.meters = newMeters(ctx, version, about, log); t.meters != nil {
			log.Info("metrics are sent to the collector", "service", serviceName(about))
		}
	}
	if t.provider == nil && t.meters == nil {
		return nil
	}
	return t
}

// isOn reports whether the variables of OpenTelemetry want a signal, "traces" or "metrics", to be sent. It logs why
// not where they cannot be followed.
func isOn(signal string, log *slog.Logger) bool {
	name := strings.ToUpper(signal)
	endpoint := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+name+"_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	if endpoint == "" || os.Getenv("OTEL_"+name+"_EXPORTER") == "none" ||
		strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		log.Warn(signal + " are off: the endpoint in OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_" + name +
			"_ENDPOINT is not a URL such as http://collector:4318")
		return false
	}
	protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+name+"_PROTOCOL"),
		os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), otlpProtocol)
	if protocol != otlpProtocol {
		log.Warn(signal+" are off: set OTEL_EXPORTER_OTLP_PROTOCOL to "+otlpProtocol+
			", and the endpoint to the collector's port for HTTP, usually 4318",
			"protocol", protocol)
		return false
	}
	return true
}

func serviceName(about *resource.Resource) string {
	name, _ := about.Set().Value("service.name")
	return name.AsString()
}

// Close sends the spans and metrics that are left, within a few seconds.
func (t *Tracing) Close(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	// What the exporters have to say is logged.
	if t.provider != nil {
		_ = t.provider.Shutdown(ctx)
	}
	if t.meters != nil {
		_ = t.meters.provider.Shutdown(ctx)
	}
}

// quietExporter logs exports that fail: the SDK would print them with the endpoint's URL.
type quietExporter struct {
	sdktrace.SpanExporter
	complaints *complaints
}

// ExportSpans implements sdktrace.SpanExporter.
func (e quietExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.complaints.Handle(err)
	}
	return nil
}

// complaints logs errors of the SDK, at most one in a minute.
type complaints struct {
	log  *slog.Logger
	what string // that could not be sent: traces, metrics
	mu   sync.Mutex
	last time.Time
}

// Handle implements otel.ErrorHandler.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.last.IsZero() || now.Sub(c.last) >= exportLogs {
		c.last = now
		c.log.Warn(c.what+" could not be sent to the collector; Beckon works on without them", "reason", reasonOf(err))
	}
}

var httpStatus = regexp.MustCompile(`: ([1-5]\d\d [A-Z][A-Za-z ]+)`)

// reasonOf says why an export failed, without the URL, which may hold a secret, and without the collector's own words.
func reasonOf(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if trip, ok := errors.AsType[*url.Error](err); ok {
		return trip.Err.Error()
	}
	if found := httpStatus.FindStringSubmatch(err.Error()); found != nil {
		return "status " + strings.TrimSpace(found[1])
	}
	return "the variables of OpenTelemetry or the collector's answer cannot be read"
}
