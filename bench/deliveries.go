package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"beckon/bench/load"
	"beckon/bench/report"
)

const (
	deliveryRate     = 1000 // a second
	eventsOfRun      = 2    // that a callback is told of, when it names none: run.started and run.completed
	deliveryFor      = 30 * time.Second
	deliveryPatience = time.Minute
	minDelivered     = 0.99 * deliveryRate
	maxIdleDelivery  = 200 // ms, p95
	hangingEndpoints = 50
	healthyEndpoints = 50
	hangingRuns      = 10 // a second: each is told to all endpoints
	maxHealthy       = 1000
	allowLoopback    = "egress: {allowPrivate: [127.0.0.0/8]}\n"
)

// deliver has every call bring a callback along.
func deliver(ctx context.Context, l *lab) (found report.Section, err error) {
	r, err := startReceiver()
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	g, err := l.startGatewayWith(ctx, filepath.Join(l.folder, "deliveries"), l.stub, allowLoopback)
	if err != nil {
		return found, err
	}
	measured, idle, peak, err := g.callbacks(ctx, l, r)
	if err != nil {
		return found, errors.Join(g.Failure(err), g.Stop())
	}
	rate := float64(len(measured.waits)) / measured.took.Seconds()
	p50, p95, idleP95 := measured.percentile(50), measured.percentile(95), idle.percentile(95)
	return report.Section{
		Title: "Deliveries",
		Text: fmt.Sprintf("Calls with `Prefer: respond-async` and a `webhook` at a pace of %s a second for %s: "+
			"each is a run through the queue and two signed\n"+
			"deliveries, of its `run.started` and `run.completed`, to a receiver on the same machine, with every step on disk. "+
			"Each event on record\n"+
			"has to have come, once. "+
			"Then %d calls one after the other, on a gateway that has nothing else to do.",
			report.Thousands(deliveryRate/eventsOfRun), deliveryFor, idleRuns),
		Header: []string{"what", "measured"},
		Rows: [][]string{
			{"delivered, from the first commit to the last receipt", report.Thousands(rate) + "/s"},
			{"commit to receipt, p50", report.Milliseconds(p50)},
			{"commit to receipt, p95", report.Milliseconds(p95)},
			{"commit to receipt, p99", report.Milliseconds(measured.percentile(99))},
			{"idle: commit to receipt, p50", report.Milliseconds(idle.percentile(50))},
			{"idle: commit to receipt, p95", report.Milliseconds(idleP95)},
			{"memory at its highest", report.Megabytes(peak)},
		},
		Verdicts: []report.Verdict{
			report.AtLeast("deliveries a second, for "+deliveryFor.String(), rate, minDelivered, report.Thousands),
			report.AtMost("idle: commit to receipt, p95", idleP95, maxIdleDelivery, report.Milliseconds),
		},
	}, g.finish(ctx)
}

// callbacks makes calls that want to be called back: on an idle gateway, and at full pace.
func (g *gateway) callbacks(ctx context.Context, l *lab, r *receiver) (measured, idle receipts, peak float64, err error) {
	target := g.target
	target.Async = true
	target.Body = strings.TrimSuffix(promptBody, "}") + fmt.Sprintf(`,"webhook":{"url":"%s/callback","retry":"fast"}}`, r.url)
	begun := time.Now().UnixMilli()
	for range idleRuns {
		if _, err := g.enqueue(ctx, target.URL, target.Body); err != nil {
			return measured, idle, 0, err
		}
		g.answered++
		time.Sleep(pauseBetween)
	}
	path := func(string) string { return "/callback" }
	if err := r.await(ctx, eventsOfRun*idleRuns, deliveryPatience); err != nil {
		return measured, idle, 0, err
	}
	if idle, err = r.compare(ctx, g.database, begun, path); err != nil {
		return measured, idle, 0, err
	}
	begun = time.Now().UnixMilli()
	highest, err := g.PeakDuring(ctx, func(ctx context.Context) error {
		result, err := l.generator.Send(ctx, target, asyncConnection, load.Amount{For: deliveryFor, Rate: deliveryRate / eventsOfRun})
		if err != nil {
			return err
		}
		g.answered += result.Requests
		return r.await(ctx, eventsOfRun*(idleRuns+result.Requests), deliveryPatience)
	})
	if err != nil {
		return measured, idle, 0, err
	}
	measured, err = r.compare(ctx, g.database, begun, path)
	return measured, idle, float64(highest), err
}

// hanging has half of many endpoints never answer.
func hanging(ctx context.Context, l *lab) (found report.Section, err error) {
	r, err := startReceiver()
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	g, err := l.startGatewayWith(ctx, filepath.Join(l.folder, "hanging"), l.stub, allowLoopback+endpointsOf(r))
	if err != nil {
		return found, err
	}
	// The end of the call that has shown that the gateway answers is told to everybody as well.
	if err := r.await(ctx, healthyEndpoints, deliveryPatience); err != nil {
		return found, errors.Join(g.Failure(err), g.Stop())
	}
	target := g.target
	target.Async = true
	begun := time.Now().UnixMilli()
	peak, err := g.PeakDuring(ctx, func(ctx context.Context) error {
		result, err := l.generator.Send(ctx, target, hangingRuns, load.Amount{For: deliveryFor, Rate: hangingRuns})
		if err != nil {
			return err
		}
		g.answered += result.Requests
		return r.await(ctx, healthyEndpoints*(1+result.Requests), deliveryPatience)
	})
	var healthy receipts
	if err == nil {
		healthy, err = r.compare(ctx, g.database, begun, func(id string) string {
			if strings.HasPrefix(id, "hangs") {
				return ""
			}
			return "/" + id
		})
	}
	if err != nil {
		return found, errors.Join(g.Failure(err), g.Stop())
	}
	p95 := healthy.percentile(95)
	return report.Section{
		Title: "Endpoints that hang",
		Text: fmt.Sprintf("%d endpoints, of which %d take connections and never answer, and %d runs a second for %s, "+
			"each of which is told to all of them:\n"+
			"%s deliveries a second that can arrive, and as many that can't.", hangingEndpoints+healthyEndpoints, hangingEndpoints,
			hangingRuns, deliveryFor, report.Thousands(hangingRuns*healthyEndpoints)),
		Header: []string{"what", "measured"},
		Rows: [][]string{
			{"deliveries to endpoints that answer", report.Thousands(float64(len(healthy.waits)))},
			{"commit to receipt, p50", report.Milliseconds(healthy.percentile(50))},
			{"commit to receipt, p95", report.Milliseconds(p95)},
			{"commit to receipt, the longest", report.Milliseconds(healthy.percentile(100))},
			{"memory at its highest", report.Megabytes(float64(peak))},
		},
		Verdicts: []report.Verdict{report.AtMost("commit to receipt where others hang, p95", p95, maxHealthy, report.Milliseconds)},
	}, g.finish(ctx)
}

func endpointsOf(r *receiver) string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	secret := "whsec_" + base64.StdEncoding.EncodeToString(raw)
	var b strings.Builder
	b.WriteString("endpoints:\n")
	for i := range healthyEndpoints {
		fmt.Fprintf(&b, "  - {id: answers-%d, url: \"%s/answers-%d\", secret: %q, events: [run.completed]}\n", i, r.url, i, secret)
	}
	for i := range hangingEndpoints {
		fmt.Fprintf(&b, "  - {id: hangs-%d, url: \"%s%s/%d\", secret: %q, events: [run.completed]}\n", i, r.url, hangPath, i, secret)
	}
	return b.String()
}
