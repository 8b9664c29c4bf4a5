package gateway

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"beckon/artifacts"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/doctor"
	"beckon/internal/memory"
	"beckon/internal/sealed"
)

// The limits beyond which a check warns.
const (
	leastFree      = 1 << 30 // bytes on the disk of the data
	leastFiles     = 4096
	certificateDue = 14 * 24 * time.Hour
	clockDrift     = 2 * time.Second
)

func configurationCheck(path string) doctor.Check {
	return doctor.Check{
		Name: "configuration",
		Look: func(ctx context.Context) doctor.Finding { return checkConfiguration(ctx, path) },
	}
}

func checkConfiguration(ctx context.Context, path string) doctor.Finding {
	v, err := Check(ctx, path, false)
	if err != nil {
		return doctor.Failed(err.Error(), "Correct it; `beckon config check` lists all that is wrong.")
	}
	for _, f := range v.Cautions() {
		return doctor.Caution(fmt.Sprintf("%s %q: %v", f.Section, f.ID, f.Fields.Err()),
			"Change it; `beckon config check` lists the rest.")
	}
	if path == "" {
		return doctor.Well("There is no file; the defaults and the database count.")
	}
	return doctor.Well("%s has no mistakes.", path)
}

func checkEnvironment(c *config.Config) doctor.Finding {
	unused := c.UnusedVariables(os.Environ())
	if len(unused) == 0 {
		return doctor.Well("Every BECKON_ variable sets something.")
	}
	says := make([]string, len(unused))
	for i, f := range unused {
		says[i] = fmt.Sprintf("%s %v", f.ID, f.Fields.Err())
	}
	return doctor.Caution(strings.Join(says, " "), "Correct their names, or remove them.")
}

func (in *installation) checkDatabase(ctx context.Context) doctor.Finding {
	if errors.Is(in.dbFailure, os.ErrNotExist) {
		return doctor.Well("There is none yet%s; the first start makes it. "+
			"If a gateway runs already, do this in its folder, or name its file with --config.", atPath(in.begun))
	}
	if in.dbFailure != nil {
		return doctor.Failed(in.dbFailure.Error(),
			"See whether database.url is right, the database runs, and its user may connect.")
	}
	s := in.db.store
	if err := s.Failing(); err != nil {
		return doctor.Failed(err.Error(),
			"docs/operating.md says what to do about each problem of the database.")
	}
	version, err := s.Schema(ctx)
	if err != nil {
		return doctor.Failed(err.Error(), "See whether its user may read and write the tables.")
	}
	pending, err := s.Pending(ctx)
	if err != nil {
		return doctor.Failed(err.Error(), "See whether its user may read and write the tables.")
	}
	if err := s.CheckWritable(ctx); err != nil {
		return doctor.Failed("It can be read, but takes no writes.", err.Error())
	}
	if len(pending) > 0 {
		return doctor.Caution(fmt.Sprintf("It is at version %d, and %d migrations are to be made.",
			version, len(pending)),
			"Make a backup (`beckon backup`); the next start migrates it.")
	}
	return doctor.Well("It can be read, and is at version %d.", version)
}

// atPath says where the file of a database is; empty for PostgreSQL.
func atPath(c *config.Config) string {
	path, isFile := strings.CutPrefix(c.Database.URL.Reveal(), "sqlite:")
	if whole, err := filepath.Abs(path); isFile && err == nil {
		return " at " + whole
	}
	return ""
}

func (in *installation) checkSecrets(ctx context.Context) doctor.Finding {
	c := in.begun
	if errors.Is(in.dbFailure, os.ErrNotExist) && c.Server.SecretsKey == "" {
		if _, isFile := secretsKeyFile(c); isFile {
			return doctor.Well("The first start makes the key.")
		}
	}
	v, err := in.view(ctx)
	if err != nil {
		return doctor.Failed(err.Error(), "Put the key back that sealed the secrets, or give them again.")
	}
	if w := v.Warnings(); len(w) > 0 {
		return doctor.Failed(fmt.Sprintf("%d resources of the database are not active; the first is %s %q: %v", len(w),
			w[0].Section, w[0].ID, w[0].Fields.Err()),
			"The page of each says what to change.")
	}
	if path, isFile := secretsKeyFile(c); isFile && c.Server.SecretsKey == "" {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			return doctor.Caution("Others than its owner may read "+path+".", "chmod 600 "+path)
		}
	}
	if c.Server.PreviousSecretsKey != "" {
		return in.checkRotation(ctx)
	}
	return doctor.Well("All stored secrets can be decrypted.")
}

// checkRotation looks how far a change of the secrets key has come.
func (in *installation) checkRotation(ctx context.Context) doctor.Finding {
	if in.db == nil {
		return doctor.Failed(in.dbFailure.Error(), "See what is said of the database.")
	}
	r, err := sealed.Reseal(ctx, in.db.store, in.db.sealer, true)
	switch {
	case err != nil:
		return doctor.Failed(err.Error(), "Set server.secretsKey.")
	case r.Changed > 0:
		return doctor.Caution(fmt.Sprintf("%d rows have secrets that the previous key has sealed.", r.Changed),
			"Run `beckon secrets rotate`.")
	}
	return doctor.Caution("Nothing needs the previous key any more.",
		"Remove server.previousSecretsKey.")
}

func checkDisk(c *config.Config) doctor.Finding {
	folders := []string{}
	if path, isFile := strings.CutPrefix(c.Database.URL.Reveal(), "sqlite:"); isFile {
		folders = append(folders, filepath.Dir(path))
	}
	if folder, isFolder := artifacts.Folder(c.ArtifactsURL()); isFolder {
		folders = append(folders, folder)
	}
	said := "No data is on this machine."
	for _, folder := range folders {
		existing := folder
		for {
			if _, err := os.Stat(existing); err == nil || existing == filepath.Dir(existing) {
				break
			}
			existing = filepath.Dir(existing)
		}
		free, err := freeBytes(existing)
		if err != nil {
			return doctor.Failed(err.Error(), "See whether the folder is there and may be read.")
		}
		if free < leastFree {
			return doctor.Caution(fmt.Sprintf("%s has %d MB left.", folder, free>>20),
				"Free some space, or shorten retention.runs and retention.deliveries.")
		}
		said = fmt.Sprintf("%s has %d GB left.", folder, free>>30)
	}
	return doctor.Well("%s", said)
}

func (in *installation) checkClock(ctx context.Context) doctor.Finding {
	if in.db == nil {
		return doctor.Finding{Status: doctor.Skipped, Says: "There is no database to compare with."}
	}
	s := in.db.store
	if !s.Shared() {
		return doctor.Well("It is %s; the database has the clock of this machine.",
			time.Now().UTC().Format(time.RFC3339))
	}
	begun := time.Now()
	now, err := s.ServerTime(ctx)
	if err != nil {
		return doctor.Finding{Status: doctor.Skipped, Says: "The database does not say what time it is."}
	}
	middle := begun.Add(time.Since(begun) / 2)
	if off := now.Sub(middle).Abs(); off > clockDrift {
		return doctor.Caution(fmt.Sprintf("This machine and the database differ by %s.", off.Round(time.Millisecond)),
			"Have both follow a time server (NTP): signatures and retries go by the clock.")
	}
	return doctor.Well("This machine and the database agree.")
}

func checkLimits(c *config.Config) doctor.Finding {
	if files, ok := openFilesLimit(); ok && files < leastFiles {
		return doctor.Caution(fmt.Sprintf("The process may have %d files open, half of which are for clients.", files),
			"Raise it: LimitNOFILE in the unit, or ulimit -n 65536.")
	}
	limit := c.Server.Memory()
	if limit < 256<<20 {
		return doctor.Caution(fmt.Sprintf("Beckon may use %d MB of memory, half of which are for bodies and answers.",
			limit>>20),
			"Give the container more, or set server.maxMemory.")
	}
	return doctor.Well("It may use %d MB of memory, of which %d MB are for bodies and answers.", limit>>20,
		memory.For(limit).Limit()>>20)
}

func checkPublicURL(c *config.Config, address string) doctor.Finding {
	public, err := url.Parse(c.Server.PublicURL)
	if err != nil {
		return doctor.Failed(err.Error(),
			"Set server.publicURL to how clients reach Beckon, such as https://beckon.example.com.")
	}
	_, port, _ := net.SplitHostPort(c.Server.Address)
	isLocal := public.Hostname() == "localhost" || net.ParseIP(public.Hostname()).IsLoopback()
	switch {
	case c.OriginOf("server.publicURL") == (config.Origin{}):
		return doctor.Well("server.publicURL is not set: the address is the one that Beckon listens on, %s.", address)
	case isLocal && public.Port() != port && len(c.Server.TrustedProxies) == 0:
		return doctor.Caution(fmt.Sprintf("server.publicURL is %s, and Beckon listens on port %s.", c.Server.PublicURL, port),
			"Set server.publicURL to how clients reach Beckon: links and snippets have it.")
	case !isLocal && public.Scheme == "http":
		return doctor.Caution("Clients send their tokens to "+c.Server.PublicURL+" unencrypted.",
			"Put a proxy with TLS in front: docs/proxy.md.")
	}
	return doctor.Well("Clients reach it at %s.", c.Server.PublicURL)
}

// linkChecks warns of messages for people whose links only this machine can open.
func linkChecks(v *catalog.View, c *config.Config, address string) []doctor.Check {
	isMessage := func(r catalog.Record[deliveries.Endpoint]) bool { return r.Item.IsDestination() }
	own, err := url.Parse(address)
	isLocal := err == nil && own.Hostname() == "localhost" && c.OriginOf("server.publicURL") == (config.Origin{})
	if !isLocal || !slices.ContainsFunc(catalog.Records[deliveries.Endpoint](v), isMessage) {
		return nil
	}
	return []doctor.Check{{Name: "links in messages", Look: func(context.Context) doctor.Finding {
		return doctor.Caution("Links in messages to Slack, email and others lead to localhost, "+
			"which others cannot open: server.publicURL is not set.",
			"Set server.publicURL to how others reach Beckon, such as https://beckon.example.com.")
	}}}
}

func checkCertificate(path string) doctor.Finding {
	if path == "" {
		return doctor.Well("No client certificate is configured.")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return doctor.Failed(err.Error(), "Put the file there that egress.clientCert names.")
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return doctor.Failed(path+" has no certificate in PEM.",
			"Put the certificate there that receivers ask for.")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return doctor.Failed(err.Error(), "Put a certificate there that can be read.")
	}
	return validity(certificate, "It")
}

// validity says for how long a certificate is good.
func validity(c *x509.Certificate, who string) doctor.Finding {
	switch left := time.Until(c.NotAfter); {
	case left < 0:
		return doctor.Failed(fmt.Sprintf("The certificate ended on %s.", c.NotAfter.Format(time.DateOnly)),
			"Renew it.")
	case left < certificateDue:
		return doctor.Caution(fmt.Sprintf("The certificate ends on %s.", c.NotAfter.Format(time.DateOnly)),
			"Renew it.")
	}
	return doctor.Well("%s is good until %s.", who, c.NotAfter.Format(time.DateOnly))
}
