package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"beckon/bench/report"
)

const (
	recoveryRuns  = 2000
	recoverySlow  = 2 * time.Second // what the model takes for each
	recoveryAfter = time.Second     // when the process is killed, after the last run was accepted
	maxRecovery   = 60_000          // ms
)

// recovery kills a gateway in the middle of its work, and looks at what the next one makes of it.
func recovery(ctx context.Context, l *lab) (found report.Section, err error) {
	model, err := l.startSlowStub(ctx, recoverySlow)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, model.Stop()) }()
	folder := filepath.Join(l.folder, "recovery")
	g, err := l.startGatewayOn(ctx, folder, model)
	if err != nil {
		return found, err
	}
	agentOf, err := g.accept(ctx)
	if err != nil {
		return found, errors.Join(err, g.Stop())
	}
	time.Sleep(recoveryAfter)
	g.Kill()
	before, err := countRuns(ctx, g.database)
	if err != nil {
		return found, err
	}
	restarted := time.Now()
	if g, err = l.startGatewayOn(ctx, folder, model); err != nil {
		return found, err
	}
	if err := g.settled(ctx, 2*maxRecovery*time.Millisecond); err != nil {
		return found, errors.Join(err, g.Stop())
	}
	took := time.Since(restarted)
	outcomes, err := outcomesOf(ctx, g.database)
	if err != nil {
		return found, errors.Join(err, g.Stop())
	}
	interrupted, err := account(agentOf, outcomes)
	if err != nil {
		return found, errors.Join(err, g.Stop())
	}
	return report.Section{
		Title: "After a kill -9",
		Text: fmt.Sprintf("%s runs are accepted, half of them on an agent with `retryOnCrash: false`; their model takes %s for each; "+
			"%s after the last was accepted the\n"+
			"gateway is killed, and started again. Every accepted run has to be there, id by id: completed, "+
			"or failed as `interrupted` where its\n"+
			"agent has `retryOnCrash: false`. The time is from the start of the new process to the end of the last run, "+
			"the model's time included.",
			report.Thousands(recoveryRuns), recoverySlow, recoveryAfter),
		Header: []string{"runs", "number"},
		Rows: [][]string{
			{"completed when the process was killed", report.Thousands(float64(before["COMPLETED"]))},
			{"running then", report.Thousands(float64(before["RUNNING"]))},
			{"waiting then", report.Thousands(float64(before["QUEUED"]))},
			{"failed as interrupted", report.Thousands(float64(interrupted))},
			{"completed in the end", report.Thousands(float64(len(agentOf) - interrupted))},
		},
		Verdicts: []report.Verdict{report.AtMost("all accounted for after", milliseconds(took), maxRecovery, report.Milliseconds)},
	}, g.Stop()
}

// accept starts the runs, and returns the agent of each.
func (g *gateway) accept(ctx context.Context) (map[string]string, error) {
	agentOf := map[string]string{}
	for i := range recoveryRuns {
		agent := []string{"bench", "once"}[i%2]
		id, err := g.enqueue(ctx, g.target.URL+"?agent="+agent, slowBody)
		if err != nil {
			return nil, err
		}
		agentOf[id] = agent
	}
	return agentOf, nil
}

// account wants every accepted run to have ended as it should, and counts those that were interrupted.
func account(agentOf map[string]string, outcomes map[string]outcome) (interrupted int, err error) {
	for id, agent := range agentOf {
		switch found, ok := outcomes[id]; {
		case !ok:
			return 0, fmt.Errorf("run %s was accepted, and is lost", id)
		case found.status == "COMPLETED":
		case found.code == "interrupted" && agent == "once":
			interrupted++
		default:
			return 0, fmt.Errorf("run %s on agent %s ended %s (%s)", id, agent, found.status, found.code)
		}
	}
	return interrupted, nil
}
