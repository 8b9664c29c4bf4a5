package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"

	"beckon/agents"
	"beckon/calls"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/egress"
	"beckon/internal/store"
	"beckon/internal/telemetry"
)

// live is the configuration in force. A reload makes a whole new one and puts it in force, or leaves the old one alone.
type live struct {
	store    *store.Store
	editor   *catalog.Editor // puts in force by apply
	breakers *agents.Breakers
	limits   *clients.Limits
	log      *slog.Logger
	level    *slog.LevelVar
	metrics  *telemetry.Metrics

	current        atomic.Pointer[calls.Catalog]
	trouble        atomic.Pointer[error] // what came of the last reload
	keepRuns       atomic.Int64          // retention.runs, in nanoseconds
	keepDeliveries atomic.Int64
	mayGoTo        atomic.Pointer[[]netip.Prefix]                     // egress.allowPrivate
	use            func(context.Context, []deliveries.Endpoint) error // puts endpoints in force
	useTLS         func(*egress.TLS)                                  // for receivers
}

func newLive(db *database, log *slog.Logger, level *slog.LevelVar, metrics *telemetry.Metrics) *live {
	l := &live{store: db.store, breakers: agents.NewBreakers(log), limits: clients.NewLimits(), log: log, level: level, metrics: metrics}
	l.editor = db.editor(log, l.breakers, l.apply)
	return l
}

// catalog is what the server asks for each call.
func (l *live) catalog() calls.Catalog { return *l.current.Load() }

// inForce is the configuration of the last load.
func (l *live) inForce() *config.Config { return l.editor.File().(*config.Config) }

// apply puts a view in force.
func (l *live) apply(ctx context.Context, v *catalog.View) error {
	credentials, err := clients.Credentials(l.store.Read(ctx))
	if err != nil {
		return err
	}
	set, findings := clients.SetOf(v, credentials, l.limits)
	for _, f := range append(v.Warnings(), findings...) {
		l.log.Warn("a resource is left out until it is mended", "section", f.Section, "id", f.ID, "error", f.Fields.Err())
	}
	c := v.File.(*config.Config)
	for _, f := range v.Cautions() {
		l.log.Warn("a resource should be changed", "section", f.Section, "id", f.ID, "why", f.Fields.Err())
	}
	if err := l.level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	l.keepRuns.Store(int64(c.Retention.Runs.Or(0)))
	l.keepDeliveries.Store(int64(c.Retention.Deliveries.Or(0)))
	networks := c.Networks()
	l.mayGoTo.Store(&networks)
	l.useTLS(c.TLS())
	invoked := agents.SetOf(v)
	l.breakers.Use(invoked)
	l.current.Store(&calls.Catalog{Clients: set, Commands: commands.NewSet(catalog.All[commands.Command](v)), Agents: invoked})
	return l.use(ctx, deliveries.InForce(v))
}

// reload reads the file again and puts it in force, whole or not at all. With a file that has mistakes, what has
// changed in the database still comes into force, beside the old file.
func (l *live) reload(ctx context.Context) error {
	before := l.inForce()
	c, err := before.Reload(os.LookupEnv)
	switch {
	case err != nil:
		err = errors.Join(err, l.editor.Refresh(ctx))
	case c == before:
		err = l.editor.Refresh(ctx)
	default:
		if _, restart := config.Changes(before, c); len(restart) > 0 {
			l.log.Warn("some of the changes take effect at the next start only", "settings", restart)
		}
		err = l.editor.Use(ctx, c)
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
		now, err := catalog.Revision(ctx, l.store)
		return strconv.FormatInt(now, 10), err
	}}}
	if l.inForce().File() != "" {
		sources = append(sources, config.FileSource(l.inForce()), config.TLSSource(l.inForce))
	}
	config.Watch(ctx, config.PollInterval, l.log, l.reload, sources...)
}
