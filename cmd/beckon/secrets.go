package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"beckon/gateway"
)

type secretsCommand struct {
	Rotate rotateSecretsCommand `cmd:"" help:"Seal all stored secrets with server.secretsKey in place of server.previousSecretsKey."`
}

type rotateSecretsCommand struct {
	configFlag
	JSON bool `help:"Print JSON."`
}

// Run seals everything anew, whether a gateway works on the database or not. To run it again is no error.
func (k rotateSecretsCommand) Run(std streams) error {
	c, err := k.load()
	if err != nil {
		return err
	}
	r, err := gateway.RotateSecrets(interruptible(), c)
	if err != nil {
		return fmt.Errorf("not all is sealed with the new key: keep both, and run this again: %w", err)
	}
	if k.JSON {
		if err := json.NewEncoder(std.out).Encode(r); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(std.out, "Sealed %d rows with the new key.\n", r.Changed)
	}
	for _, where := range r.Lost {
		fmt.Fprintf(std.err, "opens with neither key: %s\n", where)
	}
	if len(r.Lost) > 0 {
		return &exitError{exitFailed, errors.New("enter the secrets again that open with neither key")}
	}
	std.notice("Remove server.previousSecretsKey, and restart all gateways.")
	return nil
}
