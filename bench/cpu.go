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

// cpuCase is a server with a model that takes its time.
type cpuCase struct {
	model       time.Duration
	connections int
	isBare      bool // the bare handler, in place of a gateway
	server      *server
	finish      func() error
	perCall     []float64 // microseconds
	rates       []float64
}

// costOfCalls measures what a call costs the gateway's processor, with models that take longer than a stub. A real one is never as
// fast as the stub, and a call that waits must not cost more than one that is answered at once. The bare handler, which records
// nothing, shows how much of the difference is the machine's: a processor that is idle between calls has colder caches.
func costOfCalls(ctx context.Context, l *lab) (found report.Section, err error) {
	cases := []*cpuCase{
		{model: 0, connections: cpuConnections},
		{model: slowModel, connections: cpuConnections},
		{model: slowestModel, connections: slowestAtOnce},
		{model: 0, connections: cpuConnections, isBare: true},
		{model: slowModel, connections: cpuConnections, isBare: true},
	}
	for i, c := range cases {
		stop, err := l.startCase(ctx, c, filepath.Join(l.folder, fmt.Sprintf("cpu-%d", i)))
		if err != nil {
			return found, err
		}
		defer stop()
	}
	for round := range l.rounds {
		for i := range cases {
			c := cases[(i+round)%len(cases)]
			if _, err := l.measureCPU(ctx, c); err != nil {
				return found, err
			}
			note("%s, model that takes %s, round %d of %d: %.0f µs a call", c.server.name, c.model, round+1,
				l.rounds, c.perCall[len(c.perCall)-1])
		}
	}
	found = report.Section{
		Title: "Processor time of a call",
		Text: "The processor time of the server alone, without the stub and the load generator, " +
			"over all calls of a round. A slower model is\n" +
			"the stub with a pause. The bare handler records nothing: it shows which part of the difference between two " +
			"models is the machine's.",
		Header: []string{"server", "model takes", "connections", "calls/s", "processor time a call"},
	}
	for _, c := range cases {
		found.Rows = append(found.Rows, []string{c.server.name, c.model.String(), fmt.Sprint(c.connections),
			report.Thousands(report.Median(c.rates)), microseconds(report.Median(c.perCall))})
		err = errors.Join(err, c.finish())
	}
	above := func(gateway, bare *cpuCase) (own []float64) {
		for i := range gateway.perCall {
			own = append(own, gateway.perCall[i]-bare.perCall[i])
		}
		return own
	}
	what := fmt.Sprintf("with a model that takes %s, beside one that answers at once", slowModel)
	found.Verdicts = []report.Verdict{
		report.AtMost(what, report.Paired(cases[1].perCall, cases[0].perCall, report.Quotient), maxOfInstant, report.Times),
		report.AtMost(what+", above the bare handler's",
			report.Paired(above(cases[1], cases[4]), above(cases[0], cases[3]), report.Quotient), maxOfInstant, report.Times),
	}
	return found, err
}

// startCase starts the server of a case and its model. stop ends the model, where it is one of its own.
func (l *lab) startCase(ctx context.Context, c *cpuCase, folder string) (stop func(), err error) {
	model, stop, err := l.modelThatTakes(ctx, c.model)
	if err != nil {
		return nil, err
	}
	if c.isBare {
		if c.server, err = l.startBareOn(ctx, model); err == nil {
			c.finish = c.server.Stop
		}
		return stop, err
	}
	g, err := l.startGatewayOn(ctx, folder, model)
	if err == nil {
		c.server, c.finish = g.server, func() error { return g.finish(ctx) }
	}
	return stop, err
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
	if _, err := l.send(ctx, c.server, c.connections, load.Amount{Requests: c.connections + warmUp}); err != nil {
		return result, err
	}
	before, err := c.server.CPU()
	if err != nil {
		return result, err
	}
	if result, err = l.send(ctx, c.server, c.connections, load.Amount{For: max(l.length, 3*c.model)}); err != nil {
		return result, err
	}
	after, err := c.server.CPU()
	if err != nil {
		return result, err
	}
	c.perCall = append(c.perCall, float64((after-before).Microseconds())/float64(result.Requests))
	c.rates = append(c.rates, result.Rate())
	return result, nil
}

func microseconds(v float64) string { return fmt.Sprintf("%.0f µs", v) }
