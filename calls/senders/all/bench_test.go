package all_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"syscall"
	"testing"

	"beckon/calls/senders"
	"beckon/internal/secret"
)

// processorTime is this process's, in nanoseconds: a busy machine does not add to it.
func processorTime() int64 {
	var used syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &used) // never fails for the process itself
	return used.Utime.Nano() + used.Stime.Nano()
}

// BenchmarkVerifyAndRead is what a sender adds to a call: the proof of a payload of 25 KB, and its event.
func BenchmarkVerifyAndRead(b *testing.B) {
	github := readDelivery(b, "testdata/github/review-comment.http")
	github.Body = append(github.Body[:len(github.Body)-1], `,"padding":"`+strings.Repeat("x", 25_000-len(github.Body))+`"}`...)
	alerts := alertmanager(b, storm(60)...)
	alerts.Body = alerts.Body[:min(len(alerts.Body), 25_000)]
	stripe := readDelivery(b, "testdata/stripe/payment-failed.http")
	stripe.Body = append(stripe.Body[:len(stripe.Body)-1], `,"padding":"`+strings.Repeat("x", 25_000-len(stripe.Body))+`"}`...)
	b.Run("floor: SHA-256", func(b *testing.B) { // one secret's, to compare on a busy machine
		before := processorTime()
		for b.Loop() {
			sha256.Sum256(github.Body)
		}
		b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
	})
	for name, d := range map[string]senders.Delivery{"github": github, "alertmanager": alerts, "stripe": stripe} {
		source, scheme := known.Source(name), known.Scheme(name)
		p := senders.Proof{Scheme: name, Secrets: []secret.String{"s", "t"}}
		if scheme != nil {
			signers[name].sign("t", d, now)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(d.Body)))
			b.ReportAllocs()
			before := processorTime()
			for b.Loop() {
				if scheme != nil {
					if _, err := scheme.Verify(context.Background(), p, d, now); err != nil {
						b.Fatal(err)
					}
				}
				source.Event(d)
			}
			b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// BenchmarkPromptOfAlerts is the prompt of some 60 alerts.
func BenchmarkPromptOfAlerts(b *testing.B) {
	s := known.Source("alertmanager")
	e := s.Event(alertmanager(b, storm(60)...))
	before := processorTime()
	for b.Loop() {
		s.Prompt(e)
	}
	b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
}
