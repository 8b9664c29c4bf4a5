package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"beckon/bench/report"
	"beckon/internal/egress"
	"beckon/tools"
)

const (
	toolRuns        = 100 // at the same time
	toolCallsOfEach = 10
	maxToolOverhead = 1.0 // ms a call
)

// callTools measures what calling a tool of an MCP server costs through Beckon, beside calling it with the SDK directly.
func callTools(ctx context.Context, l *lab) (found report.Section, err error) {
	found = report.Section{
		Title:  "Calling tools",
		Header: []string{"way", "processor time a call", "time of all, a call"},
		Text: fmt.Sprintf("%d runs at the same time call a tool of an MCP server on loopback %d times each, one call after the other: "+
			"through Beckon, which checks the arguments "+
			"and bounds what comes back, and with the SDK directly, over one session each. The ways take turns. "+
			"The processor time is that of both sides, so that the difference is what Beckon adds; "+
			"the last column is the time of all calls together, divided by their number.", toolRuns, toolCallsOfEach),
	}
	url, stop, err := toolServer(ctx)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	direct, endDirect, err := directCalls(ctx, url)
	if err != nil {
		return found, err
	}
	defer endDirect()
	box := tools.New(tools.Options{})
	defer box.Close()
	box.Use([]tools.Server{{ID: "bench", URL: url}})
	through := func(ctx context.Context) error {
		result, err := box.Call(ctx, tools.Use{Tool: "bench.echo", Arguments: json.RawMessage(`{"text":"hello"}`)})
		if err == nil && result.Text != "hello" {
			err = fmt.Errorf("the tool answered %q", result.Text)
		}
		return err
	}
	var directTimes, throughTimes []toolTimes
	for round := range l.rounds + 1 {
		for _, way := range []struct {
			call  func(context.Context) error
			times *[]toolTimes
		}{{direct, &directTimes}, {through, &throughTimes}} {
			took, err := toolRound(ctx, way.call)
			if err != nil {
				return found, err
			}
			if round > 0 { // the first one opens the connections
				*way.times = append(*way.times, took)
			}
		}
	}
	addTools(&found, directTimes, throughTimes)
	return found, nil
}

// toolTimes are what a call took in one round, in milliseconds.
type toolTimes struct{ processor, wall float64 }

func addTools(to *report.Section, direct, through []toolTimes) {
	columns := func(rounds []toolTimes) (processor, wall []float64) {
		for _, r := range rounds {
			processor, wall = append(processor, r.processor), append(wall, r.wall)
		}
		return processor, wall
	}
	directProcessor, directWall := columns(direct)
	throughProcessor, throughWall := columns(through)
	overhead := report.Paired(throughProcessor, directProcessor, report.Difference)
	to.Rows = [][]string{
		{"the SDK alone", report.Milliseconds(report.Median(directProcessor)), report.Milliseconds(report.Median(directWall))},
		{"Beckon", report.Milliseconds(report.Median(throughProcessor)), report.Milliseconds(report.Median(throughWall))},
		{"the difference", report.Milliseconds(overhead), report.Milliseconds(report.Paired(throughWall, directWall, report.Difference))},
	}
	to.Verdicts = append(to.Verdicts,
		report.AtMost("what a tool call costs through Beckon", overhead, maxToolOverhead, report.Milliseconds))
}

// toolServer starts an MCP server with a tool that answers what it was given.
func toolServer(ctx context.Context) (url string, stop func() error, err error) {
	server := mcp.NewServer(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
	type text struct {
		Text string `json:"text"`
	}
	mcp.AddTool(server, &mcp.Tool{Name: "echo", Description: "Answers what it was given."},
		func(_ context.Context, _ *mcp.CallToolRequest, in text) (*mcp.CallToolResult, any, error) {
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: in.Text}}}, nil, nil
		})
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	serving := &http.Server{
		Handler: mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
			&mcp.StreamableHTTPOptions{JSONResponse: true}),
		ReadHeaderTimeout: time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- serving.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() error {
		err := serving.Close()
		if failed := <-served; !errors.Is(failed, http.ErrServerClosed) {
			err = errors.Join(err, failed)
		}
		return err
	}, nil
}

// directCalls returns a call by the SDK, over connections such as Beckon's.
func directCalls(ctx context.Context, url string) (call func(context.Context) error, end func(), err error) {
	transport := egress.NewProviders()
	client := mcp.NewClient(&mcp.Implementation{Name: "bench", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: transport}}, nil)
	if err != nil {
		return nil, nil, err
	}
	call = func(ctx context.Context) error {
		_, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"text": "hello"}})
		return err
	}
	return call, func() {
		_ = session.Close()
		transport.CloseIdleConnections()
	}, nil
}

// toolRound makes the calls of one round.
func toolRound(ctx context.Context, call func(context.Context) error) (toolTimes, error) {
	var running sync.WaitGroup
	failed := make([]error, toolRuns)
	processor, began := processorTime(), time.Now()
	for i := range toolRuns {
		running.Go(func() {
			for range toolCallsOfEach {
				failed[i] = errors.Join(failed[i], call(ctx))
			}
		})
	}
	running.Wait()
	const calls = toolRuns * toolCallsOfEach
	return toolTimes{milliseconds(processorTime()-processor) / calls, milliseconds(time.Since(began)) / calls}, errors.Join(failed...)
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
