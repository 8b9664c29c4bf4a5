package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"time"

	"beckon/agents"
	"beckon/budgets"
	"beckon/calls"
	"beckon/calls/coalesce"
	"beckon/calls/kept"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/egress"
	"beckon/internal/gate"
	"beckon/internal/secret"
	"beckon/internal/spend"
	"beckon/internal/store"
	"beckon/tools"
)

// snapshot is the configuration in force at one moment, as calls, runs and deliveries ask for it. It never changes:
// what comes into force is another one.
type snapshot struct {
	calls.Catalog
	privateNetworks   []netip.Prefix // egress.allowPrivate
	httpsOnly         bool           // egress.httpsOnly
	prices            *spend.Prices
	budget            spend.Budget // server.budget
	ownedBudgets      []budgets.Owned
	httpGet           egress.Allowed // egress.httpGet
	runRetention      time.Duration  // 0 is for ever, here and below
	deliveryRetention time.Duration
	sessionRetention  time.Duration
}

// apply puts a view in force, and logs what is wrong in it.
func (g *Gateway) apply(ctx context.Context, v *catalog.View) error {
	credentials, err := clients.Credentials(g.store.Read(ctx))
	if err != nil {
		return err
	}
	set, findings := clients.SetOf(v, credentials, g.limits)
	set.SetFormKeys(g.formKey(ctx))
	for _, f := range append(v.Warnings(), findings...) {
		g.Log.Warn("a resource is left out until it is mended",
			"section", f.Section, "id", f.ID, "error", f.Fields.Err())
	}
	for _, f := range v.Cautions() {
		g.Log.Warn("a resource should be changed", "section", f.Section, "id", f.ID, "why", f.Fields.Err())
	}
	c := v.File.(*config.Config)
	if g.Initial.OriginOf("server.publicURL") == (config.Origin{}) {
		for _, client := range catalog.All[clients.Client](v) {
			if client.SignsURL() {
				g.Log.Warn("the caller of a client signs the URL that it calls, and server.publicURL is not set: "+
					"set it to the URL that the caller knows, or its calls are refused",
					"client", client.ID, "publicURL", g.publicURL())
			}
		}
	}
	if err := g.Level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	invoked, prices := agents.SetOf(v), spend.NewPrices(c.Prices)
	g.warnOfPrices(v, &c.Server.Budget, prices)
	g.breakers.Use(invoked)
	g.inForce.Store(&snapshot{
		Catalog: calls.Catalog{
			Clients:  set,
			Commands: commands.NewSet(catalog.All[commands.Command](v)),
			Agents:   invoked,
		},
		privateNetworks:   c.Networks(),
		httpsOnly:         c.HTTPSOnly(),
		prices:            prices,
		budget:            c.Server.Budget,
		ownedBudgets:      ownedBudgets(v, &c.Server.Budget),
		httpGet:           c.HTTPGet(),
		runRetention:      c.Retention.Runs.Or(0),
		deliveryRetention: c.Retention.Deliveries.Or(0),
		sessionRetention:  c.Retention.Sessions.Or(agents.DefaultSessionTTL),
	})
	g.webhooks.UseTLS(c.TLS())
	g.tools.Use(catalog.All[tools.Server](v))
	return g.deliveries.Use(ctx, deliveries.InForce(v))
}

// catalog is what is in force for a call that begins now.
func (g *Gateway) catalog() calls.Catalog { return g.inForce.Load().Catalog }

// notes say what was learnt of the models of an agent.
func (g *Gateway) notes(agentID string) []string {
	if entry := g.catalog().Agents.Get(agentID); entry != nil {
		if noted, ok := entry.Invoker.(agents.Noted); ok {
			return noted.Notes()
		}
	}
	return nil
}

// limit says how many runs a client may have at the same time, and counts one.
func (g *Gateway) limit(clientID string) (most int, startRun func() (endRun func())) {
	client := g.catalog().Clients.Get(clientID)
	if client == nil {
		return 0, func() func() { return func() {} }
	}
	return client.MaxConcurrent, func() func() {
		client.StartQueuedRun()
		return client.EndRun
	}
}

// clientTools are the patterns of the tools that the runs of a client may use; nil is none.
func (g *Gateway) clientTools(clientID string) []string {
	if client := g.catalog().Clients.Get(clientID); client != nil {
		return client.Tools
	}
	return nil
}

// gate is that of a client; nil where it has none.
func (g *Gateway) gate(clientID string) *gate.Gate {
	if client := g.catalog().Clients.Get(clientID); client != nil {
		return client.AnswerGate
	}
	return nil
}

// onErase has everybody forget the content of a run.
func (g *Gateway) onErase(tx store.Tx, runID string, byAdmin bool) error {
	if byAdmin {
		return errors.Join(coalesce.Erase(tx, runID), kept.Erase(tx, runID), g.deliveries.Erase(tx, runID))
	}
	return g.deliveries.Forget(tx, runID)
}

// keptRequests are how many requests are kept of each client that wants some.
func (g *Gateway) keptRequests() map[string]int {
	keeps := map[string]int{}
	for client := range g.catalog().Clients.All() {
		if client.KeepRequests > 0 {
			keeps[client.ID] = client.KeepRequests
		}
	}
	return keeps
}

// callbackSecrets are what signs the callbacks of a client.
func (g *Gateway) callbackSecrets(clientID string) []secret.String {
	if client := g.catalog().Clients.Get(clientID); client != nil {
		return client.CallbackSecrets()
	}
	return nil
}

// file is the configuration of the last load.
func (g *Gateway) file() *config.Config { return g.editor.File().(*config.Config) }

// reload reads the file again and puts it in force, whole or not at all. With a file that has mistakes, what has
// changed in the database still comes into force, beside the old file.
func (g *Gateway) reload(ctx context.Context) error {
	before := g.file()
	c, err := before.Reload(os.LookupEnv)
	switch {
	case err != nil:
		err = errors.Join(err, g.editor.Refresh(ctx))
	case c == before:
		err = g.editor.Refresh(ctx)
	default:
		if _, restart := config.Changes(before, c); len(restart) > 0 {
			g.Log.Warn("some of the changes take effect at the next start only", "settings", restart)
		}
		err = g.editor.Use(ctx, c)
	}
	g.metrics.Reload(err == nil)
	g.reloadFailure.Store(&err)
	if err == nil {
		g.Log.Info("configuration active")
	}
	return err
}

// watch reloads whenever the file or the database's resources change, until ctx ends. revision is the database's, read
// before the first load.
func (g *Gateway) watch(ctx context.Context, revision int64) {
	sources := []config.Source{{
		Name:  "database",
		Known: strconv.FormatInt(revision, 10),
		Look: func(ctx context.Context) (string, error) {
			now, err := catalog.Revision(ctx, g.store)
			return strconv.FormatInt(now, 10), err
		},
	}}
	if g.file().File() != "" {
		sources = append(sources, config.FileSource(g.file()), config.TLSSource(g.file), config.SkillsSource(g.file))
	}
	config.Watch(ctx, config.PollInterval, g.Log, g.reload, sources...)
}
