package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"beckon/agents"
	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/units"
)

// The bounds of settings: beyond them a value is more likely a slip than a wish.
const (
	maxConcurrentLimit = 1_000_000
	maxShutdownGrace   = time.Hour
	maxRetention       = 10 * 365 * 24 * time.Hour
)

// wrong notes what is wrong with a setting, where it was set: in the file or by a variable.
func (c *Config) wrong(found *findings, path, format string, args ...any) {
	if found.broken[path] {
		return
	}
	key, _, _ := strings.Cut(path, "[")
	if o := c.sources[key]; o.Variable != "" {
		found.put(Mistake{Path: o.Variable, Text: fmt.Sprintf(format, args...)})
		return
	}
	found.add(c.lineOf(path), path, format, args...)
}

// lineOf returns the line of a path, or of what it is within.
func (c *Config) lineOf(path string) int {
	for path != "" && c.lines[path] == 0 {
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return c.lines[path]
}

func (c *Config) checkSettings(found *findings) {
	s := c.Server
	if _, port, err := net.SplitHostPort(s.Address); err != nil || !isPort(port) {
		c.wrong(found, "server.address", "must be host:port, such as localhost:8080 or :8080")
	}
	u, err := url.Parse(s.PublicURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		c.wrong(found, "server.publicURL", "must be an http or https URL, such as https://beckon.example.com")
	}
	for i, proxy := range s.TrustedProxies {
		if _, err := netip.ParsePrefix(proxy); err != nil && !isAddress(proxy) {
			c.wrong(found, fmt.Sprintf("server.trustedProxies[%d]", i), "must be an IP address or a CIDR such as 10.0.0.0/8")
		}
	}
	if s.MaxBodyBytes < 1 || s.MaxBodyBytes > clients.MaxBodyBytes {
		c.wrong(found, "server.maxBodyBytes", "must be between 1 byte and %d MiB", clients.MaxBodyBytes>>20)
	}
	if s.MaxConcurrent < 1 || s.MaxConcurrent > maxConcurrentLimit {
		c.wrong(found, "server.maxConcurrent", "must be between 1 and %d", maxConcurrentLimit)
	}
	if s.MaxQueued < 1 || s.MaxQueued > maxConcurrentLimit {
		c.wrong(found, "server.maxQueued", "must be between 1 and %d", maxConcurrentLimit)
	}
	c.checkDuration(found, "server.shutdownGrace", s.ShutdownGrace, maxShutdownGrace)
	if !isDatabaseURL(c.Database.URL.Reveal()) {
		c.wrong(found, "database.url", "must be sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		c.wrong(found, "log.level", "must be debug, info, warn or error")
	}
	if !slices.Contains([]string{"text", "json"}, c.Log.Format) {
		c.wrong(found, "log.format", "must be text or json")
	}
	for i, network := range c.Egress.AllowPrivate {
		if _, err := netip.ParsePrefix(network); err != nil {
			c.wrong(found, fmt.Sprintf("egress.allowPrivate[%d]", i), "must be a CIDR such as 10.0.0.0/8, or 127.0.0.1/32 for a single address")
		}
	}
	c.checkDuration(found, "retention.runs", c.Retention.Runs, maxRetention)
	c.checkDuration(found, "retention.deliveries", c.Retention.Deliveries, maxRetention)
}

func (c *Config) checkDuration(found *findings, path string, d units.Duration, limit time.Duration) {
	if d <= 0 || time.Duration(d) > limit {
		c.wrong(found, path, "must be more than 0 and at most %s", units.Duration(limit))
	}
}

func isPort(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= 65535
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func isDatabaseURL(s string) bool {
	if path, ok := strings.CutPrefix(s, "sqlite:"); ok {
		return path != ""
	}
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql")
}

// noun is what every resource can do.
type noun interface {
	Key() string
	Check() problem.Fields
}

// checkResources finds what is wrong with each of the file's resources on its own.
func (c *Config) checkResources(found *findings) {
	checkSection(c, found, agents.SectionProviders, c.Providers)
	checkSection(c, found, agents.SectionAgents, c.Agents)
	checkSection(c, found, agents.SectionFlows, c.Flows)
	checkSection(c, found, SectionCommands, c.Commands)
	checkSection(c, found, SectionClients, c.Clients)
	checkSection(c, found, SectionEndpoints, c.Endpoints)
	c.checkTokens(found)
	guard := egress.NewGuard(c.Egress.Networks)
	for i, e := range c.Endpoints {
		if len(e.Check()) > 0 {
			continue // its URL may be what is wrong
		}
		if err := guard.CheckURL(e.URL); err != nil {
			c.wrong(found, fmt.Sprintf("endpoints[%d].url", i), "%v", err)
		}
	}
}

func checkSection[T noun](c *Config, found *findings, section string, list []T) {
	first := map[string]int{}
	for i, item := range list {
		at, id := fmt.Sprintf("%s[%d]", section, i), item.Key()
		if line, twice := first[id]; twice && id != "" {
			c.wrong(found, at+".id", "%q is already the id of another in line %d", problem.Shorten(id), line)
			continue
		}
		first[id] = c.lineOf(at)
		fields := checkID(id)
		fields.Under("", item.Check())
		for _, f := range fields {
			c.wrong(found, joinField(at, f.Path), "%s", f.Message)
		}
	}
}

func checkID(id string) (found problem.Fields) {
	switch {
	case id == "":
		found.Add("id", "is required")
	case !catalog.ValidID(id):
		found.Add("id", "%s", catalog.IDForm)
	}
	return found
}

func (c *Config) checkTokens(found *findings) {
	owner := map[string]string{}
	for i, client := range c.Clients {
		at, token := fmt.Sprintf("clients[%d].token", i), client.Token.Reveal()
		switch other, taken := owner[token]; {
		case token == "":
			c.wrong(found, at, "is required: the bearer token of this client, best written as a ${VARIABLE}")
		case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
			c.wrong(found, at, "must be printable ASCII without spaces: it travels in a header")
		case taken:
			c.wrong(found, at, "is also the token of client %q: every client needs its own", problem.Shorten(other))
		default:
			owner[token] = client.ID
		}
	}
}

// joinField puts a field's path behind that of its resource.
func joinField(at, field string) string {
	if field == "" || field[0] == '[' {
		return at + field
	}
	return at + "." + field
}
