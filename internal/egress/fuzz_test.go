package egress_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/idna"
)

var errStop = errors.New("far enough")

// FuzzURLAndAddressAgree: when CheckURL lets a URL pass whose host is an address, in whatever spelling a dialler or an
// old resolver understands, then CheckAddress lets that address pass too. Nothing is ever connected to.
func FuzzURLAndAddressAgree(f *testing.F) {
	for _, seed := range []string{"https://8.8.8.8/", "http://127.0.0.1:8080/", "http://[::1]/", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1./", "http://127.1:8080",
		"http://[::ffff:10.0.0.1]:1024/", "http://[64:ff9b::8.8.8.8]/", "http://[fe80::1%25lo]/", "http://①②⑦.⓪.⓪.①/", "http://localhost./", "https://example.com/?q", "http://u:p@8.8.8.8/#x", "http://[2002:7f00:1::]:443/"} {
		f.Add(seed)
	}
	guard := guardOf("10.1.0.0/16")
	f.Fuzz(func(t *testing.T, raw string) {
		if guard.CheckURL(raw) != nil {
			return
		}
		u, err := url.Parse(raw)
		require.NoError(t, err)
		require.Nil(t, u.User)
		require.NotContains(t, raw, "#")
		host, err := idna.Lookup.ToASCII(u.Hostname()) // as net/http does
		if err != nil {
			host = u.Hostname()
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		for _, to := range dialled(t, host, port) {
			require.NoError(t, guard.CheckAddress(to), "%q passes", raw)
		}
		if addr, ok := inetAton(strings.TrimSuffix(host, ".")); ok {
			n, err := strconv.ParseUint(port, 10, 16)
			require.NoError(t, err)
			require.NoError(t, guard.CheckAddress(netip.AddrPortFrom(addr, uint16(n))), "%q passes", raw)
		}
	})
}

// dialled returns the addresses that net would connect to without a look-up.
func dialled(t *testing.T, host, port string) (list []netip.AddrPort) {
	dialer := &net.Dialer{
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errStop }},
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			require.NoError(t, err)
			list = append(list, to)
			return errStop
		},
	}
	_, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
	require.Error(t, err)
	return list
}

// inetAton reads an IPv4 address as the C function of that name does: one to four parts, each decimal, octal or
// hexadecimal, of which the last fills what is left.
func inetAton(s string) (addr netip.Addr, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) > 4 {
		return addr, false
	}
	var value uint64
	for i, part := range parts {
		if strings.ContainsAny(part, "_+-oObB") && !strings.HasPrefix(strings.ToLower(part), "0x") {
			return addr, false
		}
		n, err := strconv.ParseUint(part, 0, 64)
		limit := uint64(1) << 8
		if i == len(parts)-1 {
			limit = 1 << (8 * (5 - len(parts)))
		}
		if err != nil || n >= limit {
			return addr, false
		}
		if i == len(parts)-1 {
			value |= n
		} else {
			value |= n << (24 - 8*i)
		}
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}

func TestInetAton(t *testing.T) {
	for text, want := range map[string]string{"2130706433": "127.0.0.1", "0177.1": "127.0.0.1", "0x7f.1": "127.0.0.1", "127.1": "127.0.0.1", "10.1.2.3": "10.1.2.3", "1.2.772": "1.2.3.4",
		"256.1": "", "1.2.3.256": "", "1.2.3.4.5": "", "": "", "a": ""} {
		addr, ok := inetAton(text)
		require.Equal(t, want != "", ok, text)
		if ok {
			require.Equal(t, want, addr.String())
		}
	}
}
