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

// What the gateway is judged by.
const (
	minOfNginx   = 0.25 // of nginx's rate, with 32 connections
	minOfBare    = 0.40 // of the bare handler's rate, with 32 connections
	maxOfP99     = 3    // times nginx's p99, with 32 connections
	maxOnTop     = 0.45 // ms that a call costs on top of the stub's p50, with one connection
	judgedAt     = 32
	fewest       = 1
	nginxName    = "nginx"
	bareName     = "bare handler"
	stubName     = "stub alone"
	gatewayName  = "gateway"
	slowStubName = "slow stub"
)

// Before each measurement come a few requests that are not measured.
const (
	warmUp     = 200
	warmUpEach = 10 // for each connection
)

// series are the rounds of one server with one number of connections.
type series struct {
	rates, p50s, p99s []float64 // requests/s and milliseconds
}

func (s *series) add(r load.Result) {
	s.rates = append(s.rates, r.Rate())
	s.p50s = append(s.p50s, milliseconds(r.P50))
	s.p99s = append(s.p99s, milliseconds(r.P99))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// throughput measures all servers with 1, 32 and 128 connections.
func throughput(ctx context.Context, l *lab) (found report.Section, err error) {
	floors, stop, err := l.startFloors(ctx)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	gateway, err := l.startGateway(ctx, filepath.Join(l.folder, "throughput"))
	if err != nil {
		return found, err
	}
	disk, err := syncTime(l.folder)
	if err != nil {
		return found, errors.Join(err, gateway.Stop())
	}
	servers := append(floors, gateway.server)
	found = report.Section{
		Title: "Throughput and latency",
		Text: fmt.Sprintf("%d rounds of %s for each line. Spread is the distance between the fastest and the slowest "+
			"round. On this machine's\n"+
			"disk a small write and its sync take %s; only the gateway waits for that.", l.rounds, l.length, report.Milliseconds(disk)),
		Header: []string{"connections", "server", "requests/s", "p50", "p99", "of nginx's requests/s", "of the bare handler's", "spread"},
	}
	for _, connections := range []int{fewest, judgedAt, 128} {
		measured, err := l.takeTurns(ctx, servers, connections)
		if err != nil {
			return found, errors.Join(err, gateway.Stop())
		}
		for _, s := range servers {
			found.Rows = append(found.Rows, row(connections, s.name, measured))
		}
		found.Verdicts = append(found.Verdicts, judge(connections, measured)...)
	}
	return found, gateway.finish(ctx)
}

// takeTurns measures each server once in each round; another one begins each time.
func (l *lab) takeTurns(ctx context.Context, servers []*server, connections int) (map[string]*series, error) {
	measured := map[string]*series{}
	for _, s := range servers {
		measured[s.name] = &series{}
	}
	for round := range l.rounds {
		progress := fmt.Sprintf("%3d at a time, round %d of %d:", connections, round+1, l.rounds)
		for i := range servers {
			s := servers[(i+round)%len(servers)]
			if _, err := l.send(ctx, s, connections, load.Amount{Requests: warmUp + warmUpEach*connections}); err != nil {
				return nil, err
			}
			result, err := l.send(ctx, s, connections, load.Amount{For: l.length})
			if err != nil {
				return nil, err
			}
			measured[s.name].add(result)
			progress += fmt.Sprintf("  %s %s/s", s.name, report.Thousands(result.Rate()))
		}
		note("%s", progress)
	}
	return measured, nil
}

func row(connections int, name string, measured map[string]*series) []string {
	s := measured[name]
	return []string{fmt.Sprint(connections), name, report.Thousands(report.Median(s.rates)),
		report.Milliseconds(report.Median(s.p50s)), report.Milliseconds(report.Median(s.p99s)),
		report.Ratio(report.Paired(s.rates, measured[nginxName].rates, report.Quotient)),
		report.Ratio(report.Paired(s.rates, measured[bareName].rates, report.Quotient)),
		report.Percent(report.Spread(s.rates))}
}

func judge(connections int, measured map[string]*series) []report.Verdict {
	gateway, nginx, bare, stub := measured[gatewayName], measured[nginxName], measured[bareName], measured[stubName]
	switch connections {
	case fewest:
		return []report.Verdict{report.AtMost("p50 above the stub alone, 1 connection",
			report.Paired(gateway.p50s, stub.p50s, report.Difference), maxOnTop, report.Milliseconds)}
	case judgedAt:
		return []report.Verdict{
			report.AtLeast("of nginx's requests/s, 32 connections",
				report.Paired(gateway.rates, nginx.rates, report.Quotient), minOfNginx, report.Ratio),
			report.AtLeast("of the bare handler's requests/s, 32 connections",
				report.Paired(gateway.rates, bare.rates, report.Quotient), minOfBare, report.Ratio),
			report.AtMost("p99 beside nginx's, 32 connections",
				report.Paired(gateway.p99s, nginx.p99s, report.Quotient), maxOfP99, report.Times),
		}
	}
	return nil
}
