package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"beckon/internal/basepath"
	"beckon/internal/cron"
	"beckon/internal/egress"
	"beckon/internal/mail"
	"beckon/internal/memory"
	"beckon/internal/spend"
	"beckon/internal/units"
)

// The bounds of settings: beyond them a value is more likely a slip than a wish.
const (
	maxBodyBytes       = 64 << 20
	maxConcurrentLimit = 1_000_000
	maxShutdownGrace   = time.Hour
	leastProxyTimeout  = time.Second
	leastConnections   = 4
	mostConnections    = 1000
	maxRetention       = 10 * 365 * 24 * time.Hour
	maxArtifact        = 4 << 30
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
	found.add(c.Line(path), path, format, args...)
}

func (c *Config) checkSettings(found *findings) {
	s := c.Server
	if _, port, err := net.SplitHostPort(s.Address); err != nil || !isPort(port) {
		c.wrong(found, "server.address", "must be host:port, such as localhost:8080 or :8080")
	}
	u, err := url.Parse(s.PublicURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" ||
		u.Fragment != "" {
		c.wrong(found, "server.publicURL", "must be an http or https URL, such as https://beckon.example.com")
	}
	if err == nil {
		if err := basepath.Check(u); err != nil {
			c.wrong(found, "server.publicURL", "%v", err)
		}
	}
	for i, proxy := range s.TrustedProxies {
		if _, err := netip.ParsePrefix(proxy); err != nil && !isAddress(proxy) {
			c.wrong(found, fmt.Sprintf("server.trustedProxies[%d]", i),
				"must be an IP address or a CIDR such as 10.0.0.0/8")
		}
	}
	for i, role := range s.Roles {
		if !slices.Contains(roles, role) {
			c.wrong(found, fmt.Sprintf("server.roles[%d]", i), "must be one of %s", strings.Join(roles, ", "))
		}
	}
	if c.Database.isFile() && slices.ContainsFunc(roles, func(role string) bool { return !s.Has(role) }) {
		c.wrong(found, "server.roles", "needs PostgreSQL: a SQLite file has one gateway, which does everything")
	}
	if _, err := cron.Zone(s.Timezone); err != nil {
		c.wrong(found, "server.timezone", "%s", err)
	}
	for _, f := range s.Budget.Check() {
		c.wrong(found, "server.budget."+f.Path, "%s", f.Message)
	}
	if s.ProxyTimeout != 0 && time.Duration(s.ProxyTimeout) < leastProxyTimeout {
		c.wrong(found, "server.proxyTimeout",
			"must be at least %s, or 0 where no proxy cuts connections", leastProxyTimeout)
	}
	if s.MaxBodyBytes < 1 || s.MaxBodyBytes > maxBodyBytes {
		c.wrong(found, "server.maxBodyBytes", "must be between 1 byte and %d MiB", maxBodyBytes>>20)
	}
	if s.MaxConcurrent < 1 || s.MaxConcurrent > maxConcurrentLimit {
		c.wrong(found, "server.maxConcurrent", "must be between 1 and %d", maxConcurrentLimit)
	}
	if s.MaxQueued < 1 || s.MaxQueued > maxConcurrentLimit {
		c.wrong(found, "server.maxQueued", "must be between 1 and %d", maxConcurrentLimit)
	}
	if s.MaxMemory != 0 && s.MaxMemory < memory.Least {
		c.wrong(found, "server.maxMemory", "must be at least %d MiB, or 0 for half of what there is", memory.Least>>20)
	} else if s.MaxMemory != 0 && memory.For(int64(s.MaxMemory)).LargestBody() < int64(s.MaxBodyBytes) {
		c.wrong(found, "server.maxMemory",
			"must be at least three times server.maxBodyBytes: a body of that size does not fit")
	}
	c.checkDuration(found, "server.shutdownGrace", s.ShutdownGrace, maxShutdownGrace)
	if !isDatabaseURL(c.Database.URL.Reveal()) {
		c.wrong(found, "database.url", "must be sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME")
	}
	if c.Database.ReadURL != "" &&
		(c.Database.isFile() || !isDatabaseURL(c.Database.ReadURL.Reveal()) ||
			strings.HasPrefix(c.Database.ReadURL.Reveal(), "sqlite:")) {
		c.wrong(found, "database.readURL",
			"must be postgres://USER:PASSWORD@HOST/NAME, "+
				"the URL of a read replica of the PostgreSQL database in database.url")
	}
	if c.Database.MaxConnections != 0 &&
		(c.Database.MaxConnections < leastConnections || c.Database.MaxConnections > mostConnections) {
		c.wrong(found, "database.maxConnections",
			"must be between %d and %d, or 0 to go by the number of processors", leastConnections, mostConnections)
	}
	for i, name := range c.Admin.Variables {
		if !variableName.MatchString(name) {
			c.wrong(found, fmt.Sprintf("admin.variables[%d]", i),
				"must be the name of an environment variable such as OPENAI_API_KEY, without ${ }")
		}
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		c.wrong(found, "log.level", "must be debug, info, warn or error")
	}
	if !slices.Contains([]string{"text", "json"}, c.Log.Format) {
		c.wrong(found, "log.format", "must be text or json")
	}
	for i, network := range c.Egress.AllowPrivate {
		if _, err := netip.ParsePrefix(network); err != nil {
			c.wrong(found, fmt.Sprintf("egress.allowPrivate[%d]", i),
				"must be a CIDR such as 10.0.0.0/8, or 127.0.0.1/32 for a single address")
		}
	}
	for _, f := range spend.Check(c.Prices) {
		c.wrong(found, "prices"+f.Path, "%s", f.Message)
	}
	if _, at, err := egress.ParseAllowed(c.Egress.HTTPGet); err != nil {
		c.wrong(found, fmt.Sprintf("egress.httpGet[%d]", at), "%v", err)
	}
	c.readTLS(found)
	c.readSkills(found)
	c.checkDuration(found, "retention.runs", c.Retention.Runs, maxRetention)
	c.checkDuration(found, "retention.deliveries", c.Retention.Deliveries, maxRetention)
	if mistake := artifactsURLMistake(c.Artifacts.URL, hasBuckets); mistake != "" {
		c.wrong(found, "artifacts.url", "%s", mistake)
	}
	if c.Artifacts.MaxBytes < 1 || c.Artifacts.MaxBytes > maxArtifact {
		c.wrong(found, "artifacts.maxBytes", "must be between 1 byte and %d GiB", maxArtifact>>30)
	}
	c.checkDuration(found, "retention.sessions", c.Retention.Sessions, maxRetention)
	c.checkDuration(found, "artifacts.linkTTL", c.Artifacts.LinkTTL, maxRetention)
	c.checkDuration(found, "share.ttl", c.Share.TTL, maxRetention)
	if c.SMTP.URL != "" {
		if _, err := mail.New(c.SMTP.URL, c.SMTP.From); errors.Is(err, mail.ErrFrom) {
			c.wrong(found, "smtp.from", "%v", err)
		} else if err != nil {
			c.wrong(found, "smtp.url", "%v", err)
		}
	}
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
