package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"beckon/server"
)

// await waits for the end of a run that took longer than its client's calls wait, and prints what the call would have
// brought.
func (k invokeCommand) await(ctx context.Context, client *gatewayClient, answer *gatewayAnswer, std streams) error {
	runID := answer.RunID
	if len(answer.WaitingFor) > 0 {
		std.notice(fmt.Sprintf("run %s waits for a person to allow %s: beckon runs show %[1]s says how", runID,
			harmless(answer.WaitingFor[0].Tool)))
	} else {
		std.notice(fmt.Sprintf("it takes longer than the client's calls wait; waiting for run %s", runID))
	}
	f := client.follower(runID, std.notice)
	last, err := f.follow(ctx, nil, func(e runEvent) error {
		if k.JSON || e.kind != "run.completed" {
			return nil
		}
		_, err := (&answerText{out: std.out}).complete(e.Data.Output)
		return err
	})
	if err != nil {
		return err
	}
	if k.JSON {
		if err := k.printEnded(ctx, client, runID, std); err != nil {
			return err
		}
	}
	return k.concludeRun(ctx, client, runID, last)
}

// printEnded prints a run that has ended as the answer to a call.
func (k invokeCommand) printEnded(ctx context.Context, client *gatewayClient, runID string, std streams) error {
	answer, err := client.ask(ctx, http.MethodGet, nil, "runs", runID)
	if err != nil {
		return err
	}
	var run server.RunDetail
	if err := answer.read(&run); err != nil {
		return err
	}
	ended := map[string]any{
		"ok":     run.Error == nil,
		"runId":  run.RunID,
		"status": run.Status,
		"agent":  run.WorkflowID,
		"usage":  run.Usage,
	}
	if run.Error != nil {
		ended["code"], ended["error"] = run.Error.Code, run.Error.Message
	} else {
		ended["response"] = orEmpty(run.Output)
	}
	if run.Verdict != nil {
		ended["verdict"], ended["verdictReason"] = *run.Verdict, orEmpty(run.Reason)
	}
	if hasData(run.Data) {
		ended["data"] = run.Data
	}
	if run.StartedAt != nil && run.DurationMs != nil {
		ended["durationMs"] = *run.DurationMs
	}
	encoder := json.NewEncoder(std.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(ended)
}
