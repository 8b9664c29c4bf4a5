package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Catalog is all that works at one moment: the resources of the file and of the database, without those that are
// broken. It never changes; a reload makes a new one.
type Catalog struct {
	Resources                   // the file's first, then the database's, each in its order
	Set       *agents.Set       // everything that can be invoked
	Warnings  []problem.Finding // what was left out of the database's resources, and why

	fromFile map[resourceKey]bool
	stored   Resources // the database's part as it was given, for Export
}

type resourceKey struct{ section, id string }

// The origins of a resource, as the API says them in "managedBy".
const (
	FromConfig   = "config"
	FromDatabase = "database"
)

// Origin returns FromConfig or FromDatabase.
func (c *Catalog) Origin(section, id string) string {
	if c.fromFile[resourceKey{section, id}] {
		return FromConfig
	}
	return FromDatabase
}

// Catalog joins the file's resources with the database's, and builds what can be invoked. What is wrong with the
// file's comes as an *Error. What is wrong with the database's is a warning: it is left out with all that depends on
// it, and the rest works. Where both have a resource of the same id, the file's wins.
func (c *Config) Catalog(how agents.Factories, env Env, database Resources) (*Catalog, error) {
	found := newFindings(c.file)
	found.hidden = maps.Clone(c.hidden)
	catalog := c.build(how, env, database, found).catalog
	if err := found.err(); err != nil {
		return nil, err
	}
	return catalog, nil
}

func (c *Config) build(how agents.Factories, env Env, database Resources, found *findings) *builder {
	b := &builder{config: c, found: found, bad: map[resourceKey]bool{}, seen: map[resourceKey]bool{},
		catalog: &Catalog{fromFile: map[resourceKey]bool{}}}
	b.join(database)
	b.resolveKeys(env)

	r := &b.catalog.Resources
	var broken []problem.Finding
	b.catalog.Set, broken = agents.NewSet(how, r.Providers, r.Agents, r.Flows)
	for _, f := range broken {
		b.report(f.Section, f.ID, f.Fields)
	}
	b.checkReferences()
	b.leaveOutBad()
	clean := found.hidden.Cleaner()
	for _, w := range b.catalog.Warnings {
		for i := range w.Fields {
			w.Fields[i].Message = clean(w.Fields[i].Message)
		}
	}
	return b
}

type builder struct {
	config  *Config
	found   *findings
	catalog *Catalog
	bad     map[resourceKey]bool
	seen    map[resourceKey]bool // in the database

	commandAgent map[string]string // what the usable commands run on
}

// report notes what is wrong with a resource: a mistake when it is the file's, else a warning.
func (b *builder) report(section, id string, fields problem.Fields) {
	if len(fields) == 0 {
		return
	}
	key := resourceKey{section, id}
	b.bad[key] = true
	if b.catalog.fromFile[key] {
		at := b.config.pathOf(section, id)
		for _, f := range fields {
			b.config.wrong(b.found, joinField(at, f.Path), "%s", f.Message)
		}
		return
	}
	b.warn(section, id, fields)
}

// warn adds to the resource's warnings what they don't say yet.
func (b *builder) warn(section, id string, fields problem.Fields) {
	list := &b.catalog.Warnings
	i := slices.IndexFunc(*list, func(f problem.Finding) bool { return f.Section == section && f.ID == id })
	if i < 0 {
		i = len(*list)
		*list = append(*list, problem.Finding{Section: section, ID: id})
	}
	for _, f := range fields {
		if !slices.Contains((*list)[i].Fields, f) {
			(*list)[i].Fields = append((*list)[i].Fields, f)
		}
	}
}

// pathOf returns "agents[3]" for the file's agent of that id.
func (c *Config) pathOf(section, id string) string {
	var i int
	switch section {
	case agents.SectionProviders:
		i = indexOf(c.Providers, id)
	case agents.SectionAgents:
		i = indexOf(c.Agents, id)
	case agents.SectionFlows:
		i = indexOf(c.Flows, id)
	case SectionCommands:
		i = indexOf(c.Commands, id)
	case SectionClients:
		i = indexOf(c.Clients, id)
	case SectionEndpoints:
		i = indexOf(c.Endpoints, id)
	}
	return fmt.Sprintf("%s[%d]", section, i)
}

func indexOf[T noun](list []T, id string) int {
	return slices.IndexFunc(list, func(item T) bool { return item.Key() == id })
}

// keyReference is the only thing that is looked up in the environment for a resource of the database: who may edit
// resources on the page must not be able to read other variables by it.
var keyReference = regexp.MustCompile(`^\$\{([A-Z0-9_]+_API_KEY)\}$`)

// resolveKeys replaces the database's ${OPENAI_API_KEY} by what the variable says.
func (b *builder) resolveKeys(env Env) {
	providers := b.catalog.Providers
	for i, p := range providers {
		m := keyReference.FindStringSubmatch(p.APIKey.Reveal())
		if m == nil || b.catalog.fromFile[resourceKey{agents.SectionProviders, p.ID}] {
			continue
		}
		value, _ := env(m[1])
		b.found.hidden.Hide(value, secret.Mask)
		if value == "" {
			var fields problem.Fields
			fields.Add("apiKey", "the variable %s is not set", m[1])
			b.report(agents.SectionProviders, p.ID, fields)
		}
		providers[i].APIKey = secret.String(value)
	}
	b.catalog.Providers = slices.DeleteFunc(providers, func(p agents.Provider) bool {
		return b.bad[resourceKey{agents.SectionProviders, p.ID}]
	})
}
