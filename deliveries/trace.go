package deliveries

import (
	"context"
	"net/http"

	"beckon/internal/telemetry"
)

// startSpan begins the span of an attempt, in the trace of the run that it is about.
func (s *Service) startSpan(d *claimed) (context.Context, *telemetry.Span) {
	ctx, span := telemetry.Start(s.Tracing.Continue(s.sending, deref(d.Trace)), telemetry.Client, "deliver", d.Type)
	span.Text("beckon.delivery.id", d.ID)
	span.Text("beckon.event.id", d.EventID)
	span.Text("beckon.run.id", deref(d.RunID))
	span.Text("beckon.endpoint.id", deref(d.EndpointID))
	span.Number("beckon.delivery.attempt", d.Attempts+1)
	return ctx, span
}

func endSpan(span *telemetry.Span, o outcome) {
	if o.StatusCode != 0 {
		span.Number("http.response.status_code", o.StatusCode)
	}
	failed := ""
	if o.Error != nil {
		failed = o.Error.Code
	}
	span.End(failed)
}

// addTrace tells a receiver of the run's trace, unless its owner has set that header. No signature covers it.
func addTrace(ctx context.Context, header http.Header) {
	if header.Get("traceparent") == "" {
		telemetry.Inject(ctx, header)
	}
}
