package egress

import (
	"fmt"
	"net/netip"
)

// Guard decides where webhooks may go: to public addresses, and to the private ones that the configuration lists. It
// is asked about a URL when one is registered and before each exchange, and about the address itself when a
// connection is made; that last word is the one that counts, because a name may mean something else at each look-up.
type Guard struct {
	allow     func() []netip.Prefix
	httpsOnly func() bool // nil is never
}

// NewGuard returns a guard that lets requests go to the networks of allow besides public addresses. allow is asked
// each time, because the configuration may be reloaded; it must be cheap.
func NewGuard(allow func() []netip.Prefix) *Guard {
	return &Guard{allow: allow}
}

// Refused says why nothing may be sent to a URL or an address. Its text is for a person: what is wrong and what to do.
// It never holds the URL's credentials, path or query.
type Refused struct {
	host   string // the name or address that is refused; empty when the URL is wrong in itself
	reason string // goes on after the host, or after "The URL"
}

// Error implements error. It fits behind the name of a field: "url: must begin with https:// or http://".
func (r *Refused) Error() string {
	if r.host == "" {
		return r.reason
	}
	return r.host + " " + r.reason
}

func refuse(host, format string, args ...any) *Refused {
	return &Refused{host: host, reason: fmt.Sprintf(format, args...)}
}

// CheckURL finds out whether a URL that is given may be used, as far as that can be said without a look-up. The
// error is a *Refused.
func (g *Guard) CheckURL(raw string) error {
	if err := g.CheckHost(raw); err != nil {
		return err
	}
	return g.CheckPlain(raw)
}

// CheckHost is CheckURL for a URL that was given earlier: it does not say whether http may be used.
func (g *Guard) CheckHost(raw string) error {
	t, err := readTarget(raw)
	switch {
	case err != nil:
		return err
	case t.addr.IsValid():
		return g.CheckAddress(netip.AddrPortFrom(t.addr, t.port))
	case t.isLocalhost() && !g.allows(loopbackIPv4) && !g.allows(loopbackIPv6):
		return refuse(t.host,
			"is a name of this machine; to allow it, list 127.0.0.1/32 or ::1/128 in egress.allowPrivate")
	}
	return nil
}

// CheckAddress finds out whether a connection may be made to an address. The error is a *Refused.
func (g *Guard) CheckAddress(to netip.AddrPort) error {
	addr := to.Addr()
	switch {
	case !addr.IsValid():
		return refuse("", "leads to something that is not an address")
	case addr.Zone() != "":
		return refuse(addr.WithZone("").String(),
			"comes with a zone, which is of use on this machine only; leave it away")
	case !portIsOpen(to.Port()):
		return refuse("", "%s", wrongPort)
	}
	plain := addr.Unmap()
	what := special(plain)
	if what == "" || g.allows(plain) {
		return nil
	}
	return refuse(addr.String(),
		"is %s; to allow it, list %s in egress.allowPrivate", what, netip.PrefixFrom(plain, plain.BitLen()))
}

// allows reports whether the configuration lists a network that has addr, or the IPv4 address inside it.
func (g *Guard) allows(addr netip.Addr) bool {
	if g.allow == nil {
		return false
	}
	inside, _ := embedded(addr)
	for _, listed := range g.allow() {
		if a := listed.Addr(); a.Is4In6() && listed.Bits() >= mappedBits {
			listed = netip.PrefixFrom(a.Unmap(), listed.Bits()-mappedBits)
		}
		if listed.Contains(addr) || listed.Contains(inside) {
			return true
		}
	}
	return false
}
