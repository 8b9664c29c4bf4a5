package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"

	"beckon/gateway"
	"beckon/internal/telemetry"
)

type serveCommand struct {
	configFlag
	Roles string `help:"What this gateway does, with commas between: api, worker, deliveries, schedules. Overrides server.roles." placeholder:"ROLES"`
}

// Run serves until it is told to end, by SIGTERM or SIGINT, and by then has let the calls under way end.
func (s serveCommand) Run(std streams) error {
	if s.Roles != "" { // as a variable it also holds when the file is read again
		if err := os.Setenv("BECKON_SERVER_ROLES", s.Roles); err != nil {
			return err
		}
	}
	c, err := s.load()
	if err != nil {
		return err
	}
	lines := telemetry.NewBuffer(std.err)
	defer lines.Flush()
	log, level := telemetry.NewLogger(lines, c.Log.Format)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	// The address comes first: when another process has it, nothing has been touched yet.
	listener, err := listen(c.Server.Address)
	if err != nil {
		return err
	}
	defer listener.Close()
	tracing := telemetry.NewTracing(ctx, version, log)
	defer func() { tracing.Close(context.WithoutCancel(ctx)) }()
	g, err := gateway.Open(ctx, gateway.Config{
		Initial: c,
		Address: listener.Addr(),
		Version: version,
		Log:     log,
		Level:   level,
		Tracing: tracing,
	})
	if err != nil {
		return err
	}
	for _, unused := range c.UnusedVariables(os.Environ()) {
		log.Warn("an environment variable is not used", "variable", unused.ID, "reason", unused.Fields.Err().Error())
	}
	log.Info("listening",
		"address", listener.Addr().String(), "version", version, "config", c.File(), "database", c.Database.Shown())
	fmt.Fprint(std.out, g.Welcome)
	notify(log, daemon.SdNotifyReady)
	context.AfterFunc(ctx, func() { notify(log, daemon.SdNotifyStopping) })
	return g.Run(ctx, listener)
}

// notify tells systemd how far the service is, where systemd has started it.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("cannot tell systemd about the state of the service", "state", state, "error", err)
	}
}

func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another process listens on %s already: end it, "+
			"or choose another address with server.address or BECKON_SERVER_ADDRESS", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return l, nil
}
