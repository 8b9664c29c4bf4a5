package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/safety"
)

// clientLegs are the legs of a client, as --json prints them.
type clientLegs struct {
	ID string `json:"id"`
	safety.Legs
}

// legsOf returns the legs of all clients that are in force.
func legsOf(v *catalog.View) []clientLegs {
	list := []clientLegs{}
	for _, c := range catalog.All[clients.Client](v) {
		list = append(list, clientLegs{c.ID, safety.Of(v, c)})
	}
	return list
}

// unsafe is the error of a configuration in which a client has all three legs; nil for none.
func unsafe(list []clientLegs) error {
	n := 0
	for _, c := range list {
		if c.Warning != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return &exitError{
		exitUnsafe, fmt.Errorf("clients with untrusted input, private data and side effects without approval: %d", n),
	}
}

// printLegs prints a table of the clients, and below it why those are not safe that are not.
func printLegs(out io.Writer, list []clientLegs) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CLIENT\tUNTRUSTED INPUT\tPRIVATE DATA\tSIDE EFFECTS\tSAFE")
	for _, c := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", c.ID, yes(c.Untrusted.Stands), yes(c.Private.Stands),
			yes(c.Effects.Stands), yes(c.Warning == ""))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range list {
		if c.Warning == "" {
			continue
		}
		fmt.Fprintf(out, "\n%s: %s\n", c.ID, c.Warning)
		for _, leg := range c.All() {
			fmt.Fprintf(out, "  %s\n", leg.Says)
		}
	}
	return nil
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
