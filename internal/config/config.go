// Package config reads, watches and exports the configuration file. It knows the settings; the resources that a file
// declares are the business of the nouns in a catalog.Registry.
package config

import (
	"cmp"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"beckon/internal/catalog"
	"beckon/internal/cron"
	"beckon/internal/egress"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/skills"
	"beckon/internal/spend"
	"beckon/internal/units"
)

// Config is one configuration file with the environment laid over it. It never changes; a reload makes a new one.
type Config struct {
	Server    Server    `yaml:"server"`
	Database  Database  `yaml:"database"`
	Admin     Admin     `yaml:"admin"`
	Log       Log       `yaml:"log"`
	Egress    Egress    `yaml:"egress"`
	Retention Retention `yaml:"retention"`
	Artifacts Artifacts `yaml:"artifacts"`
	Share     Share     `yaml:"share"`
	SMTP      SMTP      `yaml:"smtp"`
	Skills    Skills    `yaml:"skills"`
	// Prices are those of models that differ from the shipped ones.
	Prices []spend.Price `yaml:"prices"`

	nouns    *catalog.Registry
	declared map[string]reflect.Value // by section, the resources as a slice of their type

	file    string            // as the user named it; empty without one
	hash    string            // of the file's content
	tree    *document         // nil without a file
	lines   map[string]int    // by path: "clients[0].allowedAgents[1]"
	sources map[string]Origin // by path, for the scalars that are not at their default
	asked   map[string]bool   // the variables that were read, whether they are set or not
	hidden  secret.Redactor   // what no message may show: see findings
	tls     *egress.TLS       // what the files of Egress hold
	skills  *skills.Library
	print   string // of the folder of skills when it was read
}

// Server says how the gateway listens and what it bears.
type Server struct {
	Address string `yaml:"address"`
	// how the outside reaches it, without a slash at the end
	PublicURL string `yaml:"publicURL"`
	// addresses or CIDRs whose X-Forwarded-For counts
	TrustedProxies []string `yaml:"trustedProxies"`
	// after which a proxy in front cuts a connection in which nothing happens; 0: none does
	ProxyTimeout units.Duration `yaml:"proxyTimeout"`
	MaxBodyBytes units.Bytes    `yaml:"maxBodyBytes"`
	// calls at the same time, of all clients together
	MaxConcurrent int `yaml:"maxConcurrent"`
	// runs that wait in the queue, of all clients together
	MaxQueued int `yaml:"maxQueued"`
	// what the process may use; 0 is half of what there is
	MaxMemory     units.Bytes    `yaml:"maxMemory"`
	ShutdownGrace units.Duration `yaml:"shutdownGrace"`
	// what this gateway does, such as RoleAPI; empty is everything
	Roles []string `yaml:"roles"`
	// of schedules that name none and of budgets, such as Europe/Berlin
	Timezone string `yaml:"timezone"`
	// of all requests to models together
	Budget spend.Budget `yaml:"budget"`
	// empty: made at first start, beside the database
	SecretsKey secret.String `yaml:"secretsKey"`
	// PreviousSecretsKey opens what was sealed before SecretsKey was changed, until `beckon secrets rotate` has
	// sealed all of it anew.
	PreviousSecretsKey secret.String `yaml:"previousSecretsKey"`
}

// What a gateway does, where several share the work on PostgreSQL.
const (
	// answers calls, the API and the pages; runs whose callers wait are worked on where they arrive
	RoleAPI        = "api"
	RoleWorker     = "worker"     // works on queued runs
	RoleDeliveries = "deliveries" // sends events
	RoleSchedules  = "schedules"  // starts scheduled runs, and reports clients that no longer call
)

var roles = []string{RoleAPI, RoleWorker, RoleDeliveries, RoleSchedules}

// Has reports whether this gateway has a role.
func (s Server) Has(role string) bool { return len(s.Roles) == 0 || slices.Contains(s.Roles, role) }

// Zone returns the time zone of schedules that name none, and of budgets.
func (s Server) Zone() *time.Location {
	zone, err := cron.Zone(s.Timezone)
	if err != nil { // it was checked when it was loaded
		return time.UTC
	}
	return zone
}

// Memory returns how many bytes of memory the process may use.
func (s Server) Memory() int64 { return cmp.Or(int64(s.MaxMemory), memory.Default()) }

// Database says where the data lives: sqlite:PATH or postgres://…, which may hold a password.
type Database struct {
	URL secret.String `yaml:"url"`
	// of a read replica of PostgreSQL, for lists and statistics; empty for none
	ReadURL        secret.String `yaml:"readURL"`
	MaxConnections int           `yaml:"maxConnections"` // to PostgreSQL; 0: by the number of processors
}

// Shown returns the URL without what may be a secret.
func (d Database) Shown() string {
	if d.isFile() {
		return d.URL.Reveal()
	}
	return shownURL(d.URL)
}

// shownURL is the URL of a database without what may be a secret.
func shownURL(of secret.String) string {
	u, err := url.Parse(of.Reveal())
	if err != nil {
		return secret.Mask
	}
	return u.Scheme + "://" + u.Host + u.Path
}

func (d Database) isFile() bool { return strings.HasPrefix(d.URL.Reveal(), "sqlite:") }

// Admin is the way in for the administrator.
type Admin struct {
	Password  secret.String `yaml:"password"`  // empty: one is made at first start
	Token     secret.String `yaml:"token"`     // empty: the admin API takes the page's session only
	Variables []string      `yaml:"variables"` // the environment variables that page and API may refer to as ${NAME}
	Commands  bool          `yaml:"commands"`  // page and API may set the command of a tool server
}

// Log says what is logged (debug, info, warn, error) and how (text, json).
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// Egress says where events may go, and how receivers are met over TLS.
type Egress struct {
	AllowPrivate []string `yaml:"allowPrivate"` // CIDRs of private networks
	HTTPSOnly    bool     `yaml:"httpsOnly"`    // events go over https, but for those networks
	// the URLs that agents may get by the tool http.get: see egress.ParseAllowed
	HTTPGet    []string `yaml:"httpGet"`
	ClientCert string   `yaml:"clientCert"` // the path of a file, as that of the following
	ClientKey  string   `yaml:"clientKey"`
	CA         string   `yaml:"ca"`
}

// Retention says how long what has ended is kept.
type Retention struct {
	Runs       units.Duration `yaml:"runs"`
	Deliveries units.Duration `yaml:"deliveries"`
	Sessions   units.Duration `yaml:"sessions"` // of agents whose session has no ttl
}

// Artifacts says where the files are that runs make, and how long the links to them open.
type Artifacts struct {
	// the path of a folder, or the URL of a bucket; empty: a folder beside the database
	URL      string         `yaml:"url"`
	MaxBytes units.Bytes    `yaml:"maxBytes"`
	LinkTTL  units.Duration `yaml:"linkTTL"`
}

// ArtifactsURL returns where the files are that runs make. Where nothing is said, that is the folder artifacts:
// beside the file of SQLite, or where that would be.
func (c *Config) ArtifactsURL() string {
	database := DefaultDatabase
	if c.Database.isFile() {
		database = c.Database.URL.Reveal()
	}
	return cmp.Or(c.Artifacts.URL, filepath.Join(filepath.Dir(strings.TrimPrefix(database, "sqlite:")), "artifacts"))
}

// Share says how long the links to pages for recipients open.
type Share struct {
	TTL units.Duration `yaml:"ttl"`
}

// SMTP is the server that mails are handed to; see mail.New.
type SMTP struct {
	URL  secret.String `yaml:"url"` // it may hold a password
	From string        `yaml:"from"`
}

// DefaultDatabase is where the data lives when nothing is said.
const DefaultDatabase = "sqlite:data/beckon.db"

func defaults(nouns *catalog.Registry) *Config {
	const month = 720 * time.Hour
	c := &Config{
		Server: Server{
			Address:       "localhost:8080",
			PublicURL:     "http://localhost:8080",
			MaxBodyBytes:  1 << 20,
			MaxConcurrent: 1024,
			MaxQueued:     10_000,
			ShutdownGrace: units.Duration(30 * time.Second),
			Timezone:      "UTC",
		},
		Database: Database{URL: DefaultDatabase},
		Admin:    Admin{Commands: true},
		Egress:   Egress{HTTPSOnly: true},
		Log:      Log{Level: "info", Format: "text"},
		Retention: Retention{
			Runs:       units.Duration(month),
			Deliveries: units.Duration(month),
			Sessions:   units.Duration(month),
		},
		Artifacts: Artifacts{MaxBytes: 25 << 20, LinkTTL: units.Duration(168 * time.Hour)},
		Share:     Share{TTL: units.Duration(month)},
		nouns:     nouns,
		declared:  map[string]reflect.Value{},
		lines:     map[string]int{},
		sources:   map[string]Origin{},
	}
	for _, kind := range nouns.Kinds() {
		c.declared[kind.Section] = reflect.New(reflect.SliceOf(kind.Type)).Elem()
	}
	return c
}

// File returns the path the configuration was read from; empty without a file.
func (c *Config) File() string { return c.file }

// Items returns the resources of a section in their order.
func (c *Config) Items(section string) []catalog.Resource {
	list := c.declared[section]
	items := make([]catalog.Resource, list.Len())
	for i := range items {
		items[i] = list.Index(i).Interface().(catalog.Resource)
	}
	return items
}

// Line returns the line of a path such as "clients[0].token", or of what it is within; 0 where there is none.
func (c *Config) Line(path string) int {
	for path != "" && c.lines[path] == 0 {
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return c.lines[path]
}

// Networks returns the private networks that may be reached.
func (c *Config) Networks() []netip.Prefix { return c.Egress.Networks() }

// HTTPSOnly reports whether events may go over http to those networks alone.
func (c *Config) HTTPSOnly() bool { return c.Egress.HTTPSOnly }

// Variables returns those of the environment that resources of the database may name.
func (c *Config) Variables() []string { return c.Admin.Variables }

// Commands reports whether resources of the database may name programs to start.
func (c *Config) Commands() bool { return c.Admin.Commands }

// HTTPGet returns the URLs that the tool http.get may get. It is none where Load has refused one.
func (c *Config) HTTPGet() egress.Allowed {
	allowed, _, _ := egress.ParseAllowed(c.Egress.HTTPGet)
	return allowed
}

// Redactor holds the secrets of the file and of the variables that it names.
func (c *Config) Redactor() secret.Redactor { return c.hidden }

// Err is an *Error with the lines of mistakes; nil for none.
func (c *Config) Err(mistakes problem.Fields) error {
	found := newFindings(c.file)
	found.hidden = c.hidden
	c.report(found, mistakes)
	return found.err()
}

// report notes mistakes of resources.
func (c *Config) report(found *findings, mistakes problem.Fields) {
	for _, f := range mistakes {
		c.wrong(found, f.Path, "%s", f.Message)
	}
}
