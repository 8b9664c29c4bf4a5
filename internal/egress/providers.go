// Package egress is the only way out over HTTP: address guard, limits, pooled connections.
package egress

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// The limits of the way to model providers. There is none on the wait for an answer: a model may think for minutes, and
// whoever asks it bounds the attempt with a context.
const (
	idlePerHost    = 512 // net/http's default of 2 opens a connection for nearly every call under load
	idleTotal      = 2048
	idleTimeout    = 90 * time.Second
	dialTimeout    = 10 * time.Second
	tlsTimeout     = 10 * time.Second
	keepAlive      = 30 * time.Second
	maxHeaderBytes = 256 << 10
	pingAfter      = 30 * time.Second // of silence on an HTTP/2 connection, which otherwise outlives a dead peer
	pingTimeout    = 15 * time.Second
)

// Providers is the way to model providers: many idle connections to few hosts, HTTP/2 where it is spoken, and the
// proxy that the environment names. It answers a redirect as it came, so an API call and its key never follow one.
type Providers struct {
	*http.Transport
	direct direct
}

// RoundTrip implements http.RoundTripper.
func (p *Providers) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.direct.takes(r) {
		return p.Transport.RoundTrip(r)
	}
	if proxy, err := p.Proxy(r); proxy != nil || err != nil {
		return p.Transport.RoundTrip(r)
	}
	return p.direct.RoundTrip(r)
}

// CloseIdleConnections closes the connections that no exchange has.
func (p *Providers) CloseIdleConnections() {
	p.Transport.CloseIdleConnections()
	p.direct.close(time.Now().Add(time.Second))
}

// NewProviders returns a way to model providers that is for all of them.
func NewProviders() *Providers {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}
	return &Providers{direct: direct{dial: dialer.DialContext}, Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    tlsTimeout,
		ForceAttemptHTTP2:      true, // a dialer of our own switches it off
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		MaxIdleConns:           idleTotal,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}}
}
