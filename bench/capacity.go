package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"beckon/bench/load"
	"beckon/bench/report"
)

const (
	capacityConnections = 64
	minCapacity         = 2000 // deliveries a second
)

// capacity has calls bring a callback along, as many as the gateway takes.
func capacity(ctx context.Context, l *lab) (found report.Section, err error) {
	found = report.Section{
		Title: "Deliveries at full pace",
		Text: "Calls with a `webhook` on 64 connections, as many as are answered: each is a run and two signed deliveries, " +
			"of its `run.started` and\n" +
			"`run.completed`, to a receiver on the same machine, with every step on disk. The calls wait for the answer, or not\n" +
			"(`Prefer: respond-async`). The time is from the first commit to the last receipt. " +
			"Each event on record has to have come, once.",
		Header: []string{"calls", "calls/s", "deliveries/s", "commit to receipt, p50", "p95", "processor time for a call"},
	}
	for _, kind := range []struct {
		name  string
		async bool
	}{{"synchronous", false}, {"asynchronous", true}} {
		if err := l.measureCapacity(ctx, kind.name, kind.async, &found); err != nil {
			return found, err
		}
	}
	return found, nil
}

func (l *lab) measureCapacity(ctx context.Context, name string, async bool, found *report.Section) (err error) {
	r, err := startReceiver()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	g, err := l.startGatewayWith(ctx, filepath.Join(l.folder, "capacity-"+name), l.stub, allowLoopback)
	if err != nil {
		return err
	}
	target := g.target
	target.Async = async
	target.Body = strings.TrimSuffix(promptBody, "}") + `,"webhook":{"url":"` + r.url + `/callback","retry":"fast"}}`
	var rates, perCall, calls, p50s, p95s []float64
	expected := 0
	for range l.rounds {
		begun := time.Now().UnixMilli()
		before, err := g.CPU()
		if err != nil {
			return errors.Join(err, g.Stop())
		}
		result, err := l.generator.Send(ctx, target, capacityConnections, load.Amount{For: l.length})
		if err != nil {
			return errors.Join(g.Failure(err), g.Stop())
		}
		g.answered += result.Requests
		expected += eventsOfRun * result.Requests
		if err := r.await(ctx, expected, deliveryPatience); err != nil {
			return errors.Join(g.Failure(err), g.Stop())
		}
		if err := g.settled(ctx, asyncDraining); err != nil {
			return errors.Join(err, g.Stop())
		}
		after, err := g.CPU()
		if err != nil {
			return errors.Join(err, g.Stop())
		}
		measured, err := r.compare(ctx, g.database, begun, func(string) string { return "/callback" })
		if err != nil {
			return errors.Join(err, g.Stop())
		}
		rates = append(rates, float64(len(measured.waits))/measured.took.Seconds())
		calls = append(calls, float64(result.Requests)/measured.took.Seconds())
		perCall = append(perCall, float64((after-before).Microseconds())/float64(result.Requests))
		p50s, p95s = append(p50s, measured.percentile(50)), append(p95s, measured.percentile(95))
		note("%s calls: %s deliveries/s, %.0f µs a call", name, report.Thousands(rates[len(rates)-1]), perCall[len(perCall)-1])
	}
	found.Rows = append(found.Rows, []string{name, report.Thousands(report.Median(calls)), report.Thousands(report.Median(rates)),
		report.Milliseconds(report.Median(p50s)), report.Milliseconds(report.Median(p95s)), microseconds(report.Median(perCall))})
	found.Verdicts = append(found.Verdicts,
		report.AtLeast("deliveries a second, "+name+" calls", report.Median(rates), minCapacity, report.Thousands))
	return g.finish(ctx)
}
