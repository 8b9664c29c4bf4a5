package egress

import (
	"crypto/x509"
	"net"
)

// LookUpWith makes w ask r for addresses.
func (w *Webhooks) LookUpWith(r *net.Resolver) { w.dialer.Resolver = r }

// Trust makes w trust certificates that roots have signed.
func (w *Webhooks) Trust(roots *x509.CertPool) { w.route.Load().TLSClientConfig.RootCAs = roots }
