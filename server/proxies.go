package server

import (
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/labstack/echo/v4"
)

// proxies are those whose X-Forwarded-For is believed.
type proxies struct {
	trusted []*net.IPNet
	warned  atomic.Bool
}

func (p *proxies) extractor() echo.IPExtractor {
	if len(p.trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, n := range p.trusted {
		options = append(options, echo.TrustIPRange(n))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// watch says once that there seems to be a proxy that is not known as one: all who come by it then have one
// address, and five wrong passwords of anybody keep everybody from the login.
func (p *proxies) watch(r *http.Request, log *slog.Logger) {
	if len(r.Header[echo.HeaderXForwardedFor]) == 0 || p.warned.Load() {
		return
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	address := net.ParseIP(host)
	known := slices.ContainsFunc(p.trusted, func(n *net.IPNet) bool { return n.Contains(address) })
	if !known && !p.warned.Swap(true) {
		log.Warn("a request with X-Forwarded-For came from an address that server.trustedProxies does not name, "+
			"and the header is not believed: name it if it is your proxy, or all clients behind it count as one",
			slog.String("address", host))
	}
}
