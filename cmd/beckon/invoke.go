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
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type invokeCommand struct {
	Client string  `arg:"" help:"The client whose webhook is called."`
	Prompt *string `arg:"" optional:"" help:"The prompt, or - to read it from standard input. JSON is sent as JSON. Leave it out for a client that runs a command."`
	Agent  string  `help:"The agent or flow to use, where the client may use several." placeholder:"ID"`
	URL    string  `help:"Where the gateway is." env:"BECKON_URL" default:"http://localhost:8080" name:"url"`
	Token  string  `help:"The client's token. Better in the variable, where no list of processes shows it." env:"BECKON_TOKEN"`
	JSON   bool    `help:"Print the whole answer as JSON."`
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// Run prints the text of the answer. It waits as long as the gateway does.
func (k invokeCommand) Run(std streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	request, err := k.request(ctx, std.in)
	if err != nil {
		return err
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the gateway cannot be reached: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("the answer broke off: %w", err)
	}
	return k.show(std.out, answer.StatusCode, answer.Header, body)
}

func (k invokeCommand) request(ctx context.Context, in io.Reader) (*http.Request, error) {
	if k.Token == "" {
		return nil, &exitError{exitUsage, errors.New("a token is needed: set BECKON_TOKEN or give --token")}
	}
	target, err := url.Parse(strings.TrimSuffix(k.URL, "/"))
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, &exitError{exitUsage, errors.New("--url must be an http or https URL")}
	}
	target = target.JoinPath("api/v1/webhooks", url.PathEscape(k.Client))
	if k.Agent != "" {
		target.RawQuery = url.Values{"agent": {k.Agent}}.Encode()
	}
	body, err := k.body(in)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	request.Header.Set("Authorization", "Bearer "+k.Token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "Beckon/"+version)
	if len(body) > 0 {
		request.Header.Set("Content-Type", contentType(body))
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

// show prints the answer, or makes the error that tells why there is none.
func (k invokeCommand) show(out io.Writer, status int, header http.Header, body []byte) error {
	var answer struct {
		Response string `json:"response"`
		Detail   string `json:"detail"`
		Code     string `json:"code"`
		RunID    string `json:"runId"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("this is not Beckon: status %d and no JSON", status)
	}
	if k.JSON {
		if _, err := fmt.Fprintln(out, strings.TrimSpace(string(body))); err != nil {
			return err
		}
	}
	if status != http.StatusOK {
		return refusal(status, answer.Detail, answer.Code, answer.RunID, header)
	}
	if k.JSON {
		return nil
	}
	text := answer.Response
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}

func refusal(status int, detail, code, runID string, header http.Header) error {
	text := fmt.Sprintf("%s (%s, status %d)", detail, code, status)
	if runID != "" {
		text += ", run " + runID
	}
	if after := header.Get("Retry-After"); after != "" {
		if d, err := time.ParseDuration(after + "s"); err == nil {
			text += fmt.Sprintf(", try again in %s", d)
		}
	}
	exit := exitRefused
	if runID != "" || status == http.StatusInternalServerError {
		exit = exitFailed // it was taken, and failed
	}
	return &exitError{exit, errors.New(text)}
}
