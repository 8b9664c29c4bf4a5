package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

type healthCommand struct {
	URL     string        `help:"The gateway's URL. The default is the port of BECKON_SERVER_ADDRESS on this machine, or http://localhost:8080. The configuration file is not read." env:"BECKON_URL" name:"url"`
	Live    bool          `help:"Ask whether the process is running, instead of whether it accepts calls."`
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
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		strings.TrimSuffix(cmp.Or(h.URL, ownURL()), "/")+path, nil)
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

// ownURL is where a gateway with the environment of this process listens.
func ownURL() string {
	host, port, err := net.SplitHostPort(os.Getenv("BECKON_SERVER_ADDRESS"))
	if err != nil {
		return "http://localhost:8080"
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}
