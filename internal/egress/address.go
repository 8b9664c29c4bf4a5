package egress

import "net/netip"

// mappedBits is how much of an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) comes before the IPv4 address.
const mappedBits = 96

var (
	loopbackIPv4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopbackIPv6 = netip.IPv6Loopback()

	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052: how an IPv6-only network reaches IPv4
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/96") // RFC 8215, in the layout that keeps the IPv4 address at the end
	sixToFour  = netip.MustParsePrefix("2002::/16")      // RFC 3056
	compatible = netip.MustParsePrefix("::/96")          // RFC 4291, 2.5.5.1

	// unicast is all of IPv6 that IANA has given out for use on the Internet; the rest is for special purposes, or may be
	// one day: https://www.iana.org/assignments/ipv6-address-space
	unicast = netip.MustParsePrefix("2000::/3")
)

// specialNetworks are those that are not for everybody to reach, after IANA's registries of special-purpose addresses
// (https://www.iana.org/assignments/iana-ipv4-special-registry, …-ipv6-special-registry); the closest comes first. The
// few addresses inside them that are global are no place for a webhook, so nothing is excepted.
var specialNetworks = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "an address of this machine"}, // connecting to 0.0.0.0 reaches the loopback
	{netip.MustParsePrefix("10.0.0.0/8"), "an address of a private network"},
	{netip.MustParsePrefix("100.64.0.0/10"), "an address behind a provider's NAT"},
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
	{netip.MustParsePrefix("168.63.129.16/32"), "an address where a cloud keeps its metadata"}, // Azure's, in public space
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address, where clouds keep their metadata"},
	{netip.MustParsePrefix("172.16.0.0/12"), "an address of a private network"},
	{netip.MustParsePrefix("192.0.0.0/24"), "an address for special purposes"},
	{netip.MustParsePrefix("192.0.2.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("192.88.99.0/24"), "an address of a 6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "an address of a private network"},
	{netip.MustParsePrefix("198.18.0.0/15"), "an address for measurements"},
	{netip.MustParsePrefix("198.51.100.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("255.255.255.255/32"), "the broadcast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},

	{netip.MustParsePrefix("::/128"), "an address of this machine"},
	{netip.MustParsePrefix("::1/128"), "a loopback address"},
	{compatible, "an IPv4-compatible address, which nothing uses any more"},
	{netip.MustParsePrefix("100::/64"), "an address that discards what it gets"},
	{netip.MustParsePrefix("2001::/32"), "a Teredo address"},
	{netip.MustParsePrefix("2001:db8::/32"), "an address for documentation"},
	{netip.MustParsePrefix("2001::/23"), "an address for special purposes"}, // among them ORCHID, 2001:10::/28
	{sixToFour, "a 6to4 address"},
	{netip.MustParsePrefix("3fff::/20"), "an address for documentation"},
	{netip.MustParsePrefix("fc00::/7"), "an address of a private network"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("fec0::/10"), "an address of a private network"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
}

// special says what addr is when it is not a public address, and nothing when it is. addr is not IPv4-mapped.
func special(addr netip.Addr) string {
	// What is behind a translator is as public as the IPv4 address that it is translated to.
	if nat64.Contains(addr) || nat64Local.Contains(addr) {
		inside, _ := embedded(addr)
		if what := special(inside); what != "" {
			return "a translation of " + inside.String() + ", " + what
		}
		return ""
	}
	for _, n := range specialNetworks {
		if n.prefix.Contains(addr) {
			return n.what
		}
	}
	if addr.Is6() && !unicast.Contains(addr) {
		return "an address that is not in use on the Internet"
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
