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
	"strings"
	"time"
)

// gatewayFlags are for the commands that speak to a gateway over HTTP.
type gatewayFlags struct {
	URL   string `help:"The gateway's URL." env:"BECKON_URL" default:"http://localhost:8080" name:"url"`
	Token string `help:"The client's token. Prefer the variable, because process lists show the flag." env:"BECKON_TOKEN"`
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 20

// gatewayClient calls a gateway's HTTP API with a client's token.
type gatewayClient struct {
	base  *url.URL
	token string
	http  *http.Client
}

func (f gatewayFlags) client() (*gatewayClient, error) {
	if f.Token == "" {
		return nil, &exitError{exitUsage, errors.New("a token is needed: set BECKON_TOKEN or give --token")}
	}
	base, err := url.Parse(strings.TrimSuffix(f.URL, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, &exitError{exitUsage, errors.New("--url must be an http or https URL")}
	}
	// The token is for this gateway, not for where it may point to.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &gatewayClient{base, f.Token, &http.Client{CheckRedirect: stay}}, nil
}

// request makes a request to a path, whose elements are escaped here.
func (g *gatewayClient) request(
	ctx context.Context, method string, query url.Values, body []byte, path ...string,
) (*http.Request, error) {
	target := g.base.JoinPath("api/v1")
	for _, element := range path {
		if element == "" || element == "." || element == ".." {
			return nil, &exitError{exitUsage, fmt.Errorf("%q is not a name", element)}
		}
		target = target.JoinPath(url.PathEscape(element))
	}
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	request.Header.Set("Authorization", "Bearer "+g.token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "Beckon/"+version)
	return request, nil
}

// do sends a request and reads the whole answer.
func (g *gatewayClient) do(request *http.Request) (*gatewayAnswer, error) {
	response, err := g.http.Do(request)
	if err != nil {
		return nil, unreachable(err)
	}
	return readAnswer(response)
}

func unreachable(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the URL, which the user has given
	}
	return fmt.Errorf("the gateway cannot be reached: %w", err)
}

// gatewayAnswer is an answer as it came, and what is common to all of the gateway's.
type gatewayAnswer struct {
	status int
	header http.Header
	body   []byte
	RunID  string `json:"runId"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	// Verdict is "pass" or "fail" in an answer that a gate has looked at.
	Verdict string `json:"verdict"`
	// WaitingFor has the tools whose calls a person has to allow before the run goes on.
	WaitingFor []struct{ Tool string } `json:"waitingFor"`
}

// readAnswer reads and closes the body. What is no JSON has not come from a gateway.
func readAnswer(response *http.Response) (*gatewayAnswer, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	a := &gatewayAnswer{status: response.StatusCode, header: response.Header, body: bytes.TrimSpace(body)}
	isAnswer := json.Unmarshal(body, a) == nil
	if !isAnswer || a.status >= http.StatusMultipleChoices && a.Code == "" && a.Verdict == "" {
		return nil, fmt.Errorf("this is not Beckon: it answers with status %d and not with what Beckon would say",
			a.status)
	}
	return a, nil
}

func (a *gatewayAnswer) print(out io.Writer) error {
	_, err := fmt.Fprintf(out, "%s\n", a.body)
	return err
}

// refusal tells why the gateway did not do what it was asked for.
func (a *gatewayAnswer) refusal() *exitError {
	text := fmt.Sprintf("%s (%s, status %d)", harmless(a.Detail), a.Code, a.status)
	if a.RunID != "" {
		text += ", run " + a.RunID
	}
	if after := a.header.Get("Retry-After"); after != "" {
		if d, err := time.ParseDuration(after + "s"); err == nil {
			text += fmt.Sprintf(", try again in %s", d)
		}
	}
	exit := exitRefused
	if a.status == http.StatusInternalServerError {
		exit = exitFailed
	}
	return &exitError{exit, errors.New(text)}
}
