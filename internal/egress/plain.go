package egress

import (
	"context"
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// HTTPSOnly has the guard refuse http:// URLs wherever they lead to addresses that are not listed as private, as
// long as only says so. It returns the guard, which is not in use yet.
func (g *Guard) HTTPSOnly(only func() bool) *Guard {
	g.httpsOnly = only
	return g
}

const useHTTPS = "is reached over http, where everybody on the way can read and change what is sent; use https://, " +
	"or list its network in egress.allowPrivate if it is private (egress.httpsOnly: false allows http anywhere)"

// CheckPlain finds out whether http may be used for a URL, as far as that can be said without a look-up: not for a
// public address, nor for a name on the Internet. What another name leads to is looked at when it is dialled. The
// error is a *Refused.
func (g *Guard) CheckPlain(raw string) error {
	t, err := readTarget(raw)
	if err != nil || !isPlain(raw) || !g.needsHTTPS() {
		return err
	}
	switch {
	case t.addr.IsValid():
		return g.checkPlainAddress(t.addr)
	case t.isLocalhost(), g.allow != nil && len(g.allow()) > 0 && !t.isPublicName():
		return nil
	}
	return refuse(t.host, "%s", useHTTPS)
}

func (g *Guard) needsHTTPS() bool { return g.httpsOnly != nil && g.httpsOnly() }

// checkPlainAddress finds out whether a connection without TLS may be made to an address.
func (g *Guard) checkPlainAddress(addr netip.Addr) error {
	if !g.needsHTTPS() || g.allows(addr.Unmap()) {
		return nil
	}
	return refuse(addr.String(), "%s", useHTTPS)
}

// isPublicName reports whether the host is a name below a domain that a registry on the Internet gives names in.
// The others are those of a network: "receiver", "hooks.internal", "svc.cluster.local".
func (t target) isPublicName() bool {
	_, icann := publicsuffix.PublicSuffix(t.host)
	return icann
}

// isPlain reports whether a URL, which has been checked, is without TLS.
func isPlain(raw string) bool { return len(raw) >= 5 && strings.EqualFold(raw[:5], "http:") }

type plainKey struct{}

// withPlain says to whom dials that the connection will be without TLS.
func withPlain(ctx context.Context) context.Context { return context.WithValue(ctx, plainKey{}, true) }

func plainIn(ctx context.Context) bool {
	plain, _ := ctx.Value(plainKey{}).(bool)
	return plain
}

type keptKey struct{}

// WithKeptURL says that the URL of an exchange was given when http was allowed, or by an earlier version: it goes
// on as it is.
func WithKeptURL(ctx context.Context) context.Context { return context.WithValue(ctx, keptKey{}, true) }

// checkExchange is CheckPlain for an exchange. plain says that each address which is dialled has to be looked at.
func (g *Guard) checkExchange(ctx context.Context, url string) (plain bool, err error) {
	if !isPlain(url) {
		return false, nil
	}
	err = g.CheckPlain(url)
	if kept, _ := ctx.Value(keptKey{}).(bool); kept && err != nil {
		return false, nil
	}
	return true, err
}
