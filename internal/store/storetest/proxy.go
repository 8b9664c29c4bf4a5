package storetest

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy stands between a client and a PostgreSQL server.
type Proxy struct {
	URL string // of the database, through the proxy

	to      string
	losing  atomic.Bool
	refused atomic.Bool

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// NewProxy returns a proxy before the database of a URL.
func NewProxy(t testing.TB, databaseURL string) *Proxy {
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{to: u.Host, conns: map[net.Conn]bool{}}
	u.Host = listener.Addr().String()
	p.URL = u.String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.Cut()
		serving.Wait()
	})
	return p
}

// LoseCommit has the answer to the next COMMIT lost, together with its connection.
func (p *Proxy) LoseCommit() { p.losing.Store(true) }

// Lost reports whether the answer that LoseCommit is about has been lost.
func (p *Proxy) Lost() bool { return !p.losing.Load() }

// Refuse cuts all connections, and refuses new ones until Accept.
func (p *Proxy) Refuse() {
	p.refused.Store(true)
	p.Cut()
}

// Accept ends Refuse.
func (p *Proxy) Accept() { p.refused.Store(false) }

// Cut cuts all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, client)
		delete(p.conns, server)
	}()
	if p.refused.Load() {
		return
	}
	var committing atomic.Bool // the next answer is lost
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer client.Close()
		buffer := make([]byte, 32<<10)
		for {
			n, err := server.Read(buffer)
			if n > 0 && committing.Load() {
				return // PostgreSQL has committed, and the client never hears of it
			}
			if n > 0 {
				if _, err := client.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	p.forward(server, client, &committing)
	_ = server.Close()
	<-done
}

// forward passes on what the client sends, a query in one piece.
func (p *Proxy) forward(server io.Writer, client io.Reader, committing *atomic.Bool) {
	buffer := make([]byte, 1<<20)
	for {
		n, err := client.Read(buffer)
		if n > 0 && bytes.HasPrefix(buffer[:n], []byte("Q")) && bytes.HasSuffix(buffer[:n], []byte("COMMIT\x00")) && p.losing.CompareAndSwap(true, false) {
			committing.Store(true)
		}
		if n > 0 {
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
