package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"beckon/gateway"
	"beckon/internal/doctor"
)

type doctorCommand struct {
	configFlag
	Offline bool `help:"Skip checks that connect to other hosts: providers and endpoints."`
	JSON    bool `help:"Print JSON."`
}

// Run looks whether the installation is well. It changes nothing, and works whether a gateway runs or not.
func (d doctorCommand) Run(std streams) error {
	path, err := d.path()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	checks, done := gateway.Checks(ctx, path)
	defer done()
	var found []doctor.Finding
	doctor.Examine(ctx, checks, !d.Offline, func(f doctor.Finding) {
		found = append(found, f)
		if d.JSON {
			return
		}
		fmt.Fprintf(std.out, "%-8s %s: %s\n", f.Status, harmless(f.Check), harmless(f.Says))
		if f.Todo != "" {
			fmt.Fprintf(std.out, "         %s\n", harmless(f.Todo))
		}
	})
	worst := doctor.Worst(found)
	if d.JSON {
		if err := json.NewEncoder(std.out).Encode(map[string]any{
			"ok":       worst != doctor.Bad,
			"findings": found,
		}); err != nil {
			return err
		}
	}
	if worst == doctor.Bad {
		return &exitError{exitFailed, errors.New("something does not work: see what is said above")}
	}
	return nil
}
