package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"beckon/bench/load"
	"beckon/bench/report"
	"beckon/internal/store/storetest"
)

const (
	replicas       = 3
	minOfSQLite    = 0.5 // of the rate with SQLite
	minOfOne       = 0.9 // of the rate of one gateway: the replicas share its processors
	sqliteName     = "SQLite"
	postgresName   = "PostgreSQL, 1 gateway"
	replicasName   = "PostgreSQL, 3 gateways"
	replicasFolder = "replica"
)

// fleet is one or more gateways over one database.
type fleet struct {
	name     string
	gateways []*gateway
	rates    []float64
	p50s     []float64
	p99s     []float64
	perCall  []float64 // microseconds of the gateways' processor time
}

// postgres compares gateways over PostgreSQL with one over SQLite.
func postgres(ctx context.Context, l *lab) (found report.Section, err error) {
	database, err := storetest.StartServer("") // not in the lab's folder, which PostgreSQL's user may not enter
	if err != nil {
		return found, err
	}
	defer database.Stop()
	other, err := storetest.StartServer("")
	if err != nil {
		return found, err
	}
	defer other.Stop()
	fleets := []*fleet{{name: sqliteName}, {name: postgresName}, {name: replicasName}}
	urls := []string{"", database.URL(), other.URL()}
	for i, f := range fleets {
		gateways := 1
		if f.name == replicasName {
			gateways = replicas
		}
		for n := range gateways {
			g, err := l.startGatewayOver(ctx, filepath.Join(l.folder, fmt.Sprintf("%s-%d-%d", replicasFolder, i, n)), urls[i], l.stub, "")
			if err != nil {
				return found, errors.Join(err, stopAll(fleets))
			}
			f.gateways = append(f.gateways, g)
		}
	}
	for round := range l.rounds {
		for i := range fleets {
			f := fleets[(i+round)%len(fleets)]
			if err := l.measureFleet(ctx, f); err != nil {
				return found, errors.Join(err, stopAll(fleets))
			}
			note("%s: %s/s, %.0f µs a call", f.name, report.Thousands(f.rates[round]), f.perCall[round])
		}
	}
	found = postgresSection(fleets)
	if err := stopAll(fleets); err != nil {
		return found, err
	}
	for _, f := range fleets {
		answered := 0
		for _, g := range f.gateways {
			answered += g.answered
		}
		if err := checkRuns(ctx, f.gateways[0].database, answered); err != nil {
			return found, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return found, nil
}

func postgresSection(fleets []*fleet) report.Section {
	s := report.Section{
		Title: "PostgreSQL",
		Text: fmt.Sprintf("The same calls on %d connections in all, with SQLite, and with a PostgreSQL of Debian on the same machine, "+
			"which syncs to disk as\n"+
			"it does by default. The gateways, the database, the stub and the load generator share the processors: "+
			"three gateways show what it\n"+
			"costs to be several, and not how far several machines go.", judgedAt),
		Header: []string{"database", "requests/s", "p50", "p99", "of SQLite's requests/s", "processor time a call"},
	}
	sqlite, one, three := fleets[0], fleets[1], fleets[2]
	for _, f := range fleets {
		s.Rows = append(s.Rows, []string{
			f.name, report.Thousands(report.Median(f.rates)), report.Milliseconds(report.Median(f.p50s)),
			report.Milliseconds(report.Median(f.p99s)), report.Ratio(report.Paired(f.rates, sqlite.rates, report.Quotient)),
			microseconds(report.Median(f.perCall)),
		})
	}
	s.Verdicts = []report.Verdict{
		report.AtLeast("PostgreSQL, of SQLite's requests/s",
			report.Paired(one.rates, sqlite.rates, report.Quotient), minOfSQLite, report.Ratio),
		report.AtLeast("three gateways, of one's requests/s",
			report.Paired(three.rates, one.rates, report.Quotient), minOfOne, report.Ratio),
	}
	return s
}

// measureFleet sends all gateways of a fleet the same load, together judgedAt requests at a time.
func (l *lab) measureFleet(ctx context.Context, f *fleet) error {
	var before, after time.Duration
	for _, g := range f.gateways {
		if _, err := l.send(ctx, g.server, judgedAt/len(f.gateways), load.Amount{Requests: warmUp}); err != nil {
			return err
		}
		spent, err := g.CPU()
		if err != nil {
			return err
		}
		before += spent
	}
	results, failures := make([]load.Result, len(f.gateways)), make([]error, len(f.gateways))
	var sending sync.WaitGroup
	for i, g := range f.gateways {
		// The connections that do not divide by the number of gateways go to the first ones.
		connections := (judgedAt + len(f.gateways) - 1 - i) / len(f.gateways)
		sending.Go(func() { results[i], failures[i] = l.send(ctx, g.server, connections, load.Amount{For: l.length}) })
	}
	sending.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	requests := 0
	var rate, p50, p99 float64
	for i, g := range f.gateways {
		spent, err := g.CPU()
		if err != nil {
			return err
		}
		after += spent
		requests += results[i].Requests
		rate += results[i].Rate()
		p50, p99 = max(p50, milliseconds(results[i].P50)), max(p99, milliseconds(results[i].P99))
	}
	f.rates, f.p50s, f.p99s = append(f.rates, rate), append(f.p50s, p50), append(f.p99s, p99)
	f.perCall = append(f.perCall, float64((after-before).Microseconds())/float64(requests))
	return nil
}

func stopAll(fleets []*fleet) (err error) {
	for _, f := range fleets {
		for _, g := range f.gateways {
			err = errors.Join(err, g.Stop())
		}
	}
	return err
}
