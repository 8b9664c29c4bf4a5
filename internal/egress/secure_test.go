package egress_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"beckon/internal/egress"
)

func rootsOf(server *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return pool
}

// secureReceiver speaks HTTP/2 over TLS, or plain HTTP/1.1.
func secureReceiver(t *testing.T, secure bool, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handle)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		server.StartTLS()
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	return server
}

func TestHTTP2IsSpoken(t *testing.T) {
	var proto atomic.Value
	server := secureReceiver(t, true, func(w http.ResponseWriter, r *http.Request) {
		proto.Store(r.Proto)
		_, _ = io.Copy(w, r.Body)
	})
	out := wayOut(t)
	out.Trust(rootsOf(server))
	answer, err := out.Post(t.Context(), server.URL, nil, []byte("hello"), patience)
	require.NoError(t, err)
	require.Equal(t, "hello", string(answer.Body))
	require.Equal(t, "HTTP/2.0", proto.Load())
}

// issued is a certificate with its key.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate for 127.0.0.1 that by has signed, or that has signed itself where by is nil.
func issue(t *testing.T, by *issued, change func(*x509.Certificate)) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: serial.String()}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	change(template)
	if by == nil {
		by = &issued{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, &key.PublicKey, by.key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &issued{cert, key}
}

func TestTLSThatIsNotInOrder(t *testing.T) {
	authority := func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }
	asItIs := func(*x509.Certificate) {}
	root := issue(t, nil, authority)
	between := issue(t, root, authority)
	chain := func(list ...*issued) *tls.Config {
		c := tls.Certificate{PrivateKey: list[0].key}
		for _, i := range list {
			c.Certificate = append(c.Certificate, i.cert.Raw)
		}
		return &tls.Config{Certificates: []tls.Certificate{c}}
	}
	old := chain(issue(t, root, asItIs))
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	asking := chain(issue(t, root, asItIs))
	asking.ClientAuth = tls.RequireAnyClientCert
	for name, c := range map[string]struct {
		server *tls.Config
		text   string // none: the exchange goes well
	}{
		"in order":           {chain(issue(t, root, asItIs)), ""},
		"in order, a chain":  {chain(issue(t, between, asItIs), between), ""},
		"incomplete":         {chain(issue(t, between, asItIs)), "intermediate certificates are missing"},
		"unknown authority":  {chain(issue(t, issue(t, nil, authority), asItIs)), "nobody that this machine trusts"},
		"signed by itself":   {chain(issue(t, nil, asItIs)), "nobody that this machine trusts"},
		"expired":            {chain(issue(t, root, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })), "has expired"},
		"not yet valid":      {chain(issue(t, root, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })), "not valid yet"},
		"expired in between": {expiredBetween(t, root, authority), "has expired"},
		"another name":       {chain(issue(t, root, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} })), "not for the name"},
		"TLS 1.1":            {old, "TLS 1.2 or newer"},
		"asks for ours":      {asking, "asks for a client certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
			server.TLS, server.Config.ErrorLog = c.server, log.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()
			out := wayOut(t)
			pool := x509.NewCertPool()
			pool.AddCert(root.cert)
			out.Trust(pool)
			_, err := out.Post(t.Context(), server.URL, nil, []byte("{}"), patience)
			if c.text == "" {
				require.NoError(t, err)
				require.EqualValues(t, 1, asked.Load())
				return
			}
			requireFailed(t, err, "tls", c.text)
			require.Zero(t, asked.Load())
		})
	}
}

func expiredBetween(t *testing.T, root *issued, authority func(*x509.Certificate)) *tls.Config {
	between := issue(t, root, func(c *x509.Certificate) {
		authority(c)
		c.NotAfter = time.Now().Add(-time.Minute)
	})
	leaf := issue(t, between, func(*x509.Certificate) {})
	return &tls.Config{Certificates: []tls.Certificate{{PrivateKey: leaf.key, Certificate: [][]byte{leaf.cert.Raw, between.cert.Raw}}}}
}

func TestTLSThatIsNone(t *testing.T) {
	plain := receiver(t, func(http.ResponseWriter, *http.Request) {})
	_, err := wayOut(t).Post(t.Context(), "https"+plain.URL[len("http"):], nil, nil, patience)
	requireFailed(t, err, "tls", "does not speak TLS")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if conn, err := listener.Accept(); err == nil {
			_, _ = conn.Read(make([]byte, 1)) // the first byte of the handshake, and then no more
			_ = conn.Close()
		}
	}()
	_, err = wayOut(t).Post(t.Context(), "https://"+listener.Addr().String(), nil, nil, patience)
	requireFailed(t, err, "connection_reset", "without an answer")
	require.NoError(t, listener.Close())
	<-ended
}

// framed is an HTTP/2 server that says GOAWAY to its first requests, and answers 204 afterwards.
type framed struct {
	*httptest.Server
	asked  atomic.Int32
	window atomic.Uint32 // how much of an answer the client lets come before it has read any
}

// goingAway returns a framed server. last is the last stream that it says it has worked on; after that it hangs up.
func goingAway(t *testing.T, times int32, last uint32, code http2.ErrCode) *framed {
	t.Helper()
	server := &framed{Server: httptest.NewUnstartedServer(nil)}
	server.TLS = &tls.Config{NextProtos: []string{"h2"}}
	server.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, conn *tls.Conn, _ http.Handler) {
			defer conn.Close()
			if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
				return
			}
			framer := http2.NewFramer(conn, conn)
			_ = framer.WriteSettings()
			for {
				frame, err := framer.ReadFrame()
				if err != nil {
					return
				}
				if settings, ok := frame.(*http2.SettingsFrame); ok && !settings.IsAck() {
					window, _ := settings.Value(http2.SettingInitialWindowSize)
					server.window.Store(window)
				}
				head, ok := frame.(*http2.HeadersFrame)
				if !ok {
					continue
				}
				if server.asked.Add(1) <= times {
					_ = framer.WriteGoAway(last, code, []byte("s3cret"))
					if head.StreamID <= last {
						// It has begun, and breaks off. What the client still sends is read: a reset could take away what was said.
						_ = conn.CloseWrite()
						_, _ = io.Copy(io.Discard, conn)
						return
					}
					continue // the client hangs up
				}
				_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: head.StreamID, BlockFragment: noContent(), EndHeaders: true, EndStream: true})
			}
		},
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func noContent() []byte {
	var block writer
	_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "204"})
	return block
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

func TestGoAway(t *testing.T) {
	for name, c := range map[string]struct {
		times int32
		last  uint32 // the last stream that the server says it has worked on; ours is 1
		code  http2.ErrCode
		fails string
		asked int32
	}{
		"not worked on":         {1, 0, http2.ErrCodeNo, "", 2},
		"worked on, with error": {1, 1, http2.ErrCodeEnhanceYourCalm, "http2", 1},
		"not, with error":       {1, 0, http2.ErrCodeProtocol, "http2", 1},
	} {
		t.Run(name, func(t *testing.T) {
			server := goingAway(t, c.times, c.last, c.code)
			out := wayOut(t)
			out.Trust(rootsOf(server.Server))
			answer, err := out.Post(t.Context(), server.URL, nil, []byte("{}"), patience)
			if c.fails == "" {
				require.NoError(t, err)
				require.Equal(t, http.StatusNoContent, answer.Status)
			} else {
				requireFailed(t, err, c.fails, "HTTP/2")
			}
			require.Equal(t, c.asked, server.asked.Load())
			require.EqualValues(t, 64<<10, server.window.Load())
		})
	}
}

// A receiver that only ever says GOAWAY ends at the limit at the latest.
func TestEndlessGoAway(t *testing.T) {
	server := goingAway(t, 1<<30, 0, http2.ErrCodeNo)
	out := wayOut(t)
	out.Trust(rootsOf(server.Server))
	started := time.Now()
	_, err := out.Post(t.Context(), server.URL, nil, []byte("{}"), time.Second)
	require.Error(t, err)
	require.Less(t, time.Since(started), patience/3)
	code, _ := egress.Explain(err)
	require.Contains(t, []string{"timeout", "http2"}, code)
}
