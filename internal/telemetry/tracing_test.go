package telemetry

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"
)

const someTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestWithoutTracingNothingIsMade(t *testing.T) {
	var off *Tracing
	ctx := off.Incoming(t.Context(), http.Header{})
	require.Equal(t, t.Context(), ctx)
	within, span := Start(ctx, Internal, "chat", "model")
	require.Equal(t, ctx, within)
	span.Operation("chat")
	span.Text("name", "value")
	span.Number("name", 1)
	span.End("code")
	require.Empty(t, Record(ctx))
	header := http.Header{"Accept": {"text/plain"}}
	require.Zero(t, testing.AllocsPerRun(10, func() {
		ctx, span := Start(ctx, Client, "chat", "model")
		WithTrace(ctx, header)
		span.Tokens(1, 2)
		span.End("")
	}))
	off.Close(ctx)
}

func TestATraceIsKeptAndContinued(t *testing.T) {
	var off *Tracing
	for state, kept := range map[string]string{
		"":                                  someTrace,
		"a=1,b=2":                           someTrace + " a=1,b=2",
		"a=" + strings.Repeat("x", 600):     someTrace,
		strings.Repeat("bad member,", 1000): someTrace,
	} {
		ctx := off.Incoming(t.Context(), http.Header{"Traceparent": {someTrace}, "Tracestate": {state}})
		require.Equal(t, kept, Record(ctx))
		require.Equal(t, kept, Record(off.Continue(context.Background(), kept)))
		sent := WithTrace(ctx, http.Header{})
		require.Equal(t, someTrace, sent.Get("traceparent"))
	}
	for _, bad := range []string{"", "x", "00-0-0-00", strings.Replace(someTrace, "4bf", "xyz", 1), "ff" + someTrace[2:]} {
		require.Empty(t, Record(off.Incoming(t.Context(), http.Header{"Traceparent": {bad}})), bad)
		require.Empty(t, Record(off.Continue(t.Context(), bad)), bad)
	}
}

func TestVariablesThatLeaveTracesOff(t *testing.T) {
	for name, c := range map[string]struct {
		variables map[string]string
		said      string
	}{
		"nothing":  {},
		"none":     {variables: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}},
		"disabled": {variables: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "TRUE"}},
		"grpc":     {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"},
		"no URL":   {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "s3cret:4318"}, "not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range c.variables {
				t.Setenv(name, value)
			}
			var lines bytes.Buffer
			log, _ := NewLogger(&lines, "text")
			require.Nil(t, NewTracing(t.Context(), "test", log))
			require.Contains(t, lines.String(), c.said)
			require.NotContains(t, lines.String(), "s3cret")
			require.Equal(t, c.said == "", lines.Len() == 0)
		})
	}
}

func TestExportsThatFailAreLoggedWithoutSecrets(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no entry for "+r.Header.Get("Key"), http.StatusUnauthorized)
	}))
	t.Cleanup(refusing.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for url, reason := range map[string]string{refusing.URL: "status 401 Unauthorized", gone.URL: "connection refused"} {
		t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url+"/s3cret-path")
		t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "key=s3cret")
		var lines bytes.Buffer
		log, _ := NewLogger(&lines, "text")
		tracing := NewTracing(t.Context(), "test", log)
		_, span := Start(tracing.Incoming(t.Context(), http.Header{}), Internal, "chat", "model")
		span.End("")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // a collector that is gone is tried again
		_ = tracing.provider.ForceFlush(ctx)
		cancel()
		tracing.Close(t.Context())
		require.Contains(t, lines.String(), reason)
		require.NotContains(t, lines.String(), "s3cret")
	}
}

func TestComplaintsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		log, _ := NewLogger(&lines, "text")
		c := &complaints{log: log, what: "traces"}
		for range 3 {
			c.Handle(context.DeadlineExceeded)
		}
		require.Equal(t, 1, strings.Count(lines.String(), "no answer in time"))
		time.Sleep(exportLogs) // on the clock of synctest, which does not wait
		c.Handle(context.DeadlineExceeded)
		require.Equal(t, 2, strings.Count(lines.String(), "no answer in time"))
	})
}

func TestLinesOfTheLogHaveTheIDsOfTheirTrace(t *testing.T) {
	var lines bytes.Buffer
	log, _ := NewLogger(&lines, "text")
	log.InfoContext(t.Context(), "outside")
	require.NotContains(t, lines.String(), "trace_id")
	ctx := (*Tracing)(nil).Incoming(t.Context(), http.Header{"Traceparent": {someTrace}})
	log.With("run", "r").InfoContext(ctx, "within")
	require.Contains(t, lines.String(), "run=r trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7")
	require.True(t, trace.SpanContextFromContext(ctx).IsValid())
}
