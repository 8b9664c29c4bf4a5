// Package telemetry gives the rest of the house its logs, metrics and traces.
package telemetry

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"
)

// Metrics are the numbers that Prometheus collects. Their labels are bounded. The page that shows them needs no
// login: only what models cost names clients, agents and models.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	latency  prometheus.Histogram
	runs     *prometheus.CounterVec
	running  prometheus.Gauge
	queued   prometheus.Gauge
	duration prometheus.Histogram
	tokens   *prometheus.CounterVec
	cost     *prometheus.CounterVec
	refused  *prometheus.CounterVec
	skipped  *prometheus.CounterVec
	forgot   prometheus.Counter
	reloads  *prometheus.CounterVec
	attempts *prometheus.CounterVec
	attempt  prometheus.Histogram
	pending  prometheus.Gauge
}

var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// NewMetrics returns metrics that stand at zero, together with those of the Go runtime and the process.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: counters("beckon_http_requests_total", "HTTP requests answered, by route and status.", "route", "status"),
		latency:  durations("beckon_webhook_duration_seconds", "Time from a webhook call to its answer."),
		runs:     counters("beckon_runs_total", "Runs that ended, by how they ended.", "status"),
		running:  gauge("beckon_runs_running", "Runs that this process is working on."),
		queued:   gauge("beckon_runs_queued", "Runs that wait in the queue, for this process or another."),
		duration: durations("beckon_run_duration_seconds", "Time from the start of a run to its end on record."),
		tokens:   counters("beckon_model_tokens_total", "Tokens that providers counted.", "kind"),
		refused: counters("beckon_calls_refused_total",
			"Webhook calls that started no run, by the code of the error.", "code"),
		skipped: counters("beckon_calls_skipped_total",
			"Webhook calls that were answered 200 and started no run, by the reason.", "reason"),
		reloads: counters("beckon_config_reloads_total", "Configurations that were put in force or refused.", "result"),
		cost: counters("beckon_cost_usd_total",
			"What requests to models with a price have cost, in USD.", "client", "agent", "model"),
		attempts: counters("beckon_delivery_attempts_total",
			"Attempts to deliver an event, by what came of them.", "result"),
		attempt: durations("beckon_delivery_attempt_duration_seconds",
			"Time of an attempt, from the look-up of the receiver's name to the end of its answer."),
		pending: gauge("beckon_deliveries_pending",
			"Deliveries that wait, for their first attempt, a retry or a disabled endpoint."),
		forgot: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "beckon_refused_calls_forgotten_total",
			Help: "Refused calls that the list of them lacks, because they came faster than it is written.",
		}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "beckon_build_info",
		Help:        "Always 1; the label has the version.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.latency, m.runs, m.running, m.queued, m.duration, m.tokens, m.cost, m.refused,
		m.skipped, m.forgot, m.reloads, m.attempts, m.attempt, m.pending, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

// durations returns a histogram of seconds.
func durations(name, help string) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: seconds})
}

// Handler answers in Prometheus' text format, or in that of OpenMetrics, which has the examples, if the reader
// accepts it.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
}

// Request counts an answered request. route is the pattern, never the path.
func (m *Metrics) Request(route, status string) { m.requests.WithLabelValues(route, status).Inc() }

// Breakers shows which providers have failed too often. each calls set for every provider that is in force.
func (m *Metrics) Breakers(each func(set func(provider string, open bool))) {
	m.registry.MustRegister(breakers(each))
}

var breakerOpen = prometheus.NewDesc("beckon_provider_breaker_open",
	"1 for a provider that has failed too often, and is not asked where an agent has a fallback.",
	[]string{"provider"}, nil)

// breakers reads the state of each provider when it is asked for.
type breakers func(set func(provider string, open bool))

// Describe implements prometheus.Collector.
func (b breakers) Describe(to chan<- *prometheus.Desc) { to <- breakerOpen }

// Collect implements prometheus.Collector.
func (b breakers) Collect(to chan<- prometheus.Metric) {
	b(func(provider string, open bool) {
		value := 0.0
		if open {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(breakerOpen, prometheus.GaugeValue, value, provider)
	})
}

// observe records a time, with the trace of ctx as its example if that is sent to a collector.
func observe(ctx context.Context, in prometheus.Histogram, took time.Duration) {
	at := trace.SpanContextFromContext(ctx)
	with, ok := in.(prometheus.ExemplarObserver)
	if !ok || !at.IsSampled() {
		in.Observe(took.Seconds())
		return
	}
	with.ObserveWithExemplar(took.Seconds(), prometheus.Labels{
		"trace_id": at.TraceID().String(),
		"span_id":  at.SpanID().String(),
	})
}

// Webhook records how long a call took from its first byte to its answer.
func (m *Metrics) Webhook(ctx context.Context, took time.Duration) { observe(ctx, m.latency, took) }

// Refused counts a call that started no run.
func (m *Metrics) Refused(code string) { m.refused.WithLabelValues(code).Inc() }

// Skipped counts a call that was answered 200 and started no run.
func (m *Metrics) Skipped(reason string) { m.skipped.WithLabelValues(reason).Inc() }

// RefusedForgotten counts refused calls that the list of them lacks.
func (m *Metrics) RefusedForgotten(n int) { m.forgot.Add(float64(n)) }

// Reload counts a configuration that was put in force, or was not.
func (m *Metrics) Reload(ok bool) {
	result := "refused"
	if ok {
		result = "in_force"
	}
	m.reloads.WithLabelValues(result).Inc()
}

// Attempted counts an attempt to deliver an event.
func (m *Metrics) Attempted(ok bool, took time.Duration) {
	result := "failed"
	if ok {
		result = "accepted"
	}
	m.attempts.WithLabelValues(result).Inc()
	m.attempt.Observe(took.Seconds())
}

// Memory has the bytes that bodies and answers hold, and those that they may, looked up when somebody asks.
func (m *Metrics) Memory(held func() int64, limit int64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "beckon_memory_held_bytes",
			Help: "Bytes that the bodies, prompts and answers of calls hold.",
		}, func() float64 { return float64(held()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "beckon_memory_limit_bytes",
			Help: "Bytes that they may hold: half of server.maxMemory.",
		}, func() float64 { return float64(limit) }))
}

// Ready says whether calls are taken, looked up when somebody asks.
func (m *Metrics) Ready(isReady func() bool) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "beckon_ready",
		Help: "1 while this process takes calls, as GET /readyz says.",
	}, func() float64 {
		if isReady() {
			return 1
		}
		return 0
	}))
}

// Pending says how many deliveries wait.
func (m *Metrics) Pending(n int64) { m.pending.Set(float64(n)) }

// RunStarted counts a run as running.
func (m *Metrics) RunStarted() { m.running.Inc() }

// Queued says how many runs wait.
func (m *Metrics) Queued(n int64) { m.queued.Set(float64(n)) }

// Cost counts what a request to a model has cost.
func (m *Metrics) Cost(client, agent, model string, usd float64) {
	m.cost.WithLabelValues(client, agent, model).Add(usd)
}

// RunEnded counts a run as ended, with what it used.
func (m *Metrics) RunEnded(ctx context.Context, status string, took time.Duration, promptTokens, completionTokens int) {
	m.running.Dec()
	m.runs.WithLabelValues(status).Inc()
	observe(ctx, m.duration, took)
	m.tokens.WithLabelValues("prompt").Add(float64(promptTokens))
	m.tokens.WithLabelValues("completion").Add(float64(completionTokens))
}
