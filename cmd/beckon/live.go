package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/telemetry"
	"beckon/server"
)

// live is the configuration in force. A reload builds a whole new one and swaps it in, or leaves the old one alone.
type live struct {
	database *database
	how      agents.Factories
	limits   *clients.Limits
	log      *slog.Logger
	level    *slog.LevelVar
	metrics  *telemetry.Metrics

	loading sync.Mutex                    // held while something is put in force
	config  atomic.Pointer[config.Config] // of the last load
	current atomic.Pointer[server.Catalog]

	trouble        atomic.Pointer[error] // what came of the last reload
	keepRuns       atomic.Int64          // retention.runs, in nanoseconds
	keepDeliveries atomic.Int64
	mayGoTo        atomic.Pointer[[]netip.Prefix]                     // egress.allowPrivate
	use            func(context.Context, []deliveries.Endpoint) error // puts endpoints in force
}

// catalog is what the server asks for each call.
func (l *live) catalog() server.Catalog { return *l.current.Load() }

// inForce is the configuration of the last load.
func (l *live) inForce() *config.Config { return l.config.Load() }

// changed puts in force what somebody has just changed in the database, without waiting for watch to see it. When that
// does not work, watch tries again.
func (l *live) changed(ctx context.Context) {
	l.loading.Lock()
	defer l.loading.Unlock()
	// Asked for only now: a reload may just have changed it.
	if err := l.put(context.WithoutCancel(ctx), l.inForce()); err != nil {
		l.log.Error("a change is not in force yet", "error", err)
	}
}

// load puts a configuration in force, together with what the database holds.
func (l *live) load(ctx context.Context, c *config.Config) error {
	l.loading.Lock()
	defer l.loading.Unlock()
	return l.put(ctx, c)
}

func (l *live) put(ctx context.Context, c *config.Config) error {
	stored, err := l.database.resources(ctx)
	if err != nil {
		return err
	}
	credentials, err := l.database.clients.Credentials(ctx)
	if err != nil {
		return err
	}
	catalog, err := c.Catalog(l.how, os.LookupEnv, stored)
	if err != nil {
		return err
	}
	set, findings := clients.NewSet(append(declared(catalog, credentials), unusable(catalog, stored.Clients, credentials)...), l.limits)
	for _, f := range append(catalog.Warnings, findings...) {
		l.log.Warn("a resource is left out until it is mended", "section", f.Section, "id", f.ID, "error", f.Fields.Err())
	}
	if err := l.level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	l.keepRuns.Store(int64(c.Retention.Runs.Or(0)))
	l.keepDeliveries.Store(int64(c.Retention.Deliveries.Or(0)))
	networks := c.Egress.Networks()
	l.mayGoTo.Store(&networks)
	l.config.Store(c)
	l.current.Store(&server.Catalog{Clients: set, Commands: commands.NewSet(catalog.Commands), Agents: catalog.Set})
	return l.use(ctx, append(catalog.Endpoints, waiting(catalog, stored.Endpoints)...))
}

// unusable are the clients of the database that are not in force: who proves to be one is told so. What they have under way goes
// on within their limits, and is signed with their secrets.
func unusable(catalog *config.Catalog, stored []clients.Client, proofs map[string][]clients.Credential) (list []clients.Declared) {
	for _, c := range stored {
		if !slices.ContainsFunc(catalog.Clients, func(in clients.Client) bool { return in.ID == c.ID }) {
			list = append(list, clients.Declared{Client: clients.Client{ID: c.ID, Since: c.Since, MaxConcurrent: c.MaxConcurrent, WebhookSecret: c.WebhookSecret}, Credentials: proofs[c.ID], Unusable: true})
		}
	}
	return list
}

// waiting are the endpoints of the database that are not in force: what they take waits for them, as for one that is disabled.
func waiting(catalog *config.Catalog, stored []deliveries.Endpoint) (list []deliveries.Endpoint) {
	for _, e := range stored {
		if !slices.ContainsFunc(catalog.Endpoints, func(in deliveries.Endpoint) bool { return in.ID == e.ID }) {
			list = append(list, deliveries.Endpoint{ID: e.ID, URL: e.URL, Events: e.Events, Agents: e.Agents, Clients: e.Clients, Enabled: e.Enabled, Stopped: true})
		}
	}
	return list
}

// reload reads the file again and puts it in force, whole or not at all. With a file that has mistakes, what has
// changed in the database still comes into force, beside the old file.
func (l *live) reload(ctx context.Context) error {
	c, err := config.Load(l.inForce().File(), os.LookupEnv)
	if err != nil {
		err = errors.Join(err, l.load(ctx, l.inForce()))
	} else {
		if _, restart := config.Changes(l.inForce(), c); len(restart) > 0 {
			l.log.Warn("some of the changes take effect at the next start only", "settings", restart)
		}
		err = l.load(ctx, c)
	}
	l.metrics.Reload(err == nil)
	l.trouble.Store(&err)
	if err == nil {
		l.log.Info("configuration in force")
	}
	return err
}

// watch reloads whenever the file or the database's resources change, until ctx ends. revision is the one that was
// read before the first load.
func (l *live) watch(ctx context.Context, revision int64) {
	sources := []config.Source{{Name: "database", Known: strconv.FormatInt(revision, 10), Look: func(ctx context.Context) (string, error) {
		now, err := catalog.Revision(ctx, l.database.store)
		return strconv.FormatInt(now, 10), err
	}}}
	if l.inForce().File() != "" {
		sources = append(sources, config.FileSource(l.inForce()))
	}
	config.Watch(ctx, config.PollInterval, l.log, l.reload, sources...)
}

// declared gives every client of the catalog what proves it: a hash from the database, or the token of the file.
func declared(catalog *config.Catalog, stored map[string][]clients.Credential) []clients.Declared {
	list := make([]clients.Declared, len(catalog.Clients))
	for i, c := range catalog.Clients {
		list[i] = clients.Declared{Client: c, Credentials: stored[c.ID]}
		if catalog.Origin(config.SectionClients, c.ID) == config.FromConfig {
			list[i].Credentials = []clients.Credential{{Hash: clients.HashOf(c.Token.Reveal())}}
		}
	}
	return list
}
