package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"beckon/internal/findings"
	"beckon/internal/gate"
	"beckon/server"
)

// pipelineFlags are for calls from a pipeline.
type pipelineFlags struct {
	Gate           bool   `help:"Fail unless the run has a verdict. If the verdict is fail, the exit code is 5, also without this flag."`
	Summary        string `help:"Append the answer as Markdown to a file, such as $GITHUB_STEP_SUMMARY." placeholder:"FILE"`
	JUnit          string `name:"junit" help:"Write the findings of the answer as JUnit XML." placeholder:"FILE"`
	SARIF          string `name:"sarif" help:"Write the findings of the answer as SARIF." placeholder:"FILE"`
	IdempotencyKey string `help:"A call with the same key within 24 hours gets the same answer, and starts no run." placeholder:"KEY"`
}

// isUsed reports whether the answer is for a pipeline, for which there has to be one.
func (p pipelineFlags) isUsed() bool { return p.Gate || p.Summary+p.JUnit+p.SARIF != "" }

// isInFlight reports whether the first call with the same idempotency key is still running.
func (a *gatewayAnswer) isInFlight() bool {
	return a.status == http.StatusConflict && a.Code == "idempotency_in_flight" && a.RunID != ""
}

// concludeAnswer writes the files of a call that has its answer, and returns the error that its verdict asks for.
func (p pipelineFlags) concludeAnswer(answer *gatewayAnswer) error {
	var body struct {
		Agent    string          `json:"agent"`
		Response string          `json:"response"`
		Reason   string          `json:"verdictReason"`
		Data     json.RawMessage `json:"data"`
	}
	if err := answer.read(&body); err != nil {
		return err
	}
	return p.conclude(findings.Answer{
		RunID:   answer.RunID,
		Agent:   body.Agent,
		Text:    body.Response,
		Verdict: answer.Verdict,
		Reason:  body.Reason,
	}, body.Data)
}

// concludeRun does the same for a run that was waited for; last is its last event.
func (p pipelineFlags) concludeRun(ctx context.Context, client *gatewayClient, runID string, last runEvent) error {
	outcome := last.outcome(runID)
	if !p.isUsed() && last.Data.Verdict == "" {
		return outcome
	}
	if outcome != nil {
		return p.failed(runID, outcome)
	}
	answer, err := client.ask(ctx, http.MethodGet, nil, "runs", runID)
	if err != nil {
		return err
	}
	var run server.RunDetail
	if err := answer.read(&run); err != nil {
		return err
	}
	return p.conclude(findings.Answer{
		RunID:   runID,
		Agent:   run.WorkflowID,
		Text:    orEmpty(run.Output),
		Verdict: orEmpty(run.Verdict),
		Reason:  orEmpty(run.Reason),
	}, run.Data)
}

// failed writes the files of a call without an answer, and returns why there is none.
func (p pipelineFlags) failed(runID string, why error) error {
	return errors.Join(p.write(findings.Answer{RunID: runID, Agent: "beckon", Failure: why.Error()}), why)
}

func (p pipelineFlags) conclude(a findings.Answer, data json.RawMessage) error {
	a.Report, a.HasReport = findings.Read(data)
	if err := p.write(a); err != nil {
		return err
	}
	switch {
	case a.Verdict == gate.Fail:
		return &exitError{exitGate, fmt.Errorf("run %s does not pass: %s", a.RunID, harmless(a.Reason))}
	case p.isUsed() && strings.TrimSpace(a.Text) == "":
		return fmt.Errorf("the answer of run %s is empty", a.RunID)
	case p.Gate && a.Verdict == "":
		return fmt.Errorf("run %s has no verdict: give the client or the flow a gate", a.RunID)
	}
	return nil
}

// write writes the files that are asked for.
func (p pipelineFlags) write(a findings.Answer) error {
	if p.Summary != "" {
		file, err := os.OpenFile(p.Summary, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("write the summary: %w", err)
		}
		_, err = file.Write(append(findings.Markdown(a), '\n'))
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("write the summary: %w", err)
		}
	}
	for _, f := range []struct {
		path   string
		render func(findings.Answer) []byte
	}{{p.JUnit, findings.JUnit}, {p.SARIF, findings.SARIF}} {
		if f.path == "" {
			continue
		}
		if err := os.WriteFile(f.path, f.render(a), 0o644); err != nil {
			return fmt.Errorf("write the findings: %w", err)
		}
	}
	return nil
}

// hasData reports whether a run has an answer in JSON.
func hasData(data json.RawMessage) bool { return len(data) > 0 && string(data) != "null" }
