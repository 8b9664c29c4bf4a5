package egress

import (
	"net/netip"

	"code.dny.dev/ssrf"
)

// mappedBits is how much of an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) comes before the IPv4 address.
const mappedBits = 96

var (
	loopbackIPv4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopbackIPv6 = netip.IPv6Loopback()

	nat64 = ssrf.IPv6NAT64Prefix // RFC 6052: how an IPv6-only network reaches IPv4
	// RFC 8215, in the layout that keeps the IPv4 address at the end
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/96")
	sixToFour  = netip.MustParsePrefix("2002::/16") // RFC 3056
	compatible = netip.MustParsePrefix("::/96")     // RFC 4291, 2.5.5.1

	thisNetwork   = netip.MustParsePrefix("0.0.0.0/8")     // connecting to 0.0.0.0 reaches the loopback
	carrierNAT    = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598
	azureMetadata = netip.AddrFrom4([4]byte{168, 63, 129, 16})
)

// special says what addr is when it is not a public address, and nothing when it is. addr is not IPv4-mapped. What is
// public is up to ssrf, whose networks are those of IANA's registries; the few addresses inside them that are global
// are no place for a webhook, so nothing is excepted. Networks that people come across have names here.
func special(addr netip.Addr) string {
	switch {
	case nat64.Contains(addr), nat64Local.Contains(addr):
		// What is behind a translator is as public as the IPv4 address that it is translated to.
		inside, _ := embedded(addr)
		if what := special(inside); what != "" {
			return "a translation of " + inside.String() + ", " + what
		}
		return ""
	case addr.IsUnspecified(), thisNetwork.Contains(addr):
		return "an address of this machine"
	case addr.IsLoopback():
		return "a loopback address"
	case addr.IsPrivate():
		return "an address of a private network"
	case carrierNAT.Contains(addr):
		return "an address behind a provider's NAT"
	case addr.IsLinkLocalUnicast():
		return "a link-local address, where clouds keep their metadata"
	case addr == azureMetadata: // in public space
		return "an address where a cloud keeps its metadata"
	case addr.IsMulticast():
		return "a multicast address"
	case compatible.Contains(addr):
		return "an IPv4-compatible address, which nothing uses any more"
	case sixToFour.Contains(addr):
		return "a 6to4 address"
	case addr.Is6() && !ssrf.IPv6GlobalUnicast.Contains(addr):
		return "an address that is not in use on the Internet"
	}
	networks := ssrf.IPv4DeniedPrefixes
	if addr.Is6() {
		networks = ssrf.IPv6DeniedPrefixes
	}
	for _, network := range networks {
		if network.Contains(addr) {
			return "reserved for special purposes, like all of " + network.String()
		}
	}
	return ""
}

// embedded returns the IPv4 address that an IPv6 address stands for. A Teredo address has two, neither of which is
// where the packets go first, so it has none here.
func embedded(addr netip.Addr) (inside netip.Addr, ok bool) {
	bytes := addr.As16()
	switch {
	case !addr.Is6(), addr == loopbackIPv6, addr.IsUnspecified():
		return inside, false
	case nat64.Contains(addr), nat64Local.Contains(addr), compatible.Contains(addr):
		return netip.AddrFrom4([4]byte(bytes[12:])), true
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(bytes[2:6])), true
	}
	return inside, false
}
