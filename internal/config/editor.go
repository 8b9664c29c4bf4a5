package config

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/gorm"

	"beckon/agents"
	"beckon/clients"
	"beckon/commands"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

// maxTries is how often a change is begun anew because another one was faster.
const maxTries = 10

// EditorConfig is what an Editor works on.
type EditorConfig struct {
	Store     *store.Store
	Config    func() *Config // in force
	How       agents.Factories
	Env       Env
	Providers *catalog.Documents[agents.Provider]
	Agents    *catalog.Documents[agents.Agent]
	Flows     *catalog.Documents[agents.Flow]
	Commands  *catalog.Documents[commands.Command]
	Clients   *clients.Storage
	Endpoints *deliveries.Registry
	// Changed is told of every change, to put it in force before its author hears of it; nil for nobody.
	Changed func(context.Context)
}

// Editor is the one way in which people change what they name: REST, the page and the command line call it. A change is
// checked as a whole, against the file and against everything else, and commits together with its audit entry. What the
// file declares is a Conflict "managed_by_config".
type Editor struct {
	Providers *Section[agents.Provider]
	Agents    *Section[agents.Agent]
	Flows     *Section[agents.Flow]
	Commands  *Section[commands.Command]
	Clients   *Section[clients.Client]
	Endpoints *Section[deliveries.Endpoint]

	made     EditorConfig
	sections []loader
	known    atomic.Pointer[known]
}

// loader fills its section of what the database has.
type loader interface {
	load(ctx context.Context, into *Resources) error
}

// NewEditor returns an editor of the resources in a database.
func NewEditor(made EditorConfig) *Editor {
	e := &Editor{made: made}
	e.addSections()
	e.sections = []loader{e.Providers, e.Agents, e.Flows, e.Commands, e.Clients, e.Endpoints}
	return e
}

// change is something that a person wants to be different.
type change struct {
	who, action string
	key         resourceKey
	// plan edits what the database has, without writing it, and returns the resource before and after.
	plan  func(c *Config, planned *Resources) (before, after any, err error)
	wrong problem.Fields                                    // what was found wrong when it was read: it is not made, and the rest is found as well
	check func(c *Config, planned Resources) problem.Fields // what only this noun knows; nil for nothing
	rest  func(b *builder) problem.Fields                   // what mistakes have kept from being looked at; nil for nothing
	write func(tx *gorm.DB) error
}

// apply makes a change, unless it would break something.
func (e *Editor) apply(ctx context.Context, c change) error {
	for range maxTries {
		done, err := e.try(ctx, c)
		if err != nil {
			return err
		}
		if done {
			e.changed(ctx)
			return nil
		}
	}
	return problem.New(problem.Unavailable, "busy", "Others are changing the configuration at the same time. Try again in a moment.")
}

// try is not done when something else was changed between the check and the write.
func (e *Editor) try(ctx context.Context, c change) (done bool, err error) {
	revision, err := catalog.Revision(ctx, e.made.Store)
	if err != nil {
		return false, err
	}
	stored, err := e.stored(ctx)
	if err != nil {
		return false, err
	}
	inForce, planned := e.made.Config(), stored
	before, after, err := c.plan(inForce, &planned)
	if err != nil {
		return false, err
	}
	if err := e.judge(inForce, stored, planned, c); err != nil {
		return false, err
	}
	err = e.made.Store.Write(ctx, func(tx *gorm.DB) (err error) {
		if done, err = catalog.TouchAt(tx, revision); err != nil || !done {
			return err
		}
		if err := c.write(tx); err != nil {
			return err
		}
		return e.audit(tx, c.who, c.action, c.key, before, after)
	})
	return done && err == nil, err
}

func (e *Editor) changed(ctx context.Context) {
	if e.made.Changed != nil {
		e.made.Changed(ctx)
	}
}

func (e *Editor) stored(ctx context.Context) (r Resources, err error) {
	for _, s := range e.sections {
		if err := s.load(ctx, &r); err != nil {
			return r, err
		}
	}
	return r, nil
}

// AuditEntries returns a page of what was changed; see catalog.AuditEntries.
func (e *Editor) AuditEntries(ctx context.Context, q catalog.AuditQuery) ([]catalog.AuditEntry, string, error) {
	return catalog.AuditEntries(ctx, e.made.Store, q)
}

// Note writes an entry about something that is no change of a resource, such as a delivery that was sent again.
func (e *Editor) Note(ctx context.Context, who, action, section, id string, what any) error {
	return e.made.Store.Write(ctx, func(tx *gorm.DB) error {
		return e.audit(tx, who, action, resourceKey{section, id}, nil, what)
	})
}

func (e *Editor) audit(tx *gorm.DB, who, action string, key resourceKey, before, after any) error {
	before, after = asShown(before, after)
	known := map[secret.String]bool{}
	was, err := masked(before, func(s secret.String) string {
		known[s] = true
		return s.String()
	})
	if err != nil {
		return err
	}
	is, err := masked(after, func(s secret.String) string {
		if before != nil && !known[s] {
			return s.String() + " (new)" // else nobody would see that it has changed
		}
		return s.String()
	})
	if err != nil {
		return err
	}
	return catalog.Audit(tx, catalog.AuditEntry{Who: who, Action: action, Section: key.section, ResourceID: key.id, Before: was, After: is})
}

// asShown returns a resource before and after a change as the list may have them, beside its secrets.
func asShown(before, after any) (was, is any) {
	kept := ""
	show := func(item any) any {
		switch r := item.(type) {
		case agents.Provider:
			r.URL, kept = shownURL(kept, r.URL), r.URL
			return r
		case deliveries.Endpoint:
			r.URL, kept = shownURL(kept, r.URL), r.URL
			if enabled := false; r.Stopped {
				r.Enabled = &enabled
			}
			return r
		}
		return item
	}
	was = show(before)
	return was, show(after)
}

// shownURL marks a URL of which only what is masked has changed.
func shownURL(before, after string) string {
	shown := secret.ShownURL(after)
	if before != "" && before != after && secret.ShownURL(before) == shown {
		return shown + " (new)"
	}
	return shown
}

func masked(item any, show func(secret.String) string) (json.RawMessage, error) {
	if item == nil {
		return nil, nil
	}
	document, err := jsonv2.Marshal(item, jsonv2.Deterministic(true), jsonv2.WithMarshalers(jsonv2.MarshalToFunc(func(enc *jsontext.Encoder, s secret.String) error {
		if s == "" {
			return enc.WriteToken(jsontext.String(""))
		}
		return enc.WriteToken(jsontext.String(show(s)))
	})))
	if err != nil {
		return nil, fmt.Errorf("write a resource for the audit list: %w", err)
	}
	return json.RawMessage(document), nil
}
