package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"beckon/runs"
)

type runsFollowCommand struct {
	runFlags
	Text bool `help:"Print only the text of the answer, as it comes." xor:"form"`
	JSON bool `help:"Print every event as a line of JSON." xor:"form"`
}

// Run ends with the run; its exit code tells how that ended.
func (k runsFollowCommand) Run(std streams) error {
	ctx := interruptible()
	client, err := k.client()
	if err != nil {
		return err
	}
	f := client.follower(k.ID, std.notice)
	var tell func(runEvent) error
	switch {
	case k.JSON:
		tell = jsonView(std.out)
	case k.Text:
		tell = textView(std)
	case canRedraw(std.out):
		view := newLiveView(std.out)
		tell, f.notice = view.tell, view.notice
	default:
		tell = lineView(std.out)
	}
	last, err := f.follow(ctx, nil, tell)
	if err != nil {
		return err
	}
	return last.outcome(k.ID)
}

// notice tells the user something that is no error yet.
func (s streams) notice(text string) { fmt.Fprintf(s.err, "beckon: %s\n", harmless(text)) }

// outcome says why a run has no answer.
func (e runEvent) outcome(runID string) error {
	switch {
	case e.kind == "run.completed":
		return nil
	case e.Error == nil:
		return &exitError{exitFailed, fmt.Errorf("the run did not come to its end (%s), run %s", e.kind, runID)}
	}
	return &exitError{
		exitFailed, errors.New(harmless(fmt.Sprintf("%s (%s), run %s", *e.Error, e.Data.ErrorCode, runID))),
	}
}

// jsonView prints a line for every event.
func jsonView(out io.Writer) func(runEvent) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return func(e runEvent) error {
		return encoder.Encode(struct {
			ID    string          `json:"id"`
			Event string          `json:"event"`
			Data  json.RawMessage `json:"data"`
		}{e.id, e.kind, e.data})
	}
}

// textView prints the answer as it is written.
func textView(std streams) func(runEvent) error {
	text := &answerText{out: std.out}
	return func(e runEvent) error {
		switch {
		case e.kind == "message.delta":
			return text.add(e.Text)
		case e.kind == "run.completed":
			anew, err := text.complete(e.Data.Output)
			if anew {
				std.notice("the run was begun again meanwhile: the answer stands below what was printed first")
			}
			return err
		case e.ends():
			return text.broken()
		}
		return nil
	}
}

// lineView prints a line for whatever happens, and the answer below.
func lineView(out io.Writer) func(runEvent) error {
	return func(e runEvent) error {
		what := e.RunID + " " + e.WorkflowID
		switch {
		case e.kind == "message.delta" || e.Data.Status == "":
			return nil
		case e.Data.NodeID != "":
			what = "node " + e.Data.NodeID
		}
		why := ""
		if e.Error != nil {
			why = ": " + e.failure()
		}
		line := fmt.Sprintf("%s %s %s%s", e.CreatedAt.UTC().Format(runs.TimeFormat), what, e.Data.Status, why)
		if _, err := fmt.Fprintln(out, harmless(line)); err != nil || e.kind != "run.completed" {
			return err
		}
		_, err := (&answerText{out: out}).complete(e.Data.Output)
		return err
	}
}
