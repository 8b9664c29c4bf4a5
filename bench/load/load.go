// Package load sends a server as many requests as it answers, over a fixed number of connections, and tells how it went.
//
// The requests are made by bombardier, in a process of its own: closed loop, keep-alive, on fasthttp, so that it leaves
// the processors to the servers; and it keeps every latency to the microsecond, so that its percentiles are exact. Its
// version is pinned in bombardier.mod.
package load

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

const (
	buildTimeout   = 5 * time.Minute
	requestTimeout = time.Minute // longer than any answer should take: a slow one is to be measured, not cut off
)

// Target is the request to send.
type Target struct {
	URL     string
	Token   string // sent as a bearer token, when there is one
	Header  string // another one to send, such as "X-Name: value"
	Body    string // JSON
	Async   bool   // the answer is a 202 at once
	Refused bool   // the answers are 4xx, all of them
}

// Amount is how much to send: for a time, or a number of requests.
type Amount struct {
	For      time.Duration // a second at least
	Requests int
	Rate     int // requests a second at most; 0 is as many as there are answers
}

// Generator makes load.
type Generator struct{ path string }

// Build compiles the generator to the file path, from the root of Beckon's repository.
func Build(ctx context.Context, path string) (*Generator, error) {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-modfile=bench/load/bombardier.mod", "-o", path, "github.com/codesenberg/bombardier")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the load generator: %w\n%s", err, out)
	}
	return &Generator{path}, nil
}

// Send keeps as many requests under way as there are connections until the amount is reached, and waits for the last
// answers. Anything but answers with a status of 2xx, or of 4xx where the target refuses, is an error.
func (g *Generator) Send(ctx context.Context, to Target, connections int, amount Amount) (Result, error) {
	args := []string{
		"--format=json", "--print=result", "--latencies", "--fasthttp", "--method=POST", "--timeout=" + requestTimeout.String(),
		"--connections=" + strconv.Itoa(connections), "--body=" + to.Body, "--header=Content-Type: application/json",
	}
	if to.Token != "" {
		args = append(args, "--header=Authorization: Bearer "+to.Token)
	}
	if to.Header != "" {
		args = append(args, "--header="+to.Header)
	}
	if to.Async {
		args = append(args, "--header=Prefer: respond-async")
	}
	if amount.Rate > 0 {
		args = append(args, "--rate="+strconv.Itoa(amount.Rate))
	}
	if amount.Requests > 0 {
		args = append(args, "--requests="+strconv.Itoa(amount.Requests))
	} else {
		args = append(args, "--duration="+amount.For.String())
	}
	run := exec.CommandContext(ctx, g.path, append(args, to.URL)...)
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	run.WaitDelay = time.Second
	out, err := run.Output()
	if err != nil {
		if ctx.Err() != nil {
			return Result{}, ctx.Err()
		}
		return Result{}, fmt.Errorf("the load generator failed: %w: %s", err, bytes.TrimSpace(out)) // where it prints its errors too
	}
	return parse(out, to.Refused)
}
