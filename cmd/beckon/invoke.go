package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

type invokeCommand struct {
	Client string  `arg:"" help:"The client whose webhook is called."`
	Prompt *string `arg:"" optional:"" help:"The prompt, or - to read it from standard input. JSON is sent as JSON. Leave it out for a client that runs a command."`
	Agent  string  `help:"The agent or flow to use, if the client may use several." placeholder:"ID"`
	Async  bool    `help:"Don't wait: print the id of the run." xor:"waiting"`
	Stream bool    `help:"Print the answer as it is written." xor:"waiting"`
	JSON   bool    `help:"Print the whole response as JSON; with --stream, every event as a line of it."`
	pipelineFlags
	gatewayFlags
}

// Run prints the text of the answer. When the gateway has answered that the run goes on, it waits for its end.
func (k invokeCommand) Run(std streams) error {
	ctx := interruptible()
	if k.Async && k.isUsed() {
		return &exitError{
			exitUsage, errors.New("--async does not wait for the answer that --gate, --summary, " +
				"--junit and --sarif are about"),
		}
	}
	client, err := k.client()
	if err != nil {
		return err
	}
	request, err := k.request(ctx, client, std.in)
	if err != nil {
		return err
	}
	if k.Stream {
		return k.follow(ctx, client, request, std)
	}
	answer, err := client.do(request)
	switch {
	case err != nil && ctx.Err() != nil:
		return left("")
	case err != nil:
		return err
	case !k.Async && (answer.status == http.StatusAccepted || answer.isInFlight()):
		return k.await(ctx, client, answer, std)
	}
	if err := k.show(std.out, answer); err != nil {
		return k.failed(answer.RunID, err)
	}
	if k.Async {
		return nil
	}
	return k.concludeAnswer(answer)
}

func (k invokeCommand) request(ctx context.Context, client *gatewayClient, in io.Reader) (*http.Request, error) {
	body, err := k.body(in)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if k.Agent != "" {
		query.Set("agent", k.Agent)
	}
	request, err := client.request(ctx, http.MethodPost, query, body, "webhooks", k.Client)
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", contentType(body))
	}
	if k.Async {
		request.Header.Set("Prefer", "respond-async")
	}
	if k.IdempotencyKey != "" {
		request.Header.Set("Idempotency-Key", `"`+k.IdempotencyKey+`"`)
	}
	return request, nil
}

func (k invokeCommand) body(in io.Reader) ([]byte, error) {
	switch {
	case k.Prompt == nil:
		return nil, nil
	case *k.Prompt == "-":
		body, err := io.ReadAll(in)
		if err != nil {
			return nil, fmt.Errorf("read the prompt: %w", err)
		}
		return body, nil
	}
	return []byte(*k.Prompt), nil
}

// contentType lets a client's template see a JSON document as what it is. To a client without one it makes no
// difference, unless the document is one that the webhook understands anyway.
func contentType(body []byte) string {
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(trimmed) {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}

// follow prints the answer while it is being written.
func (k invokeCommand) follow(ctx context.Context, client *gatewayClient, request *http.Request, std streams) error {
	tell := textView(std)
	if k.JSON {
		tell = jsonView(std.out)
	}
	f := client.follower("", std.notice)
	last, err := f.follow(ctx, request, tell)
	if err != nil {
		return err
	}
	return k.concludeRun(ctx, client, f.runID, last)
}

// show prints the answer, or makes the error that tells why there is none.
func (k invokeCommand) show(out io.Writer, answer *gatewayAnswer) error {
	if k.JSON {
		if err := answer.print(out); err != nil {
			return err
		}
	}
	switch {
	case answer.status == http.StatusAccepted && k.Async && k.JSON:
		return nil
	case answer.status == http.StatusAccepted && k.Async:
		_, err := fmt.Fprintln(out, answer.RunID)
		return err
	case answer.status != http.StatusOK && answer.Verdict == "": // a gate's 422 has the answer
		refusal := answer.refusal()
		if answer.RunID != "" {
			refusal.code = exitFailed // it was taken, and failed
		}
		return refusal
	case k.JSON:
		return nil
	}
	var body struct {
		Response string `json:"response"`
	}
	if err := answer.read(&body); err != nil {
		return err
	}
	_, err := (&answerText{out: out}).complete(body.Response)
	return err
}
