package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"beckon/runs"
	"beckon/server"
)

// replayPause is how long replay waits before it looks again whether the run has ended.
const replayPause = 500 * time.Millisecond

type replayCommand struct {
	ID    string `arg:"" help:"The run whose request is replayed. Its client must have keepRequests." placeholder:"RUN"`
	URL   string `help:"The gateway's URL." env:"BECKON_URL" default:"http://localhost:8080" name:"url"`
	Token string `help:"The admin token (admin.token). Prefer the variable, because process lists show the flag." env:"BECKON_ADMIN_TOKEN,BECKON_TOKEN"`
	Wait  bool   `help:"Wait for the end of the new run and print its answer."`
	JSON  bool   `help:"Print the whole answer as JSON; with --wait, the new run."`
}

// Run prints the id of the new run, or with --wait its answer. Its exit codes are those of invoke.
func (k replayCommand) Run(std streams) error {
	ctx := interruptible()
	if k.Token == "" {
		return &exitError{
			exitUsage, errors.New("the admin token is needed: set BECKON_ADMIN_TOKEN or BECKON_TOKEN, or give --token"),
		}
	}
	client, err := runFlags{gatewayFlags{URL: k.URL, Token: k.Token}, k.ID}.client()
	if err != nil {
		return err
	}
	answer, err := client.ask(ctx, http.MethodPost, nil, "admin", "runs", k.ID, "replay")
	switch {
	case err != nil && ctx.Err() != nil:
		return left("")
	case err != nil:
		return err
	case k.Wait:
		return k.await(ctx, client, answer.RunID, std)
	case k.JSON:
		return answer.print(std.out)
	}
	_, err = fmt.Fprintln(std.out, answer.RunID)
	return err
}

// await waits for the end of the new run. The events of a run are for its client, so that it asks for the run until
// it has ended.
func (k replayCommand) await(ctx context.Context, client *gatewayClient, runID string, std streams) error {
	std.notice("waiting for run " + runID)
	for {
		answer, err := client.ask(ctx, http.MethodGet, nil, "admin", "runs", runID)
		if err != nil && ctx.Err() == nil {
			return err
		}
		var run server.RunDetail
		if err == nil {
			if err := answer.read(&run); err != nil {
				return err
			}
			if run.Status.Ended() {
				return k.conclude(answer, run, std)
			}
		}
		select {
		case <-ctx.Done():
			return &exitError{exitGoesOn, fmt.Errorf("left; run %s goes on", runID)}
		case <-time.After(replayPause):
		}
	}
}

func (k replayCommand) conclude(answer *gatewayAnswer, run server.RunDetail, std streams) error {
	if k.JSON {
		if err := answer.print(std.out); err != nil {
			return err
		}
	} else if run.Status == runs.Completed {
		if _, err := (&answerText{out: std.out}).complete(orEmpty(run.Output)); err != nil {
			return err
		}
	}
	switch {
	case run.Status != runs.Completed:
		return &exitError{exitFailed, fmt.Errorf("%s, run %s", failureText(run.Error), run.RunID)}
	case orEmpty(run.Verdict) == "fail":
		return &exitError{exitGate, fmt.Errorf("the answer does not pass the gate: %s", harmless(orEmpty(run.Reason)))}
	}
	return nil
}
