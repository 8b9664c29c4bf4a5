package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

type healthCommand struct {
	URL     string        `help:"Where the gateway is." env:"BECKON_URL" default:"http://localhost:8080" name:"url"`
	Live    bool          `help:"Ask whether the process lives, in place of whether it takes calls."`
	Timeout time.Duration `help:"How long to wait for the answer." default:"5s"`
}

// maxHealth bounds what is shown of an answer.
const maxHealth = 4 << 10

// Run asks the gateway's health check. It is the check of a container, which has no curl.
func (h healthCommand) Run(std streams) error {
	path := "/readyz"
	if h.Live {
		path = "/healthz"
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(h.URL, "/")+path, nil)
	if err != nil || request.URL.Host == "" {
		return &exitError{exitUsage, errors.New("--url must be an http or https URL")}
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return unreachable(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxHealth)) // it is for people: what there is of it is shown
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway is not ready (%s): %s", answer.Status, strings.TrimSpace(string(text)))
	}
	_, err = fmt.Fprintln(std.out, strings.TrimSpace(string(text)))
	return err
}
