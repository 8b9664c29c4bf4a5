package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/server"
)

type runsShowCommand struct {
	runFlags
	JSON bool `help:"Print the run as JSON."`
}

// Run exits with 0 also when the run has failed: to show it has worked.
func (k runsShowCommand) Run(std streams) error {
	ctx := interruptible()
	client, err := k.client()
	if err != nil {
		return err
	}
	answer, err := client.ask(ctx, http.MethodGet, nil, "runs", k.ID)
	if err != nil {
		return err
	}
	if k.JSON {
		return answer.print(std.out)
	}
	var run server.RunDetail
	if err := answer.read(&run); err != nil {
		return err
	}
	return printRun(std.out, run)
}

func printRun(out io.Writer, r server.RunDetail) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, harmless(value))
		}
	}
	line("Run", r.RunID)
	line("Status", string(r.Status))
	line("Agent", r.WorkflowID)
	line("Source", r.Source)
	line("Session", orEmpty(r.SessionID))
	if string(r.Metadata) != "null" {
		line("Metadata", string(r.Metadata))
	}
	line("Created", localTime(r.CreatedAt))
	line("Took", took(r.StartedAt, r.CompletedAt))
	if r.Usage.TotalTokens > 0 {
		line("Tokens", fmt.Sprintf("%d (prompt %d, completion %d)", r.Usage.TotalTokens,
			r.Usage.PromptTokens, r.Usage.CompletionTokens))
	}
	if r.Cost != nil {
		line("Cost", fmt.Sprintf("$%g", *r.Cost))
	}
	line("Error", failureText(r.Error))
	if err := table.Flush(); err != nil {
		return err
	}
	if err := printNodes(out, r); err != nil {
		return err
	}
	if err := printApprovals(out, r); err != nil {
		return err
	}
	if err := printArtifacts(out, r.Artifacts); err != nil {
		return err
	}
	output := orEmpty(r.Output)
	if err := printSection(out, "Input", r.Input); err != nil || output == "" {
		return err
	}
	return printSection(out, "Output", output)
}

// printNodes leaves out the one node that the run of an agent is: it would say the same again.
func printNodes(out io.Writer, r server.RunDetail) error {
	if len(r.Nodes) == 0 || len(r.Nodes) == 1 && r.Nodes[0].NodeID == r.WorkflowID {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nNODE\tSTATUS\tTOOK\tTOKENS\tERROR")
	for _, n := range r.Nodes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", n.NodeID, n.Status, cmp.Or(took(n.StartedAt, n.CompletedAt), "-"),
			n.Usage.TotalTokens, cmp.Or(oneLine(failureText(n.Error), 200), "-"))
	}
	return table.Flush()
}

// printApprovals says on which calls of tools a person has to decide, and how.
func printApprovals(out io.Writer, r server.RunDetail) error {
	table, waits := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), false
	for _, n := range r.Nodes {
		for _, c := range n.ToolCalls {
			if c.ExpiresAt == nil {
				continue
			}
			if !waits {
				fmt.Fprintln(table, "\nWAITS FOR\tARGUMENTS\tUNTIL\tCALL")
			}
			waits = true
			arguments, _ := json.Marshal(c.Arguments) // it was JSON
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", harmless(c.Tool), oneLine(string(arguments), 80),
				localTime(c.ExpiresAt), harmless(c.ID))
		}
	}
	if !waits {
		return nil
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out,
		"\nA person has to allow that: on the page /admin/runs/%[1]s, "+
			"by the link that endpoints with run.waiting are sent,\n"+
			"or with the admin token by POST /api/v1/runs/%[1]s/approvals/CALL and {\"allow\": true}.\n",
		harmless(r.RunID))
	return err
}

func printArtifacts(out io.Writer, list []artifacts.Linked) error {
	if len(list) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nARTIFACT\tTYPE\tBYTES\tMADE BY\tLINK")
	for _, a := range list {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", oneLine(a.Name, 60), harmless(a.MediaType), a.Bytes,
			harmless(a.NodeID), cmp.Or(harmless(a.URL), "-"))
	}
	return table.Flush()
}

func printSection(out io.Writer, name, text string) error {
	if _, err := fmt.Fprintf(out, "\n%s:\n", name); err != nil {
		return err
	}
	_, err := (&answerText{out: out}).complete(text)
	return err
}

// failureText is empty where there is no failure.
func failureText(f *agents.Failure) string {
	if f == nil {
		return ""
	}
	return harmless(fmt.Sprintf("%s: %s", f.Code, f.Message))
}
