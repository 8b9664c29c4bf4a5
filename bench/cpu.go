package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"beckon/bench/load"
	"beckon/bench/report"
)

const (
	cpuConnections = 64
	slowModel      = 20 * time.Millisecond
	slowestModel   = 2 * time.Second
	slowestAtOnce  = 512
	maxOfInstant   = 1.1 // times the processor time of a call with the model that answers at once
)

// cpuCase is a gateway with a model that takes its time.
type cpuCase struct {
	model       time.Duration
	connections int
	gateway     *gateway
	perCall     []float64 // microseconds
	rates       []float64
}

// costOfCalls measures what a call costs the gateway's processor, with models that take longer than a stub. A real one is never as
// fast as the stub, and a call that waits must not cost more than one that is answered at once.
func costOfCalls(ctx context.Context, l *lab) (found report.Section, err error) {
	cases := []*cpuCase{{0, cpuConnections, nil, nil, nil}, {slowModel, cpuConnections, nil, nil, nil}, {slowestModel, slowestAtOnce, nil, nil, nil}}
	for i, c := range cases {
		model, stop, err := l.modelThatTakes(ctx, c.model)
		if err != nil {
			return found, err
		}
		defer stop()
		if c.gateway, err = l.startGatewayOn(ctx, filepath.Join(l.folder, fmt.Sprintf("cpu-%d", i)), model); err != nil {
			return found, err
		}
	}
	for round := range l.rounds {
		for i := range cases {
			c := cases[(i+round)%len(cases)]
			if _, err := l.measureCPU(ctx, c); err != nil {
				return found, err
			}
			note("model that takes %s, round %d of %d: %.0f µs a call", c.model, round+1, l.rounds, c.perCall[len(c.perCall)-1])
		}
	}
	found = report.Section{Title: "Processor time of a call",
		Text: "The processor time of the gateway alone, without the stub and the load generator, over all calls of a round. A slower model is\n" +
			"the stub with a pause.",
		Header: []string{"model takes", "connections", "calls/s", "processor time a call"}}
	for _, c := range cases {
		found.Rows = append(found.Rows, []string{c.model.String(), fmt.Sprint(c.connections), report.Thousands(report.Median(c.rates)), microseconds(report.Median(c.perCall))})
		err = errors.Join(err, c.gateway.finish(ctx))
	}
	found.Verdicts = []report.Verdict{report.AtMost(fmt.Sprintf("with a model that takes %s, beside one that answers at once", slowModel),
		report.Paired(cases[1].perCall, cases[0].perCall, report.Quotient), maxOfInstant, report.Times)}
	return found, err
}

// modelThatTakes returns a stub that answers after a time. stop ends it where it is one of its own.
func (l *lab) modelThatTakes(ctx context.Context, pause time.Duration) (model *server, stop func(), err error) {
	if pause == 0 {
		return l.stub, func() {}, nil
	}
	model, err = l.startRole(ctx, stubName+" that takes "+pause.String(), chatPath, chatBody, "stub", "-delay", pause.String())
	if err != nil {
		return nil, nil, err
	}
	return model, func() { _ = model.Stop() }, nil
}

// measureCPU makes calls for a while, and notes what each has cost the gateway.
func (l *lab) measureCPU(ctx context.Context, c *cpuCase) (result load.Result, err error) {
	if _, err := l.send(ctx, c.gateway.server, c.connections, load.Amount{Requests: c.connections + warmUp}); err != nil {
		return result, err
	}
	before, err := c.gateway.CPU()
	if err != nil {
		return result, err
	}
	if result, err = l.send(ctx, c.gateway.server, c.connections, load.Amount{For: max(l.length, 3*c.model)}); err != nil {
		return result, err
	}
	after, err := c.gateway.CPU()
	if err != nil {
		return result, err
	}
	c.perCall = append(c.perCall, float64((after-before).Microseconds())/float64(result.Requests))
	c.rates = append(c.rates, result.Rate())
	return result, nil
}

func microseconds(v float64) string { return fmt.Sprintf("%.0f µs", v) }
