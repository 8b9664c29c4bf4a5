package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"beckon/server"
)

// exitGoesOn is for a run that has not ended when the command does: it has neither failed nor brought its answer.
const exitGoesOn = 4

type runsCommand struct {
	List   runsListCommand   `cmd:"" help:"List the client's runs, newest first."`
	Show   runsShowCommand   `cmd:"" help:"Show a run with its nodes."`
	Follow runsFollowCommand `cmd:"" help:"Follow a run until it ends and print its answer."`
	Cancel runsCancelCommand `cmd:"" help:"Cancel a run."`
}

// interruptible ends when the user or the system wants the command to. The signals stay caught until the program has
// ended: who sends two of them, as timeout(1) does, is still told how to come back.
func interruptible() context.Context {
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	return ctx
}

var runIDPattern = regexp.MustCompile(`^run_[0-9A-Za-z]{1,64}$`)

// runFlags are for the commands about one run.
type runFlags struct {
	gatewayFlags
	ID string `arg:"" help:"The run." placeholder:"RUN"`
}

func (f runFlags) client() (*gatewayClient, error) {
	if !runIDPattern.MatchString(f.ID) {
		return nil, &exitError{exitUsage, fmt.Errorf("%q is not the id of a run: it begins with run_", harmless(f.ID))}
	}
	return f.gatewayFlags.client()
}

// apiPatience bounds a request that has nothing to wait for.
const apiPatience = 30 * time.Second

// ask sends a request to the runs API and wants a 2xx.
func (g *gatewayClient) ask(
	ctx context.Context, method string, query url.Values, path ...string,
) (*gatewayAnswer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, apiPatience, fmt.Errorf("no answer within %s", apiPatience))
	defer cancel()
	request, err := g.request(ctx, method, query, nil, path...)
	if err != nil {
		return nil, err
	}
	answer, err := g.do(request)
	if err == nil && answer.status >= http.StatusMultipleChoices {
		err = answer.refusal()
	}
	return answer, err
}

// run gets a run.
func (g *gatewayClient) run(ctx context.Context, id string) (run server.RunDetail, err error) {
	answer, err := g.ask(ctx, http.MethodGet, nil, "runs", id)
	if err != nil {
		return run, err
	}
	return run, answer.read(&run)
}

func (a *gatewayAnswer) read(document any) error {
	if err := json.Unmarshal(a.body, document); err != nil {
		return fmt.Errorf("this is not Beckon: %w", err)
	}
	return nil
}

type runsListCommand struct {
	gatewayFlags
	Status string `help:"Only runs that are QUEUED, RUNNING, WAITING, COMPLETED, FAILED or CANCELED." placeholder:"STATUS"`
	Agent  string `help:"Only runs of this agent or flow." placeholder:"ID"`
	Limit  *int   `help:"The maximum number; 50 by default." xor:"many" placeholder:"N"`
	All    bool   `help:"All of them." xor:"many"`
	JSON   bool   `help:"Print JSON."`
}

// defaultList is how many runs are listed when nothing else was asked for.
const defaultList = 50

// maxPage is how many runs the gateway lists at a time.
const maxPage = 200

func (k runsListCommand) Run(std streams) error {
	ctx := interruptible()
	client, err := k.client()
	if err != nil {
		return err
	}
	limit := defaultList
	switch {
	case k.All:
		limit = math.MaxInt
	case k.Limit != nil:
		limit = *k.Limit
	}
	if limit < 1 {
		return &exitError{exitUsage, errors.New("--limit must be 1 or more")}
	}
	list, more, err := k.pages(ctx, client, limit)
	if err != nil {
		return err
	}
	if k.JSON {
		return json.NewEncoder(std.out).Encode(map[string]any{"items": list})
	}
	if err := printRuns(std.out, list); err != nil {
		return err
	}
	if more {
		fmt.Fprintln(std.err, "There are older ones: --limit N or --all shows them.")
	}
	return nil
}

// pages gets as many pages as it takes, and reports whether there are more runs.
func (k runsListCommand) pages(
	ctx context.Context, client *gatewayClient, limit int,
) (list []json.RawMessage, more bool, err error) {
	query := url.Values{}
	for name, value := range map[string]string{"status": strings.ToUpper(k.Status), "agent": k.Agent} {
		if value != "" {
			query.Set(name, value)
		}
	}
	list = []json.RawMessage{}
	for len(list) < limit {
		query.Set("limit", strconv.Itoa(min(maxPage, limit-len(list))))
		answer, err := client.ask(ctx, http.MethodGet, query, "runs")
		if err != nil {
			return nil, false, err
		}
		var page struct {
			Items      []json.RawMessage `json:"items"`
			NextCursor string            `json:"nextCursor"`
		}
		if err := answer.read(&page); err != nil {
			return nil, false, err
		}
		list = append(list, page.Items...)
		if page.NextCursor == "" { // a page without runs may have one: there are older ones to look at
			return list, false, nil
		}
		query.Set("cursor", page.NextCursor)
	}
	return list, true, nil
}

func printRuns(out io.Writer, list []json.RawMessage) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tSTATUS\tAGENT\tCREATED\tTOOK\tINPUT")
	for _, item := range list {
		var r server.RunDocument
		if err := json.Unmarshal(item, &r); err != nil {
			return fmt.Errorf("this is not Beckon: %w", err)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.RunID, r.Status, r.WorkflowID, localTime(r.CreatedAt),
			cmp.Or(took(r.StartedAt, r.CompletedAt), "-"), oneLine(r.Input, 50))
	}
	return table.Flush()
}

type runsCancelCommand struct {
	runFlags
	JSON bool `help:"Print the whole response as JSON."`
}

// Run returns when the run's end is certain; it may be two seconds away.
func (k runsCancelCommand) Run(std streams) error {
	ctx := interruptible()
	client, err := k.client()
	if err != nil {
		return err
	}
	answer, err := client.ask(ctx, http.MethodPost, nil, "runs", k.ID, "cancel")
	if err != nil {
		return err
	}
	if k.JSON {
		return answer.print(std.out)
	}
	_, err = fmt.Fprintf(std.out, "%s is canceled\n", k.ID)
	return err
}
