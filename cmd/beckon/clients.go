package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"beckon/clients"
	"beckon/gateway"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/units"
)

type clientsCommand struct {
	List   clientsListCommand   `cmd:"" help:"List the clients of the file and the database."`
	Create clientsCreateCommand `cmd:"" help:"Create a client, and print its token and callback secret. They are shown only once."`
	Token  clientsTokenCommand  `cmd:"" help:"Create a new token for a client, and print it with the callback secret derived from it."`
}

// withEditor calls fn with what the clients commands work on.
func (f configFlag) withEditor(fn func(context.Context, *catalog.Editor) error) error {
	c, err := f.load()
	if err != nil {
		return err
	}
	ctx := context.Background()
	editor, err := gateway.OpenEditor(ctx, c)
	if err != nil {
		return err
	}
	defer editor.Store.Close()
	return fn(ctx, editor)
}

type clientsListCommand struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

func (l clientsListCommand) Run(std streams) error {
	return l.withEditor(func(ctx context.Context, editor *catalog.Editor) error {
		v, err := editor.View(ctx)
		if err != nil {
			return err
		}
		return l.print(std.out, v)
	})
}

func (l clientsListCommand) print(out io.Writer, v *catalog.View) error {
	type shown struct {
		clients.Client
		Enabled   bool   `json:"enabled"`
		ManagedBy string `json:"managedBy"`
	}
	list := []shown{}
	for _, r := range catalog.Records[clients.Client](v) {
		if len(r.Warnings) == 0 {
			r.Item.Since, r.Item.Retired = time.Time{}, nil // as the API does not show them
			list = append(list, shown{r.Item, r.Item.IsEnabled(), r.Origin})
		}
	}
	if l.JSON {
		return json.NewEncoder(out).Encode(map[string]any{"items": list})
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tPROMPT\tAGENTS\tENABLED\tMANAGED BY")
	for _, c := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%t\t%s\n", c.ID, promptSource(c.Client),
			strings.Join(c.AllowedAgents, ", "), c.Enabled, c.ManagedBy)
	}
	return table.Flush()
}

func promptSource(c clients.Client) string {
	switch {
	case c.Template != "":
		return "template"
	case c.TakesRequest():
		return "request"
	}
	return "command " + c.CommandID
}

type clientsCreateCommand struct {
	configFlag
	ID            string         `arg:"" optional:"" help:"Lower-case letters, digits and hyphens. Without it, the id is derived from the name."`
	Name          string         `help:"A name to display."`
	Agent         []string       `help:"An agent or flow that it may use; can be given several times. The first is the default." required:"" placeholder:"ID"`
	Command       string         `help:"The command that it runs. Without it, the prompt is taken from the request." placeholder:"ID"`
	Template      string         `help:"A Go template that renders the prompt from the request."`
	SyncTimeout   units.Duration `help:"How long a call waits for its answer." placeholder:"5m"`
	MaxConcurrent int            `help:"The number of calls at the same time."`
	JSON          bool           `help:"Print JSON."`
}

func (k clientsCreateCommand) Run(std streams) error {
	return k.withEditor(func(ctx context.Context, editor *catalog.Editor) error {
		c := clients.Client{
			ID:            k.ID,
			Name:          k.Name,
			Passthrough:   k.Command == "",
			CommandID:     k.Command,
			Template:      k.Template,
			AllowedAgents: k.Agent,
			SyncTimeout:   k.SyncTimeout,
			MaxConcurrent: k.MaxConcurrent,
		}
		created, token, err := catalog.Of[clients.Client](editor).Create(ctx, commandLineName, c)
		if p, ok := errors.AsType[*problem.Error](err); ok && p.Code == "already_exists" {
			return problem.New(p.Kind, p.Code, "%s For a new token: beckon clients token %s", p.Detail, c.ID)
		}
		if err != nil {
			return err
		}
		return printIssued(std, k.JSON, created.Item.ID, created.Item.Issued(token))
	})
}

// commandLineName is who the audit list says it was.
const commandLineName = "command line"

type clientsTokenCommand struct {
	configFlag
	ID      string         `arg:"" help:"The client."`
	Overlap units.Duration `help:"How long the old token stays valid beside the new one." default:"0s"`
	JSON    bool           `help:"Print JSON."`
}

func (k clientsTokenCommand) Run(std streams) error {
	return k.withEditor(func(ctx context.Context, editor *catalog.Editor) error {
		issued, err := clients.RotateToken(ctx, catalog.Of[clients.Client](editor), commandLineName,
			k.ID, time.Duration(k.Overlap))
		if err != nil {
			return err
		}
		return printIssued(std, k.JSON, k.ID, issued)
	})
}

// printIssued prints the token alone on standard output, so that a script can take it. JSON has the callback secret
// beside it.
func printIssued(std streams, asJSON bool, id string, issued clients.Issued) error {
	if asJSON {
		return json.NewEncoder(std.out).Encode(struct {
			ID             string `json:"id"`
			Token          string `json:"token,omitempty"`
			CallbackSecret string `json:"callbackSecret,omitempty"`
		}{id, issued.Token.Reveal(), issued.CallbackSecret.Reveal()})
	}
	if issued.CallbackSecret != "" {
		fmt.Fprintf(std.err, "The callback secret of %s, which signs the webhooks of its calls, shown this once:\n%s\n",
			id, issued.CallbackSecret.Reveal())
	}
	if issued.Token == "" {
		return nil
	}
	fmt.Fprintf(std.err, "The token of %s, shown this once:\n", id)
	_, err := fmt.Fprintln(std.out, issued.Token.Reveal())
	return err
}
