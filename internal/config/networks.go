package config

import (
	"net"
	"net/netip"
)

// ProxyNetworks returns the networks of trustedProxies; a single address is a network of one. It leaves out what
// Load has refused.
func (s Server) ProxyNetworks() []*net.IPNet {
	var networks []*net.IPNet
	for _, text := range s.TrustedProxies {
		prefix, err := netip.ParsePrefix(text)
		if address, notPrefix := netip.ParseAddr(text); err != nil && notPrefix == nil {
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		if prefix.IsValid() {
			networks = append(networks, &net.IPNet{IP: prefix.Masked().Addr().AsSlice(),
				Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())})
		}
	}
	return networks
}

// Networks returns the networks of allowPrivate. It leaves out what Load has refused.
func (e Egress) Networks() []netip.Prefix {
	var networks []netip.Prefix
	for _, text := range e.AllowPrivate {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			networks = append(networks, prefix)
		}
	}
	return networks
}
