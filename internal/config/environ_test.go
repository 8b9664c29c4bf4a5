package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOverride(t *testing.T) {
	for name, tt := range map[string]struct {
		env vars
		get func(*Config) any
		set any
	}{
		"text":         {vars{"BECKON_SERVER_ADDRESS": ":9"}, func(c *Config) any { return c.Server.Address }, ":9"},
		"joined":       {vars{"BECKON_SERVER_PUBLICURL": "http://a"}, func(c *Config) any { return c.Server.PublicURL }, "http://a"},
		"split":        {vars{"BECKON_SERVER_PUBLIC_URL": "http://a"}, func(c *Config) any { return c.Server.PublicURL }, "http://a"},
		"size":         {vars{"BECKON_SERVER_MAX_BODY_BYTES": "2KiB"}, func(c *Config) any { return int64(c.Server.MaxBodyBytes) }, int64(2048)},
		"number":       {vars{"BECKON_SERVER_MAXCONCURRENT": "5"}, func(c *Config) any { return c.Server.MaxConcurrent }, 5},
		"duration":     {vars{"BECKON_SERVER_SHUTDOWN_GRACE": "7s"}, func(c *Config) any { return time.Duration(c.Server.ShutdownGrace) }, 7 * time.Second},
		"list":         {vars{"BECKON_SERVER_TRUSTED_PROXIES": "10.0.0.0/8, ::1,"}, func(c *Config) any { return c.Server.TrustedProxies }, []string{"10.0.0.0/8", "::1"}},
		"secret":       {vars{"BECKON_ADMIN_PASSWORD": "12345678"}, func(c *Config) any { return c.Admin.Password.Reveal() }, "12345678"},
		"database":     {vars{"BECKON_DATABASE_URL": "postgres://u:p@h/d"}, func(c *Config) any { return c.Database.URL.Reveal() }, "postgres://u:p@h/d"},
		"log":          {vars{"BECKON_LOG_LEVEL": "error"}, func(c *Config) any { return c.Log.Level }, "error"},
		"literal":      {vars{"BECKON_ADMIN_TOKEN": "a${B}c"}, func(c *Config) any { return c.Admin.Token.Reveal() }, "a${B}c"},
		"empty":        {vars{"BECKON_LOG_LEVEL": ""}, func(c *Config) any { return c.Log.Level }, "warn"},
		"not a scalar": {vars{"BECKON_EGRESS_ALLOWPRIVATE": "10.0.0.0/8"}, func(c *Config) any { return len(c.Egress.AllowPrivate) }, 0},
		"Kubernetes":   {vars{"BECKON_SERVER_PORT": "tcp://10.0.0.1:80", "BECKON_SERVER_SERVICE_HOST": "10.0.0.1"}, func(c *Config) any { return c.Server.Address }, ":1"},
	} {
		t.Run(name, func(t *testing.T) {
			c := load(t, "server: {address: ':1'}\nlog: {level: warn}", tt.env)
			require.Equal(t, tt.set, tt.get(c))
		})
	}
}

func TestOverrideFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	for content, want := range map[string]string{"s3cret": "s3cret", "s3cret\n": "s3cret", "s3cret\r\n": "s3cret", "a\n\n": "a\n", " b ": " b "} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		c := load(t, "admin: {password: other}", vars{"BECKON_ADMIN_PASSWORD_FILE": path})
		require.Equal(t, want, c.Admin.Password.Reveal())
	}
}

func TestMistakesInTheEnvironment(t *testing.T) {
	folder := t.TempDir()
	empty, large := filepath.Join(folder, "empty"), filepath.Join(folder, "large")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	require.NoError(t, os.WriteFile(large, make([]byte, 2<<20), 0o600))
	for name, tt := range map[string]struct {
		env  vars
		want string
	}{
		"number":      {vars{"BECKON_SERVER_MAXCONCURRENT": "many"}, "BECKON_SERVER_MAXCONCURRENT: must be a whole number"},
		"duration":    {vars{"BECKON_SERVER_SHUTDOWNGRACE": "30"}, "BECKON_SERVER_SHUTDOWNGRACE: must be a duration such as 30s, 5m or 720h"},
		"value":       {vars{"BECKON_LOG_LEVEL": "loud"}, "BECKON_LOG_LEVEL: must be debug, info, warn or error"},
		"item":        {vars{"BECKON_SERVER_TRUSTEDPROXIES": "::1,x"}, "BECKON_SERVER_TRUSTEDPROXIES: must be an IP address or a CIDR such as 10.0.0.0/8"},
		"both":        {vars{"BECKON_ADMIN_TOKEN": "a", "BECKON_ADMIN_TOKEN_FILE": "b"}, "BECKON_ADMIN_TOKEN: is set, and so is BECKON_ADMIN_TOKEN_FILE: set only one of them"},
		"spellings":   {vars{"BECKON_SERVER_PUBLICURL": "http://a", "BECKON_SERVER_PUBLIC_URL": "http://b"}, "BECKON_SERVER_PUBLICURL: is set, and so is BECKON_SERVER_PUBLIC_URL: set only one of them"},
		"missing":     {vars{"BECKON_ADMIN_PASSWORD_FILE": "/nowhere/s3cret"}, "BECKON_ADMIN_PASSWORD_FILE: the file it names cannot be read: no such file or directory"},
		"a folder":    {vars{"BECKON_ADMIN_PASSWORD_FILE": folder}, "BECKON_ADMIN_PASSWORD_FILE: the file it names cannot be read: is a directory"},
		"empty file":  {vars{"BECKON_ADMIN_PASSWORD_FILE": empty}, "BECKON_ADMIN_PASSWORD_FILE: the file it names is empty"},
		"large file":  {vars{"BECKON_ADMIN_PASSWORD_FILE": large}, "BECKON_ADMIN_PASSWORD_FILE: the file it names is larger than 1 MiB"},
		"secret kept": {vars{"BECKON_DATABASE_URL": "mysql://root:s3cret@h"}, "BECKON_DATABASE_URL: must be sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, []string{tt.want}, complaints(t, "", tt.env))
		})
	}
}

func TestSettings(t *testing.T) {
	path := write(t, "server:\n  maxBodyBytes: 2MiB\n  trustedProxies: ['::1', 10.0.0.0/8]\nadmin:\n  password: s3cret\n")
	c, err := Load(path, vars{"BECKON_SERVER_ADDRESS": ":9", "BECKON_SERVER_MAX_MEMORY": "512MiB", "BECKON_DATABASE_URL": "postgres://u:s3cret@db:5/beckon?sslmode=x"}.get, nouns(nil))
	require.NoError(t, err)
	var lines []string
	for _, s := range c.Settings() {
		lines = append(lines, s.Key+" = "+s.Value+" ("+s.Origin.String()+")")
	}
	require.Equal(t, []string{
		"server.address = :9 (BECKON_SERVER_ADDRESS)",
		"server.publicURL = http://localhost:8080 (default)",
		"server.trustedProxies = ::1, 10.0.0.0/8 (" + path + ":3)",
		"server.proxyTimeout = 0s (default)", "server.maxBodyBytes = 2MiB (" + path + ":2)",
		"server.maxConcurrent = 1024 (default)",
		"server.maxQueued = 10000 (default)",
		"server.maxMemory = 512MiB (BECKON_SERVER_MAX_MEMORY)",
		"server.shutdownGrace = 30s (default)", "server.roles =  (default)", "server.timezone = UTC (default)", "server.budget =  (default)",
		"server.secretsKey =  (default)", "server.previousSecretsKey =  (default)",
		"database.url = postgres://db:5/beckon (BECKON_DATABASE_URL)",
		"database.readURL =  (default)",
		"database.maxConnections = 0 (default)",
		"admin.password = ••• (" + path + ":5)",
		"admin.token =  (default)", "admin.variables =  (default)", "admin.commands = true (default)",
		"log.level = info (default)",
		"log.format = text (default)",
		"egress.allowPrivate =  (default)", "egress.httpsOnly = true (default)", "egress.httpGet =  (default)", "egress.clientCert =  (default)", "egress.clientKey =  (default)", "egress.ca =  (default)",
		"retention.runs = 720h (default)",
		"retention.deliveries = 720h (default)",
		"retention.sessions = 720h (default)",
		"artifacts.url = data/artifacts (default)",
		"artifacts.maxBytes = 25MiB (default)",
		"artifacts.linkTTL = 168h (default)",
		"share.ttl = 720h (default)", "smtp.url =  (default)", "smtp.from =  (default)", "skills.path =  (default)",
	}, lines)

	// Of the memory it is said how much there is.
	for _, s := range load(t, "", nil).Settings() {
		if s.Key == "server.maxMemory" {
			require.Regexp(t, `^[1-9]\d*[MG]iB$`, s.Value)
			require.Equal(t, Origin{}, s.Origin)
		}
	}
}

func TestChanges(t *testing.T) {
	before := load(t, "", nil)
	apply, restart := Changes(before, load(t, "agents: []\nserver: {trustedProxies: []}\nlog: {level: info}", nil))
	require.Empty(t, apply)
	require.Empty(t, restart)

	apply, restart = Changes(before, load(t, `
server: {address: ":1", trustedProxies: ["::1"]}
database: {url: "sqlite:x"}
admin: {password: other}
log: {level: debug, format: json}
egress: {allowPrivate: [10.0.0.0/8]}
retention: {runs: 1h}
`, nil))
	require.Equal(t, []string{"log.level", "egress.allowPrivate", "retention.runs"}, apply)
	require.Equal(t, []string{"server.address", "server.trustedProxies", "database.url", "admin.password", "log.format"}, restart)
}
