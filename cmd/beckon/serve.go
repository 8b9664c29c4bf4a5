package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/signal"
	"syscall"
	"time"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/memory"
	"beckon/internal/telemetry"
	"beckon/internal/units"
	"beckon/server"
)

type serveCommand struct {
	configFlag
}

// Run serves until it is told to end, by SIGTERM or SIGINT, and by then has let the calls under way end.
func (s serveCommand) Run(std streams) error {
	c, err := s.load()
	if err != nil {
		return err
	}
	log, level := telemetry.NewLogger(std.err, c.Log.Format)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	// The address comes first: when another process has it, nothing has been touched yet.
	listener, err := listen(c.Server.Address)
	if err != nil {
		return err
	}
	defer listener.Close()
	db, err := openDatabase(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := db.store.Close(); err != nil {
			log.Error("the database did not close", "error", err)
		}
	}()
	if err := db.store.Claim(); err != nil {
		return err
	}
	settleSecretsKey(ctx, c, db.store, log)
	metrics := telemetry.NewMetrics(version)
	l := newLive(db, log, level, metrics)
	welcome, err := firstStart(ctx, c, l.editor, listener.Addr())
	if err != nil {
		return err
	}
	memory.Apply(c.Server.Memory())
	budget := memory.For(c.Server.Memory())
	metrics.Memory(budget.Used, budget.Limit())
	metrics.Breakers(func(set func(provider string, open bool)) {
		for _, b := range l.breakers.States() {
			set(b.Provider, b.State != agents.BreakerClosed)
		}
	})
	revision, err := catalog.Revision(ctx, db.store)
	if err != nil {
		return err
	}
	working := newServices(db, l, c, budget)
	if err := l.editor.Use(ctx, c); err != nil {
		return err
	}
	if err := working.instance.Start(ctx); err != nil {
		return err
	}
	defer working.rest()
	srv, err := serverWithPage(l, working, c, publicURL(c, listener.Addr()), server.Config{Calls: working.calls(l, int64(c.Server.MaxBodyBytes), budget), Database: db.store, Log: log,
		Version: version, TrustedProxies: c.Server.ProxyNetworks()})
	if err != nil {
		return err
	}
	log.Info("listening", "address", listener.Addr().String(), "version", version, "config", c.File(), "database", c.Database.Shown())
	fmt.Fprint(std.out, welcome)
	defer keepMemory(ctx, budget)()
	return serveUntil(ctx, stop, srv, working, listener, l, revision, c.Server.ShutdownGrace.Or(0), log)
}

// serveUntil serves and watches the configuration until ctx ends, and then gives the calls under way their grace.
func serveUntil(ctx context.Context, stop func(), srv *server.Server, working *services, listener net.Listener, l *live, revision int64, grace time.Duration, log *slog.Logger) error {
	watching, stopWatching := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		l.watch(watching, revision)
	}()
	defer func() {
		stopWatching()
		<-watched
	}()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stop() // a second signal ends the process at once
	log.Info("shutting down", "grace", units.Duration(grace))
	graceful, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := srv.Shutdown(graceful)
	working.drain()
	log.Info("shut down")
	return errors.Join(err, <-served)
}

// keepMemory gives memory back that is not needed any more, until it is told to end.
func keepMemory(ctx context.Context, budget *memory.Budget) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		budget.Keep(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("another process listens on %s already: end it, or choose another address with server.address or BECKON_SERVER_ADDRESS", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return l, nil
}
