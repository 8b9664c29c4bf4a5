package config_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/config"
)

func TestProxyNetworks(t *testing.T) {
	networks := config.Server{TrustedProxies: []string{"10.1.2.3/8", "192.0.2.7", "2001:db8::/32"}}.ProxyNetworks()
	require.Len(t, networks, 3)
	for address, want := range map[string]bool{"10.9.9.9": true, "11.0.0.1": false, "192.0.2.7": true, "192.0.2.8": false, "2001:db8::1": true, "2001:db9::1": false} {
		got := false
		for _, n := range networks {
			got = got || n.Contains(net.ParseIP(address))
		}
		require.Equal(t, want, got, address)
	}
}
