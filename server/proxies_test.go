package server_test

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/server"
)

func TestAProxyThatIsNotTrustedIsNoticedOnce(t *testing.T) {
	_, loopback, _ := net.ParseCIDR("127.0.0.0/8")
	_, elsewhere, _ := net.ParseCIDR("192.0.2.0/24")
	for name, row := range map[string]struct {
		trusted []*net.IPNet
		want    int
	}{"none": {nil, 1}, "another": {[]*net.IPNet{elsewhere}, 1}, "this one": {[]*net.IPNet{elsewhere, loopback}, 0}} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, setting{server: func(c *server.Config) { c.TrustedProxies = row.trusted }})
			g.call("x")
			require.NotContains(t, g.log.String(), "server.trustedProxies")
			for range 3 {
				g.call("x", "X-Forwarded-For: 192.0.2.7")
			}
			require.Equal(t, row.want, strings.Count(g.log.String(), "server.trustedProxies"))
		})
	}
}
