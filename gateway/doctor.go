package gateway

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/doctor"
)

const (
	// openTimeout is how long the database may take to be opened, and to be read.
	openTimeout = 10 * time.Second
	// examineTimeout is how long all checks may take together that a page waits for.
	examineTimeout = 25 * time.Second
)

// installation is what the checks look at. That of a command has opened the database for itself; that of a gateway
// has the database that the gateway works on, because a process must not open a SQLite file twice.
type installation struct {
	path      string         // of the configuration file; empty for none
	begun     *config.Config // the settings that the process began with
	current   *config.Config // the latest, of which some need a restart
	address   string         // where it listens, for people
	db        *database      // nil where dbFailure says why
	dbFailure error
	view      func(ctx context.Context) (*catalog.View, error) // all resources, with why some are not in force
}

// Checks are what `beckon doctor` looks at: the file at path, all that it names, and the machine. Nothing is
// changed. done closes what they look at.
func Checks(ctx context.Context, path string) (list []doctor.Check, done func()) {
	c, err := Load(path)
	if err != nil {
		return []doctor.Check{configurationCheck(path)}, func() {} // which says what is wrong
	}
	in := openInstallation(ctx, c)
	return in.checks(ctx), in.close
}

// openInstallation opens the database of a configuration as it is: it is not migrated, and not made.
func openInstallation(ctx context.Context, c *config.Config) *installation {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	in := &installation{path: c.File(), begun: c, current: c, address: c.Server.Address}
	in.db, in.dbFailure = openAsIs(ctx, c)
	in.view = in.viewAsIs
	return in
}

func (in *installation) close() {
	if in.db != nil {
		in.db.close()
	}
}

// viewAsIs joins the configuration with the database; without one, or with one that is to be migrated, it is the
// file alone.
func (in *installation) viewAsIs(ctx context.Context) (*catalog.View, error) {
	alone := allNouns(silent, nil, nil)
	if in.dbFailure != nil {
		if errors.Is(in.dbFailure, os.ErrNotExist) {
			return alone.View(in.begun), nil
		}
		return nil, in.dbFailure
	}
	switch pending, err := in.db.store.Pending(ctx); {
	case err != nil:
		return nil, err
	case len(pending) > 0:
		return alone.View(in.begun), nil
	}
	return in.db.newEditor(nil, nil, nil).Join(ctx, in.begun)
}

// examine runs the checks of a gateway that works.
func (g *Gateway) examine(ctx context.Context, network bool) (found []doctor.Finding) {
	ctx, cancel := context.WithTimeout(ctx, examineTimeout)
	defer cancel()
	in := &installation{
		path:    g.file().File(),
		begun:   g.Initial,
		current: g.file(),
		address: g.publicURL(),
		db:      g.database,
		view:    g.editor.View,
	}
	doctor.Examine(ctx, in.checks(ctx), network, func(f doctor.Finding) { found = append(found, f) })
	return found
}

func (in *installation) checks(ctx context.Context) []doctor.Check {
	list := []doctor.Check{
		configurationCheck(in.path),
		{Name: "environment", Look: func(context.Context) doctor.Finding { return checkEnvironment(in.begun) }},
		{Name: "database", Look: in.checkDatabase},
		{Name: "secrets", Look: in.checkSecrets},
		{Name: "disk", Look: func(context.Context) doctor.Finding { return checkDisk(in.begun) }},
		{Name: "clock", Look: in.checkClock},
		{Name: "limits", Look: func(context.Context) doctor.Finding { return checkLimits(in.begun) }},
		{Name: "public URL", Look: func(context.Context) doctor.Finding { return checkPublicURL(in.begun, in.address) }},
		{Name: "certificate", Look: func(context.Context) doctor.Finding { return checkCertificate(in.current.Egress.ClientCert) }},
	}
	within, cancel := context.WithTimeout(ctx, openTimeout) // which leaves time for the checks
	defer cancel()
	v, err := in.view(within)
	if err != nil {
		return list // the check of the database says why
	}
	list = append(list, linkChecks(v, in.begun, in.address)...)
	return slices.Concat(list, providerChecks(v), endpointChecks(v, in.current))
}
