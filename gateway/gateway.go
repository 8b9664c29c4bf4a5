// Package gateway assembles Beckon, once: for the command, for tests, and for whoever embeds it.
//
// Open starts the parts in this order, and Close stops them in the reverse one, each within a time of its own:
//
//   - the database, with the claim on it. Then come the secrets key, the first start, the bounds of memory and the
//     first load of the configuration, of which nothing has to be stopped.
//   - the connections to the receivers of events
//   - the connections to tool servers, with the programs behind them
//   - the instance. It owns every loop over the database, so that waiting runs and deliveries are worked on from
//     here on. It stops after all that claims rows: until then other processes have to see that it is alive.
//   - the budgets; stopping them writes what requests have used
//   - the loop that gives memory back
//   - deliveries; stopping them ends the attempts under way
//   - the server, which accepts no connection before Run; stopping it gives the calls and runs under way their grace
//   - the watch of the configuration
//
// No part is changed after it was made. Runs and deliveries are made first, and ask for the configuration in force
// where they need it; the editor, which replaces that, is made over them. The server makes the pages, which use the
// server.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/budgets"
	"beckon/calls"
	"beckon/calls/coalesce"
	"beckon/calls/kept"
	"beckon/clients"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/egress"
	"beckon/internal/memory"
	"beckon/internal/secret"
	"beckon/internal/spend"
	"beckon/internal/store"
	"beckon/internal/telemetry"
	"beckon/internal/units"
	"beckon/internal/work"
	"beckon/runs"
	"beckon/schedules"
	"beckon/server"
	"beckon/sessions"
	"beckon/share"
	"beckon/tools"
)

// attemptsGrace is what attempts under way get to end. Those at receivers that take longer are made again after the
// next start: they are not worth as much waiting as runs.
const attemptsGrace = 5 * time.Second

// Config is what a Gateway is made of.
type Config struct {
	Initial *config.Config // the configuration that it begins with; its file is watched
	Address net.Addr       // where it is going to listen
	Version string
	Log     *slog.Logger
	Level   *slog.LevelVar     // of Log; follows log.level
	Tracing *telemetry.Tracing // nil is off; Close leaves it open
}

// Gateway is a Beckon that works on one database.
type Gateway struct {
	Config
	// Welcome is what to print for whoever started it: at a first start the password and how to call it, later nothing.
	Welcome string

	*database
	metrics    *telemetry.Metrics
	memory     *memory.Budget
	breakers   *agents.Breakers
	instance   *work.Instance
	webhooks   *egress.Webhooks
	tools      *tools.Toolbox
	deliveries *deliveries.Service
	budgets    *budgets.Service
	artifacts  *artifacts.Service
	share      *share.Service
	runs       *runs.Service
	calls      *calls.Service
	schedules  *schedules.Service
	sessions   *sessions.Service
	editor     *catalog.Editor
	server     *server.Server

	limits        *clients.Limits          // of the clients of all snapshots
	inForce       atomic.Pointer[snapshot] // replaced by apply alone
	reloadFailure atomic.Pointer[error]    // of the last reload

	started parts
	close   func() error
}

// Open starts all of a gateway but its listener. ctx is for the start only. When it fails, what it has started is
// stopped.
func Open(ctx context.Context, c Config) (*Gateway, error) {
	db, err := openDatabase(ctx, c.Initial, c.Log)
	if err != nil {
		return nil, err
	}
	return open(ctx, c, db)
}

// open is Open on a database, which the gateway closes.
func open(ctx context.Context, c Config, db *database) (*Gateway, error) {
	g := &Gateway{Config: c, database: db, metrics: telemetry.NewMetrics(c.Version), limits: clients.NewLimits()}
	g.close = sync.OnceValue(g.shutDown)
	if err := g.start(ctx); err != nil {
		return nil, errors.Join(err, g.started.stop())
	}
	return g, nil
}

// Run answers on l until ctx ends, and then closes l and the gateway.
func (g *Gateway) Run(ctx context.Context, l net.Listener) error {
	stopWaiting := context.AfterFunc(ctx, func() { _ = g.Close() }) // its error is the one of the Close below
	defer stopWaiting()
	err := g.server.Serve(l)
	if err != nil {
		err = fmt.Errorf("serve: %w", err)
	}
	return errors.Join(err, g.Close())
}

// Close ends Run and stops what Open has started. Calls and runs under way get server.shutdownGrace to end. A second
// call waits for the first, and returns the same.
func (g *Gateway) Close() error { return g.close() }

func (g *Gateway) shutDown() error {
	g.Log.Info("shutting down", "grace", units.Duration(g.grace()))
	defer g.Log.Info("shut down")
	return g.started.stop()
}

func (g *Gateway) grace() time.Duration { return g.Initial.Server.ShutdownGrace.Or(0) }

func (g *Gateway) start(ctx context.Context) error {
	g.started.add(g.database.close)
	if err := g.prepare(ctx); err != nil {
		return err
	}
	// The revision comes before the load: what changes meanwhile is seen by the first look of the watch.
	revision, err := catalog.Revision(ctx, g.store)
	if err != nil {
		return err
	}
	if err := g.assemble(ctx); err != nil {
		return err
	}
	g.started.add(g.webhooks.Close)
	g.started.add(g.tools.Close)
	if err := g.editor.Use(ctx, g.Initial); err != nil {
		return err
	}
	if g.server, err = g.newServer(); err != nil {
		return err
	}
	if err := g.instance.Start(ctx); err != nil {
		return err
	}
	g.started.add(g.instance.Stop)
	g.started.addWithin(loopGrace, g.budgets.Close)
	g.started.addLoop("the return of memory", g.memory.Keep)
	g.started.addWithin(attemptsGrace, func(ctx context.Context) error {
		g.deliveries.Drain(ctx)
		return nil
	})
	g.started.addWithin(g.grace(), g.server.Shutdown)
	g.started.addLoop("the watch of the configuration", func(ctx context.Context) { g.watch(ctx, revision) })
	return nil
}

// prepare makes the database this gateway's, with what a first start puts there, and bounds the memory of the process.
func (g *Gateway) prepare(ctx context.Context) (err error) {
	if err := g.store.Claim(); err != nil {
		return err
	}
	ensureSecretsKey(ctx, g.Initial, g.store, g.Log)
	if g.Welcome, err = firstStart(ctx, g.Initial, g.newEditor(nil, nil, nil), g.publicURL()); err != nil {
		return err
	}
	limit := g.Initial.Server.Memory()
	memory.Apply(limit)
	g.memory = memory.For(limit)
	g.metrics.Memory(g.memory.Used, g.memory.Limit())
	return nil
}

// assemble makes the parts below the server. None of them does anything yet.
func (g *Gateway) assemble(ctx context.Context) (err error) {
	c := g.Initial.Server
	g.breakers = agents.NewBreakers(g.Log)
	g.metrics.Breakers(func(set func(provider string, open bool)) {
		for _, b := range g.breakers.States() {
			set(b.Provider, b.State != agents.BreakerClosed)
		}
	})
	g.instance = work.New(g.store, g.Log)
	guard := egress.NewGuard(func() []netip.Prefix { return g.inForce.Load().privateNetworks }).
		HTTPSOnly(func() bool { return g.inForce.Load().httpsOnly })
	g.webhooks = egress.NewWebhooks(guard)
	g.tools = tools.New(tools.Options{
		Log:     g.Log,
		Version: g.Version,
		HTTP:    g.webhooks,
		Allowed: func() egress.Allowed { return g.inForce.Load().httpGet },
	})
	key := func() (secret.String, error) { return secretsKey(context.WithoutCancel(ctx), g.Initial, g.store) }
	g.share = share.New(share.Config{
		Log:       g.Log,
		TTL:       time.Duration(g.Initial.Share.TTL),
		PublicURL: g.publicURL(),
		Key:       key,
	})
	g.artifacts, err = artifacts.New(ctx, artifacts.Config{
		Store:     g.store,
		Work:      g.instance,
		Log:       g.Log,
		URL:       g.Initial.ArtifactsURL(),
		MaxBytes:  int64(g.Initial.Artifacts.MaxBytes),
		LinkTTL:   time.Duration(g.Initial.Artifacts.LinkTTL),
		PublicURL: g.publicURL(),
		Key:       key,
	})
	if err != nil {
		return err
	}
	g.started.addWithin(loopGrace, func(context.Context) error { return g.artifacts.Close() })
	var mailer deliveries.Mailer
	server, err := newMailer(g.Initial.SMTP)
	if err != nil {
		return err
	}
	if server != nil {
		mailer = server
		g.started.add(server.Close)
	}
	g.deliveries = deliveries.New(deliveries.Config{
		Store:         g.store,
		Work:          g.instance,
		SendsNothing:  !c.Has(config.RoleDeliveries),
		Log:           g.Log,
		Tracing:       g.Tracing,
		Metrics:       g.metrics,
		Sealer:        g.sealer,
		Version:       g.Version,
		Out:           g.webhooks,
		CheckURL:      guard.CheckURL,
		Source:        g.publicURL(),
		Secrets:       g.callbackSecrets,
		Retention:     func() time.Duration { return g.inForce.Load().deliveryRetention },
		Links:         g.artifacts.Fill,
		ApprovalLinks: g.share.FillApprovals,
		HideLinks:     share.HideApprovals,
		EventNames:    func() []string { return g.catalog().Agents.EventNames() },
		EventType:     func(name string) string { return g.catalog().Agents.EventType(name) },
		RunView:       g.runView,
		ShareLink:     g.shareLink,
		Ended:         func(tx store.Tx, runID string) error { return g.runs.DeliveryEnded(tx, runID) },
		Origin:        g.originOf,
		Mail:          mailer,
	})
	g.budgets = budgets.New(budgets.Config{
		Store: g.store, Work: g.instance, Log: g.Log, Metrics: g.metrics, Zone: c.Zone(), Tell: g.deliveries.Tell,
		Prices: func() *spend.Prices { return g.inForce.Load().prices }, Budgets: g.budgetsOf,
	})
	coalescing := &coalesce.Service{Store: g.store, Sealer: g.sealer, Runs: func() *runs.Service { return g.runs }}
	g.runs = runs.New(runs.Config{
		Store:            g.store,
		Work:             g.instance,
		LeavesQueue:      !c.Has(config.RoleWorker),
		Log:              g.Log,
		Tracing:          g.Tracing,
		Metrics:          g.metrics,
		Memory:           g.memory,
		Outlet:           g.deliveries,
		Artifacts:        g.artifacts,
		MaxConcurrent:    int64(c.MaxConcurrent),
		MaxQueued:        int64(c.MaxQueued),
		Limit:            g.limit,
		Gate:             g.gate,
		Tools:            g.tools,
		ClientTools:      g.clientTools,
		Retention:        func() time.Duration { return g.inForce.Load().runRetention },
		SessionRetention: func() time.Duration { return g.inForce.Load().sessionRetention },
		Entry:            func(id string) *agents.Entry { return g.catalog().Agents.Get(id) },
		Prompt:           coalescing.Prompt,
		Sealer:           g.sealer,
		OnErase:          g.onErase,
		Spend:            g.budgets.Of,
		Budget:           g.budgets.Check,
		Waits: func(clientID string) bool {
			client := g.catalog().Clients.Get(clientID)
			return client != nil && client.GivesUp()
		},
	})
	coalescing.Register(g.instance)
	g.sessions = &sessions.Service{Store: g.store}
	g.sessions.Register(g.instance)
	requests := kept.New(kept.Config{
		Store:     g.store,
		Log:       g.Log,
		Keeps:     g.keptRequests,
		Retention: func() time.Duration { return g.inForce.Load().runRetention },
	})
	requests.Register(g.instance)
	g.started.addWithin(loopGrace, requests.Close)
	g.calls = calls.New(calls.Config{
		Catalog:      g.catalog,
		Runs:         g.runs,
		Sessions:     g.sessions,
		Kept:         requests,
		Coalesce:     coalescing,
		Deliveries:   g.deliveries,
		Memory:       g.memory,
		Metrics:      g.metrics,
		Senders:      g.newSenders(),
		Challenges:   g.newChallenges(key),
		Fetch:        g.fetch,
		PublicURL:    g.publicURL(),
		Log:          g.Log,
		Budget:       g.budgets.Check,
		MaxBodyBytes: int64(c.MaxBodyBytes),
		ProxyTimeout: time.Duration(c.ProxyTimeout),
	})
	g.schedules = schedules.New(schedules.Config{
		Store:   g.store,
		Work:    g.instance,
		Idle:    !c.Has(config.RoleSchedules),
		Log:     g.Log,
		Zone:    c.Zone(),
		Clients: func() *clients.Set { return g.catalog().Clients },
		Run:     g.calls.ScheduledRun,
		Enqueue: g.runs.Enqueue,
		Tell:    g.deliveries.Tell,
	})
	g.editor = g.newEditor(g.breakers, g.webhooks, g.apply)
	return nil
}
