package egress

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
)

// The limits of the way to webhooks: many hosts, few connections to each, answers that nobody reads.
const (
	webhookIdlePerHost    = 32
	webhookIdleTotal      = 1024
	webhookIdleTimeout    = 60 * time.Second
	webhookMaxHeaderBytes = 64 << 10
	webhookStreamBytes    = 64 << 10 // what an HTTP/2 receiver may send before it is read; Go's default is 4 MiB
	webhookConnBytes      = 1 << 20  // the same for all streams of a connection; Go's default is 1 GiB
)

// Webhooks is the way out for endpoints and callbacks.
type Webhooks struct {
	guard  *Guard
	dialer *net.Dialer
	route  atomic.Pointer[route]
}

// route is the transport for one TLS. Its connections are of no use for another.
type route struct {
	*http.Transport
	tls *TLS
}

// NewWebhooks returns a way out that goes where g allows, directly: the environment's proxy would be where the
// addresses are looked up, and no guard would see them. It has the zero TLS. Close it when it is not needed any more.
func NewWebhooks(g *Guard) *Webhooks {
	w := &Webhooks{guard: g}
	w.dialer = &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive, ControlContext: w.control}
	w.route.Store(w.newRoute(&TLS{}))
	return w
}

func (w *Webhooks) newRoute(t *TLS) *route {
	return &route{tls: t, Transport: &http.Transport{
		DialContext:         w.dial,
		TLSClientConfig:     t.Config(),
		TLSHandshakeTimeout: tlsTimeout,
		ForceAttemptHTTP2:   true, // a dialer of our own switches it off
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:               pingAfter,
			PingTimeout:                   pingTimeout,
			MaxReceiveBufferPerStream:     webhookStreamBytes,
			MaxReceiveBufferPerConnection: webhookConnBytes,
		},
		DisableCompression:     true, // a bomb is opened by us, within bounds
		MaxIdleConns:           webhookIdleTotal,
		MaxIdleConnsPerHost:    webhookIdlePerHost,
		IdleConnTimeout:        webhookIdleTimeout,
		MaxResponseHeaderBytes: webhookMaxHeaderBytes,
	}}
}

// UseTLS has the exchanges that begin from now on made with t. Those under way end as they began.
func (w *Webhooks) UseTLS(t *TLS) {
	if w.route.Load().tls.fingerprint != t.fingerprint {
		w.route.Swap(w.newRoute(t)).CloseIdleConnections()
	}
}

// Post makes one exchange. timeout covers all of it, from the look-up to the last byte that is kept. A redirect is an
// answer like any other. At most KeptBytes of the answer are kept; where the answer ends within them its connection is
// used again. The header is sent as it is; the Host is always the URL's.
//
// With an error, which Explain explains, the answer holds what had come until then; its Status is 0 when that was
// nothing. net/http repeats a request by itself only when it knows that the receiver has not seen it: on an idle
// connection that turned out to be closed before anything was written, or after an HTTP/2 GOAWAY that says so.
func (w *Webhooks) Post(
	ctx context.Context, url string, header http.Header, body []byte, timeout time.Duration,
) (Answer, error) {
	return w.request(ctx, http.MethodPost, url, header, body, timeout)
}

// Send is Post by another method.
func (w *Webhooks) Send(
	ctx context.Context, method, url string, header http.Header, body []byte, timeout time.Duration,
) (Answer, error) {
	return w.request(ctx, method, url, header, body, timeout)
}

// Fetch is Post by GET: one exchange, of which at most KeptBytes are kept.
func (w *Webhooks) Fetch(ctx context.Context, url string, timeout time.Duration) (Answer, error) {
	return w.request(ctx, http.MethodGet, url, nil, nil, timeout)
}

func (w *Webhooks) request(
	ctx context.Context, method, url string, header http.Header, body []byte, timeout time.Duration,
) (Answer, error) {
	if err := w.guard.CheckHost(url); err != nil {
		return Answer{}, err
	}
	plain, err := w.guard.checkExchange(ctx, url)
	if err != nil {
		return Answer{}, err
	}
	if plain {
		ctx = withPlain(ctx)
	}
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(within, method, url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("make the request: %w", err)
	}
	if header != nil {
		req.Header = header.Clone()
	}
	answer, err := w.exchange(req)
	if err != nil {
		return answer, failed(within, err, answer.Status != 0, timeout)
	}
	return answer, nil
}

// exchange asks the transport itself, which unlike a client does not follow redirects.
func (w *Webhooks) exchange(req *http.Request) (Answer, error) {
	resp, err := w.route.Load().RoundTrip(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	return readAnswer(resp)
}

// Close lets go of the pooled connections.
func (w *Webhooks) Close() { w.route.Load().CloseIdleConnections() }

// control has the last word on an address, after all look-ups and just before the connection is made.
func (w *Webhooks) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse("", "leads to something that is not an address")
	}
	if err := w.guard.CheckAddress(to); err != nil || !plainIn(ctx) {
		return err
	}
	return w.guard.checkPlainAddress(to.Addr())
}

func (w *Webhooks) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &guarded{Conn: conn, guard: w.guard, plain: plainIn(ctx)}, nil
}

// guarded is a connection that sends nothing any more once its address is not allowed, so that a change of the
// configuration also ends what is in the pool.
type guarded struct {
	net.Conn
	guard *Guard
	plain bool // it is without TLS, and was not given before that was refused
}

// Write implements net.Conn.
func (c *guarded) Write(p []byte) (int, error) {
	to, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return 0, refuse("", "leads to something that is not an address")
	}
	if err := c.guard.CheckAddress(to.AddrPort()); err != nil {
		return 0, err
	}
	if c.plain {
		if err := c.guard.checkPlainAddress(to.AddrPort().Addr()); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}
