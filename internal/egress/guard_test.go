package egress_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/egress"
)

// guardOf returns a guard that allows networks, given as CIDRs.
func guardOf(networks ...string) *egress.Guard {
	var list []netip.Prefix
	for _, n := range networks {
		list = append(list, netip.MustParsePrefix(n))
	}
	return egress.NewGuard(func() []netip.Prefix { return list })
}

func requireRefused(t *testing.T, err error, parts ...string) {
	t.Helper()
	var refused *egress.Refused
	require.ErrorAs(t, err, &refused)
	for _, part := range parts {
		require.ErrorContains(t, err, part)
	}
}

// The first and the last address of every network, and their neighbours outside, are in here.
func TestAddresses(t *testing.T) {
	for what, list := range map[string]string{
		"this machine":    "0.0.0.0 0.0.0.1 0.255.255.255 ::",
		"loopback":        "127.0.0.1 127.0.0.0 127.255.255.255 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1",
		"private network": "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 ::ffff:10.0.0.1 fc00:: fd00:ec2::254 fdff:ffff::",
		"provider's NAT":  "100.64.0.0 100.100.100.200 100.127.255.255",
		"metadata":        "169.254.0.0 169.254.169.254 169.254.255.255 168.63.129.16 ::ffff:169.254.169.254",
		"link-local":      "169.254.1.1 fe80:: fe80::1 febf:ffff::",
		"6to4":            "2002:: 2002:7f00:1:: 2002:808:808:: 2002:ffff:ffff::",
		"multicast":       "224.0.0.1 239.255.255.255 ff00:: ff02::1 ffff::",
		"IPv4-compatible": "::127.0.0.1 ::10.0.0.1 ::8.8.8.8 ::2",
		"translation of":  "64:ff9b::127.0.0.1 64:ff9b::a00:1 64:ff9b::169.254.169.254 64:ff9b:1::192.168.0.1 64:ff9b:: 64:ff9b:1::",
		"not in use":      "::ffff:0:127.0.0.1 ::1:0:0:0 64:ff9b:1:7f00:0:100:: 64:ff9b:1:ffff:: 64:ff9b:0:1:: 100:0:0:1:: 200:: 1fff:ffff:: 4000:: 5f00::1 fbff:: fe00:: fe7f:: fec0::1 feff::1 100:: 100::ffff:ffff:ffff:ffff",
		"special purposes": "192.0.0.0 192.0.0.192 192.0.0.255 192.31.196.1 192.52.193.1 192.88.99.1 192.175.48.1 198.18.0.0 198.19.255.255 " +
			"192.0.2.0 192.0.2.255 198.51.100.1 203.0.113.1 240.0.0.0 255.255.255.254 255.255.255.255 ::ffff:255.255.255.255 " +
			"2001:: 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:0:ffff:: 2001:1::1 2001:2::1 2001:10::1 2001:1f:ffff:: 2001:20::1 2001:1ff:ffff:: " +
			"2001:db8:: 2001:db8:ffff:: 2620:4f:8000::1 3fff:: 3fff:fff:ffff::",
		"like all of 203.0.113.0/24; to allow it, list 203.0.113.9/32": "203.0.113.9",
		"":                   "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0",
		"to allow it, list ": "10.1.2.3",
	} {
		for _, text := range strings.Fields(list) {
			addr := netip.MustParseAddr(text)
			err := guardOf().CheckAddress(netip.AddrPortFrom(addr, 443))
			if what == "" {
				require.NoError(t, err, text)
				continue
			}
			requireRefused(t, err, what, addr.String())
		}
	}
	for _, text := range strings.Fields("192.0.1.0 192.0.3.0 192.88.98.1 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.1 198.51.101.0 203.0.112.1 203.0.114.0 " +
		"223.255.255.255 ::ffff:8.8.8.8 64:ff9b::8.8.8.8 64:ff9b:1::8.8.8.8 2000:: 2001:200:: 2001:db7:: 2001:db9:: 2003:: 2606:4700::1111 2a00:1450:4001::1 3ffe::1 3fff:1000::") {
		require.NoError(t, guardOf().CheckAddress(netip.AddrPortFrom(netip.MustParseAddr(text), 443)), text)
	}
}

func TestAllowedNetworks(t *testing.T) {
	for _, c := range []struct {
		networks, open, closed string
	}{
		{"127.0.0.1/32", "127.0.0.1 ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::127.0.0.1 64:ff9b:1::7f00:1 2002:7f00:1::1", "127.0.0.2 ::1 ::ffff:127.0.0.2 64:ff9b::127.0.0.2 10.0.0.1 2002:7f00:2::"},
		{"10.0.0.0/8", "10.0.0.1 10.255.255.255 ::ffff:10.0.0.1", "127.0.0.1 172.16.0.1 fc00::1 64:ff9b:1:a00:0:100::"},
		{"10.1.2.3/8", "10.9.9.9", "127.0.0.1"}, // bits behind the prefix don't matter
		{"::1/128", "::1", "127.0.0.1 :: ::2"},
		{"0.0.0.0/8", "0.0.0.0", ":: ::1"}, // these two don't stand for IPv4 addresses
		{"::ffff:10.0.0.0/104", "10.0.0.1 ::ffff:10.0.0.1", "127.0.0.1"},
		{"::/0", "::1 fc00::1 2002:7f00:1::", "127.0.0.1 ::ffff:127.0.0.1"},
		{"0.0.0.0/0", "127.0.0.1 ::ffff:127.0.0.1", "::1 fc00::1"},
		{"2001::/32", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2002::"},
		{"63.255.253.45/32 65.54.227.120/32", "63.255.253.45", "2001:0:4136:e378:8000:63bf:c000:2d2"}, // Teredo is not judged by what is inside
	} {
		guard := guardOf(strings.Fields(c.networks)...)
		for _, text := range strings.Fields(c.open) {
			require.NoError(t, guard.CheckAddress(netip.AddrPortFrom(netip.MustParseAddr(text), 8080)), "%s with %s", text, c.networks)
		}
		for _, text := range strings.Fields(c.closed) {
			requireRefused(t, guard.CheckAddress(netip.AddrPortFrom(netip.MustParseAddr(text), 8080)))
		}
	}
}

// Neither a port nor a zone can be allowed by listing a network.
func TestPortsAndZones(t *testing.T) {
	for _, guard := range []*egress.Guard{guardOf("0.0.0.0/0", "::/0"), egress.NewGuard(nil)} {
		for port, open := range map[uint16]bool{0: false, 22: false, 25: false, 79: false, 80: true, 81: false, 442: false, 443: true, 444: false, 1023: false, 1024: true, 65535: true} {
			err := guard.CheckAddress(netip.AddrPortFrom(netip.MustParseAddr("8.8.8.8"), port))
			if open {
				require.NoError(t, err, port)
				continue
			}
			requireRefused(t, err, "must use port 80, 443 or one from 1024")
		}
		for _, text := range []string{"fe80::1%eth0", "2606:4700::1%1", "::ffff:8.8.8.8%lo"} {
			requireRefused(t, guard.CheckAddress(netip.AddrPortFrom(netip.MustParseAddr(text), 443)), "zone")
		}
		requireRefused(t, guard.CheckAddress(netip.AddrPort{}), "not an address")
	}
}

func TestTheConfigurationIsAskedEachTime(t *testing.T) {
	var list []netip.Prefix
	guard := egress.NewGuard(func() []netip.Prefix { return list })
	const url = "http://127.0.0.1:8080/"
	requireRefused(t, guard.CheckURL(url), "127.0.0.1 is a loopback address; to allow it, list 127.0.0.1/32 in egress.allowPrivate")
	list = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	require.NoError(t, guard.CheckURL(url))
	list = nil
	requireRefused(t, guard.CheckURL(url))
}
