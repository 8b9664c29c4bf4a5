package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

const (
	// followSilence is how long a connection may be silent; the gateway sends a heartbeat every 15 s.
	followSilence = 45 * time.Second
	// followPatience is how long a gateway that cannot be reached is tried again.
	followPatience = 2 * time.Minute
	followWait     = time.Second      // before the first time
	followMaxWait  = 10 * time.Second // and before the later ones
)

// runEvent is an event of a run with what the views need of its data.
type runEvent struct {
	id         string // the last one that the stream has named, if any
	kind       string
	data       []byte
	Text       string `json:"text"` // a piece of the answer, all that a message.delta has
	RunID      string `json:"runId"`
	WorkflowID string `json:"workflowId"`
	Data       struct {
		NodeID    string `json:"nodeId"`
		Status    string `json:"status"`
		Output    string `json:"output"`
		ErrorCode string `json:"errorCode"`
		Verdict   string `json:"verdict"`
	} `json:"data"`
	Error     *string   `json:"error"` // why a run or a node has no answer
	CreatedAt time.Time `json:"createdAt"`
}

// failure is why a run or a node has no answer, with its code; empty where it has one.
func (e runEvent) failure() string {
	if e.Error == nil {
		return ""
	}
	return harmless(e.Data.ErrorCode + ": " + *e.Error)
}

func (e runEvent) ends() bool {
	return e.kind == "run.completed" || e.kind == "run.failed" || e.kind == "run.canceled"
}

// follower reads the events of a run to the end, over as many connections as that takes.
type follower struct {
	client   *gatewayClient
	runID    string // empty until the gateway has named it
	last     string // the id of the last event
	silence  time.Duration
	patience time.Duration
	wait     time.Duration
	notice   func(string) // is told why it takes longer
	heard    time.Time    // when the gateway last sent something; zero before the first connection
}

func (g *gatewayClient) follower(runID string, notice func(string)) *follower {
	return &follower{
		client:   g,
		runID:    runID,
		silence:  followSilence,
		patience: followPatience,
		wait:     followWait,
		notice:   notice,
	}
}

// follow tells a view of all events, and returns the last one. The first connection is made by request, which may
// start the run; nil goes to the run's events. What has begun and breaks off is taken up again where it broke.
func (f *follower) follow(
	ctx context.Context, request *http.Request, tell func(runEvent) error,
) (last runEvent, err error) {
	wait, said := f.wait, ""
	for {
		before := f.last
		last, err = f.connection(ctx, request, tell)
		if f.last != before {
			wait, said = f.wait, ""
		}
		off, ok := errors.AsType[*brokenOff](err)
		switch {
		case err == nil:
			return last, nil
		case ctx.Err() != nil:
			return last, left(f.runID)
		case !ok || f.runID == "" || f.heard.IsZero():
			return last, err
		case time.Since(f.heard) > f.patience:
			return last, fmt.Errorf("%w; the run may go on: beckon runs follow %s", off.err, f.runID)
		}
		if text := off.Error(); text != said {
			f.notice(text + "; trying again")
			said = text
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return last, left(f.runID)
		}
		request, wait = nil, min(2*wait, followMaxWait)
	}
}

// brokenOff is an error that another connection may not have.
type brokenOff struct{ err error }

func (b *brokenOff) Error() string { return b.err.Error() }
func (b *brokenOff) Unwrap() error { return b.err }

// left is what is said to a user who does not want to wait any longer, for a run that the gateway may not have named.
func left(runID string) error {
	if runID == "" {
		return &exitError{exitGoesOn, errors.New("left before the gateway had answered")}
	}
	return &exitError{exitGoesOn, fmt.Errorf("left the run; to come back: beckon runs follow %s", runID)}
}

// connection reads events until the run or the connection has ended.
func (f *follower) connection(ctx context.Context, request *http.Request, tell func(runEvent) error) (runEvent, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := fmt.Errorf("the gateway has been silent for %s", f.silence)
	watch := time.AfterFunc(f.silence, func() { cancel(silent) })
	defer watch.Stop()
	response, err := f.open(ctx, request)
	if err != nil {
		return runEvent{}, err
	}
	defer response.Body.Close()
	f.heard = time.Now()
	fresh := true
	for e, err := range readEvents(awake{response.Body, f, watch}) {
		switch {
		case err != nil && context.Cause(ctx) == silent:
			return e, &brokenOff{silent}
		case err != nil:
			return e, &brokenOff{fmt.Errorf("the connection broke off: %w", err)}
		}
		fresh, f.last = false, e.id
		if err := json.Unmarshal(e.data, &e); err != nil {
			return e, fmt.Errorf("this is not Beckon: the event %q is not JSON", e.kind)
		}
		if err := tell(e); err != nil || e.ends() {
			return e, err
		}
	}
	if fresh && f.runID != "" {
		return f.ended(ctx, tell)
	}
	return runEvent{}, &brokenOff{errors.New("the connection ended before the run did")}
}

// open makes a connection. A gateway that is there and refuses will refuse again, unless it is only in trouble.
func (f *follower) open(ctx context.Context, request *http.Request) (*http.Response, error) {
	if request == nil {
		var err error
		if request, err = f.client.request(ctx, http.MethodGet, nil, nil, "runs", f.runID, "events"); err != nil {
			return nil, err
		}
		if f.last != "" {
			request.Header.Set("Last-Event-ID", f.last)
		}
	}
	request = request.WithContext(ctx)
	request.Header.Set("Accept", "text/event-stream")
	response, err := f.client.http.Do(request)
	if err != nil {
		return nil, &brokenOff{unreachable(err)}
	}
	if id := response.Header.Get("Beckon-Run-Id"); runIDPattern.MatchString(id) {
		f.runID = id
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode == http.StatusOK && kind == "text/event-stream" {
		return response, nil
	}
	answer, err := readAnswer(response)
	if err == nil && answer.status < http.StatusMultipleChoices {
		err = errors.New("this gateway does not stream: it answered with something else than events")
	} else if err == nil {
		err = answer.refusal()
	}
	switch response.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout: // it is on its way down or up
		err = &brokenOff{err}
	}
	return nil, err
}

// ended is for a stream that had nothing to say: either the gateway is going down, or the run has ended and its last
// event was told already or is kept no more. Then the run itself says how it ended.
func (f *follower) ended(ctx context.Context, tell func(runEvent) error) (e runEvent, err error) {
	run, err := f.client.run(ctx, f.runID)
	if err != nil {
		if _, refused := errors.AsType[*exitError](err); !refused {
			err = &brokenOff{err}
		}
		return e, err
	}
	if run.CompletedAt == nil {
		return e, &brokenOff{errors.New("the connection ended before the run did")}
	}
	e.kind = "run." + strings.ToLower(string(run.Status))
	data, why := map[string]any{"status": run.Status, "output": orEmpty(run.Output)}, any(nil)
	if run.Error != nil {
		data["errorCode"], why = run.Error.Code, run.Error.Message
	}
	e.data, err = json.Marshal(map[string]any{
		"success":    run.Error == nil,
		"type":       e.kind,
		"runId":      run.RunID,
		"workflowId": run.WorkflowID,
		"data":       data,
		"metadata":   run.Metadata,
		"error":      why,
		"createdAt":  run.CompletedAt,
	})
	if err == nil {
		err = json.Unmarshal(e.data, &e)
	}
	if err != nil {
		return e, err
	}
	return e, tell(e)
}

// awake puts the alarm off whenever there is something to read.
type awake struct {
	io.Reader
	follower *follower
	alarm    *time.Timer
}

func (a awake) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if n > 0 {
		a.follower.heard = time.Now()
		a.alarm.Reset(a.follower.silence)
	}
	return n, err
}
