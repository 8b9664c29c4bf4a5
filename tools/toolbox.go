package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/tools/names"
)

// Options are what a Toolbox is made of.
type Options struct {
	Log     *slog.Logger
	Version string                // of Beckon, as servers are told
	HTTP    Getter                // for http.get; nil where there is none
	Allowed func() egress.Allowed // the URLs that http.get may get
}

// Toolbox is the Box of a gateway: it has the tools that are built in, and those of the servers that Use was given
// last. Close it when it is not needed any more.
type Toolbox struct {
	builtIn map[string]*builtIn
	options Options
	route   *egress.Providers

	mu          sync.Mutex
	connections map[string]*connection
	former      sync.WaitGroup // connections that take no more calls, and end with their last one
	leaving     map[*connection]bool
	isClosed    bool
}

// New returns a Toolbox without servers.
func New(o Options) *Toolbox {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Toolbox{
		builtIn: map[string]*builtIn{}, options: o, route: egress.NewProviders(),
		connections: map[string]*connection{}, leaving: map[*connection]bool{},
	}
	if o.Allowed == nil {
		o.Allowed = func() egress.Allowed { return nil }
	}
	for _, tool := range []*builtIn{
		newClock(time.Now), newGet(o.HTTP, o.Allowed), newNote(), newArtifactWrite(), newArtifactRead(),
	} {
		b.builtIn[tool.Name] = tool
	}
	return b
}

// Use has calls that begin now go to these servers. Calls under way end where they are; connections to servers that
// have not changed stay. It connects to none: that is done when an agent first needs one.
func (b *Toolbox) Use(servers []Server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.isClosed {
		return
	}
	next := map[string]*connection{}
	for _, s := range servers {
		if have := b.connections[s.ID]; have != nil && reflect.DeepEqual(have.server, s) {
			next[s.ID] = have
			delete(b.connections, s.ID)
		} else {
			next[s.ID] = newConnection(s, b.route, b.options.Version, b.options.Log)
		}
	}
	for _, c := range b.connections {
		b.leaving[c] = true
		b.former.Go(func() {
			c.leave()
			c.wg.Wait()
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.leaving, c)
		})
	}
	b.connections = next
}

// Close ends all connections and the programs behind them. Calls under way fail.
func (b *Toolbox) Close() {
	b.mu.Lock()
	b.isClosed = true
	var all []*connection
	for _, c := range b.connections {
		all = append(all, c)
	}
	for c := range b.leaving {
		all = append(all, c)
	}
	b.mu.Unlock()
	var ending sync.WaitGroup
	for _, c := range all {
		ending.Go(c.close)
	}
	ending.Wait()
	b.former.Wait()
	b.route.CloseIdleConnections()
}

// connection returns that of a server; nil for none.
func (b *Toolbox) connection(id string) *connection {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connections[id]
}

// Tools implements Box.
func (b *Toolbox) Tools(ctx context.Context, agent, client []string) []Tool {
	var list []Tool
	add := func(tools ...Tool) {
		for _, tool := range tools {
			if names.Match(agent, tool.Name) && names.Match(client, tool.Name) {
				list = append(list, tool)
			}
		}
	}
	for _, tool := range b.builtIn {
		if tool.isOffered == nil || tool.isOffered() {
			add(tool.Tool)
		}
	}
	for _, l := range b.listings(ctx, serversIn(agent, client)) {
		add(l.tools...)
	}
	slices.SortFunc(list, func(x, y Tool) int { return strings.Compare(x.Name, y.Name) })
	return list
}

// serversIn are the servers that both lists name.
func serversIn(agent, client []string) (ids []string) {
	for _, p := range agent {
		id := names.Server(p)
		isNamed := slices.ContainsFunc(client, func(p string) bool { return names.Server(p) == id })
		if isNamed && !names.IsReserved(id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// listings are those of servers, which are asked at the same time.
func (b *Toolbox) listings(ctx context.Context, ids []string) (all []*listing) {
	found := make([]*listing, len(ids))
	var asking sync.WaitGroup
	for i, id := range ids {
		if c := b.connection(id); c != nil && !c.server.Disabled {
			asking.Go(func() { found[i] = c.tools(ctx) })
		}
	}
	asking.Wait()
	return slices.DeleteFunc(found, func(l *listing) bool { return l == nil })
}

// Call implements Box.
func (b *Toolbox) Call(ctx context.Context, use Use) (Result, error) {
	if use.Arguments = bytes.TrimSpace(use.Arguments); len(use.Arguments) == 0 {
		use.Arguments = json.RawMessage("{}")
	}
	if tool := b.builtIn[use.Tool]; tool != nil {
		return tool.use(ctx, use)
	}
	c := b.connection(names.Server(use.Tool))
	switch {
	case c == nil:
		return Result{}, unknownTool(use.Tool)
	case c.server.Disabled:
		return Result{}, problem.New(problem.Unavailable, CodeToolUnavailable,
			"The tool %s cannot be called: its server is disabled.", use.Tool)
	}
	return c.call(ctx, use)
}

// unknownTool is the problem of a name that nobody offers, or no longer.
func unknownTool(name string) error {
	return problem.New(problem.NotFound, CodeToolNotFound,
		"There is no tool %q: its server has taken it out of its list, or is not there any more.",
		problem.Shorten(name))
}
