package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// maxTraceState bounds what is passed on of a caller's tracestate, in bytes. A longer one is left out.
const maxTraceState = 512

var w3c propagation.TraceContext

// tracingKey is the key of a context under which its Tracing is.
type tracingKey struct{}

// Span is one step of a trace. Nil does nothing.
type Span struct{ span trace.Span }

// The kinds of spans.
const (
	Internal = trace.SpanKindInternal
	Server   = trace.SpanKindServer
	Client   = trace.SpanKindClient
	Producer = trace.SpanKindProducer
)

// Incoming returns a context that continues the trace of a caller's header, if it has one, and in which Start makes
// spans.
func (t *Tracing) Incoming(ctx context.Context, header http.Header) context.Context {
	if header.Get("traceparent") != "" {
		ctx = extract(ctx, propagation.HeaderCarrier(header))
	}
	return t.in(ctx)
}

// Continue returns a context that continues the trace that Record has returned, and in which Start makes spans.
func (t *Tracing) Continue(ctx context.Context, record string) context.Context {
	if record != "" {
		parent, state, _ := strings.Cut(record, " ")
		ctx = extract(ctx, propagation.MapCarrier{"traceparent": parent, "tracestate": state})
	}
	return t.in(ctx)
}

func extract(ctx context.Context, from propagation.TextMapCarrier) context.Context {
	ctx = w3c.Extract(ctx, from)
	parent := trace.SpanContextFromContext(ctx)
	if len(parent.TraceState().String()) > maxTraceState {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent.WithTraceState(trace.TraceState{}))
	}
	return ctx
}

func (t *Tracing) in(ctx context.Context) context.Context {
	if t == nil {
		return ctx
	}
	return context.WithValue(ctx, tracingKey{}, t)
}

// IsOn reports whether Start makes spans.
func (t *Tracing) IsOn() bool { return t != nil && t.tracer != nil }

// Record returns the trace of a context in a form that is kept; empty for none.
func Record(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return strings.TrimSpace(carrier["traceparent"] + " " + carrier["tracestate"])
}

// Inject adds the trace of a context to a header; it does nothing where there is none.
func Inject(ctx context.Context, header http.Header) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		w3c.Inject(ctx, propagation.HeaderCarrier(header))
	}
}

// WithTrace returns a header with the trace of a context added: the same one where there is none, else a copy.
func WithTrace(ctx context.Context, header http.Header) http.Header {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return header
	}
	header = header.Clone()
	Inject(ctx, header)
	return header
}

// Start begins a span that is called by its operation and name, within that of ctx. It returns ctx itself and nil
// where traces are off.
func Start(ctx context.Context, kind trace.SpanKind, operation, name string) (context.Context, *Span) {
	t, _ := ctx.Value(tracingKey{}).(*Tracing)
	if !t.IsOn() {
		return ctx, nil
	}
	ctx, span := t.tracer.Start(ctx, operation+" "+name, trace.WithSpanKind(kind))
	return ctx, &Span{span}
}

// Operation sets the attribute of the GenAI conventions that says what is done: chat, invoke_agent and so on.
func (s *Span) Operation(operation string) { s.Text("gen_ai.operation.name", operation) }

// Text sets an attribute. It must be nothing of what callers, models or tools say, and no secret.
func (s *Span) Text(name, value string) {
	if s != nil && value != "" {
		s.span.SetAttributes(attribute.String(name, value))
	}
}

// Number sets an attribute.
func (s *Span) Number(name string, value int) {
	if s != nil {
		s.span.SetAttributes(attribute.Int(name, value))
	}
}

// Tokens sets what a model has used.
func (s *Span) Tokens(input, output int) {
	if input != 0 || output != 0 {
		s.Number("gen_ai.usage.input_tokens", input)
		s.Number("gen_ai.usage.output_tokens", output)
	}
}

// End ends the span. failure is the code of what went wrong; empty for nothing.
func (s *Span) End(failure string) {
	if s == nil {
		return
	}
	if failure != "" {
		s.span.SetAttributes(attribute.String("error.type", failure))
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

// traced adds the ids of the trace to the lines of a log that are written within one.
type traced struct{ slog.Handler }

// Handle implements slog.Handler.
func (h traced) Handle(ctx context.Context, r slog.Record) error {
	if at := trace.SpanContextFromContext(ctx); at.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", at.TraceID().String()), slog.String("span_id", at.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{h.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }
