package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"beckon/bench/load"
	"beckon/bench/process"
	"beckon/internal/freeport"
)

// gateway is a Beckon with a folder of its own.
type gateway struct {
	*server
	database string // the file, or the URL of a PostgreSQL database
}

// gatewayConfig is the least that can be configured; the rest is as it is by default.
func gatewayConfig(address, database, model, token string) []byte {
	return fmt.Appendf(nil, `server: {address: %q}
database: {url: %q}
providers:
  - {id: stub, type: openai, url: %q, apiKey: bench}
agents:
  - {id: bench, provider: stub, model: bench, systemPrompt: "Be brief."}
  - {id: once, provider: stub, model: bench, systemPrompt: "Be brief.", retryOnCrash: false}
clients:
  - {id: bench, token: %q, passthrough: true, allowedAgents: [bench, once]}
`, address, database, model, token)
}

// startGateway starts a gateway whose data are in folder, which is made when it is not there.
func (l *lab) startGateway(ctx context.Context, folder string) (*gateway, error) {
	return l.startGatewayOn(ctx, folder, l.stub)
}

// startGatewayOn starts a gateway that asks another model server.
func (l *lab) startGatewayOn(ctx context.Context, folder string, model *server) (*gateway, error) {
	return l.startGatewayWith(ctx, folder, model, "")
}

// startGatewayWith starts a gateway with more in its configuration.
func (l *lab) startGatewayWith(ctx context.Context, folder string, model *server, more string) (*gateway, error) {
	return l.startGatewayOver(ctx, folder, "", model, more)
}

// startGatewayOver starts a gateway over a database, by its URL. "" is SQLite's file in folder.
func (l *lab) startGatewayOver(ctx context.Context, folder, database string, model *server, more string) (*gateway, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	address, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	config, url := filepath.Join(folder, "beckon.yaml"), database
	if database == "" {
		database = filepath.Join(folder, "beckon.db")
		url = "sqlite:" + database
	}
	token := "mgc_" + strings.ToLower(rand.Text()+rand.Text())
	if err := os.WriteFile(config, append(gatewayConfig(address, url, modelURL(model), token), more...), 0o600); err != nil {
		return nil, err
	}
	command := process.Command{Name: gatewayName, Path: l.beckon, Args: []string{"serve", "--config", config},
		Env: withoutSettings(os.Environ()), Log: filepath.Join(folder, "beckon.log")}
	s, err := l.start(ctx, command, address, "/readyz", load.Target{URL: "/api/v1/webhooks/bench", Token: token, Body: promptBody})
	if err != nil {
		return nil, err
	}
	return &gateway{server: s, database: database}, nil
}

// finish stops the gateway, and compares what it has on record with what it has answered.
func (g *gateway) finish(ctx context.Context) error {
	if err := g.Stop(); err != nil {
		return err
	}
	return checkRuns(ctx, g.database, g.answered)
}

// withoutSettings leaves out of environ what would change the gateway's configuration.
func withoutSettings(environ []string) []string {
	return slices.DeleteFunc(environ, func(variable string) bool { return strings.HasPrefix(variable, "BECKON_") })
}
