package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/deliveries"
	"beckon/internal/catalog"
	"beckon/internal/config"
	"beckon/internal/doctor"
	"beckon/internal/egress"
	"beckon/internal/problem"
)

// providerChecks ask each provider which models it has.
func providerChecks(v *catalog.View) (list []doctor.Check) {
	for _, p := range catalog.All[agents.Provider](v) {
		if p.Type == "template" {
			continue
		}
		list = append(list, doctor.Check{
			Name:    "provider " + p.ID,
			Network: true,
			Look: func(ctx context.Context) doctor.Finding {
				return checkProvider(ctx, p)
			},
		})
	}
	return list
}

func checkProvider(ctx context.Context, p agents.Provider) doctor.Finding {
	transport := egress.NewProviders()
	defer transport.CloseIdleConnections()
	models, err := chat.Models(ctx, transport, p)
	if err != nil {
		f := problem.Of(err)
		status := doctor.Bad
		if f.Code == "provider_no_models" {
			status = doctor.Warning
		}
		return doctor.Finding{Status: status, Says: f.Detail, Todo: "The page of the provider has the same test."}
	}
	return doctor.Well("It has %d models.", len(models))
}

// endpointChecks connect to the host of each enabled endpoint, as c allows.
func endpointChecks(v *catalog.View, c *config.Config) (list []doctor.Check) {
	guard := egress.NewGuard(c.Networks).HTTPSOnly(c.HTTPSOnly)
	for _, e := range catalog.All[deliveries.Endpoint](v) {
		if !strings.HasPrefix(e.URL, "http") || !e.IsEnabled() {
			continue
		}
		list = append(list, doctor.Check{
			Name:    "endpoint " + e.ID,
			Network: true,
			Look: func(ctx context.Context) doctor.Finding {
				return checkEndpoint(ctx, guard, c.TLS(), e.URL)
			},
		})
	}
	return list
}

// checkEndpoint connects to the host of an endpoint, and sends it nothing.
func checkEndpoint(ctx context.Context, guard *egress.Guard, files *egress.TLS, raw string) doctor.Finding {
	if err := guard.CheckURL(raw); err != nil {
		return doctor.Failed(err.Error(), "Change its url, or list the network in egress.allowPrivate.")
	}
	target, err := url.Parse(raw)
	if err != nil {
		return doctor.Failed("Its url cannot be read.", "Change it.")
	}
	port := target.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[target.Scheme]
	}
	dialer := &net.Dialer{ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return guard.CheckAddress(to)
	}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(target.Hostname(), port))
	if err != nil {
		return doctor.Failed(fmt.Sprintf("%s cannot be reached: %v", target.Hostname(), err),
			"See whether the receiver runs, and whether a firewall is between.")
	}
	defer conn.Close()
	if target.Scheme != "https" {
		return doctor.Well("%s takes connections.", target.Host)
	}
	setup := files.Config()
	setup.ServerName = target.Hostname()
	secure := tls.Client(conn, setup)
	if err := secure.HandshakeContext(ctx); err != nil {
		return doctor.Failed(fmt.Sprintf("No secure connection to %s: %v", target.Hostname(), err),
			"See whether its certificate is right, or name who signed it in egress.ca.")
	}
	return validity(secure.ConnectionState().PeerCertificates[0],
		target.Hostname()+" takes connections, and its certificate")
}
