package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"beckon/bench/load"
	"beckon/bench/report"
)

const (
	refusedRate        = 500 // calls a second with a wrong token, and as many with a wrong signature
	refusedConnections = 8   // of each kind
	leastRefused       = 0.9 // of refusedRate, or the flood was none
	maxSlowedByRefused = 1.1 // times the p50 of calls beside the same flood on another gateway
)

// floodedConfig is a client whose caller signs, for gatewayConfig.
const floodedConfig = `  - {id: hub, source: github, secret: a secret of the bench, allowedAgents: [bench]}
`

// refused measures answered calls beside a flood of refused ones. The flood and its generator take processor time by themselves, so
// that in turns the same flood goes to another gateway, which nobody calls.
func refused(ctx context.Context, l *lab) (found report.Section, err error) {
	called, err := l.startGatewayWith(ctx, filepath.Join(l.folder, "refused"), l.stub, floodedConfig)
	if err != nil {
		return found, err
	}
	other, err := l.startGatewayWith(ctx, filepath.Join(l.folder, "refused-elsewhere"), l.stub, floodedConfig)
	if err != nil {
		return found, errors.Join(err, called.Stop())
	}
	defer func() { err = errors.Join(err, other.Stop()) }()
	lines := []struct {
		name    string
		flooded *gateway // nil for none
	}{{"no refused calls", nil}, {"on another gateway", other}, {"on the same gateway", called}}
	measured := make([]series, len(lines))
	for round := range l.rounds {
		for i := range lines {
			n := (i + round) % len(lines)
			result, err := l.beside(ctx, called, lines[n].flooded)
			if err != nil {
				return found, errors.Join(err, called.Stop())
			}
			measured[n].add(result)
			note("round %d of %d, refused calls: %s: p50 %s", round+1, l.rounds, lines[n].name,
				report.Milliseconds(milliseconds(result.P50)))
		}
	}
	found = report.Section{
		Title: "Refused calls",
		Text: fmt.Sprintf("Calls of one connection, beside %d refused calls a second: half with a wrong token, "+
			"half with a wrong signature. %d rounds of %s for\n"+
			"each line. To tell the gateway from the machine, the same flood also goes to another gateway on it.",
			2*refusedRate, l.rounds, l.length),
		Header: []string{"refused calls", "requests/s", "p50", "p99"},
	}
	for i, line := range lines {
		found.Rows = append(found.Rows, []string{line.name, report.Thousands(report.Median(measured[i].rates)),
			report.Milliseconds(report.Median(measured[i].p50s)), report.Milliseconds(report.Median(measured[i].p99s))})
	}
	found.Verdicts = []report.Verdict{report.AtMost(fmt.Sprintf("p50 with %s refused calls a second, beside the same flood elsewhere",
		report.Thousands(2*refusedRate)),
		report.Paired(measured[2].p50s, measured[1].p50s, report.Quotient), maxSlowedByRefused,
		func(v float64) string { return fmt.Sprintf("%.2f ×", v) })}
	return found, called.finish(ctx)
}

// beside measures calls of a gateway while another one, or the same, refuses calls.
func (l *lab) beside(ctx context.Context, called, flooded *gateway) (load.Result, error) {
	if _, err := l.send(ctx, called.server, fewest, load.Amount{Requests: warmUp}); err != nil {
		return load.Result{}, err
	}
	var floods []load.Target
	if flooded != nil {
		wrongToken, wrongSignature := flooded.target, flooded.target
		wrongToken.Token, wrongToken.Refused = "mgc_wrong", true
		wrongSignature.URL = strings.TrimSuffix(flooded.target.URL, "bench") + "hub"
		wrongSignature.Token, wrongSignature.Refused = "", true
		wrongSignature.Header = "X-Hub-Signature-256: sha256=" + strings.Repeat("0", 64)
		floods = []load.Target{wrongToken, wrongSignature}
	}
	failures := make([]error, len(floods))
	var under sync.WaitGroup
	for i, to := range floods {
		under.Go(func() {
			result, err := l.generator.Send(ctx, to, refusedConnections, load.Amount{For: l.length, Rate: refusedRate})
			if err == nil && result.Rate() < leastRefused*refusedRate {
				err = fmt.Errorf("only %s of %d calls a second could be refused: the machine is too busy",
					report.Thousands(result.Rate()), refusedRate)
			}
			failures[i] = err
		})
	}
	result, err := l.send(ctx, called.server, fewest, load.Amount{For: l.length})
	under.Wait()
	return result, errors.Join(append(failures, err)...)
}
