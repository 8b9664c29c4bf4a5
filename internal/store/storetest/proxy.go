package storetest

import (
	"bufio"
	"net"
	"net/url"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy stands between gateways and a PostgreSQL server.
type Proxy struct {
	URL string // of the database, through the proxy

	server   string // its address
	listener net.Listener
	serving  sync.WaitGroup

	mu      sync.Mutex
	refused bool
	refuses bool // when an answer has been lost
	conns   map[net.Conn]bool
	chosen  *regexp.Regexp // the statements of which one loses the answer to its commit; nil for none
	lost    chan struct{}  // closed when it has
}

// NewProxy returns a proxy before the database of a URL.
func NewProxy(t testing.TB, databaseURL string) *Proxy {
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	p := &Proxy{server: u.Host, conns: map[net.Conn]bool{}}
	p.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u.Host = p.listener.Addr().String()
	p.URL = u.String()
	p.serving.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.Refuse()
		p.serving.Wait()
	})
	return p
}

// Lose has the answer to one commit lost, together with its connection: the next of a transaction in which a statement
// changes rows and, followed by its values, matches the regular expression. The channel is closed when that has happened.
func (p *Proxy) Lose(statement string) (lost <-chan struct{}) { return p.lose(statement, false) }

// LoseAndRefuse is Lose followed by Refuse, before anybody can look for what was committed.
func (p *Proxy) LoseAndRefuse(statement string) (lost <-chan struct{}) {
	return p.lose(statement, true)
}

func (p *Proxy) lose(statement string, refuses bool) (lost <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chosen, p.lost, p.refuses = regexp.MustCompile(statement), make(chan struct{}), refuses
	return p.lost
}

// LoseCommit is Lose for any statement that changes rows.
func (p *Proxy) LoseCommit() { p.Lose(`(?i)^\s*(INSERT|UPDATE|DELETE)`) }

// Lost reports whether the answer that Lose or LoseCommit is about has been lost.
func (p *Proxy) Lost() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.chosen == nil
}

// Refuse cuts all connections, and refuses new ones until Accept.
func (p *Proxy) Refuse() {
	p.refuse(true)
	p.Cut()
}

// Accept ends Refuse.
func (p *Proxy) Accept() { p.refuse(false) }

func (p *Proxy) refuse(refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = refused
}

// Cut cuts all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
}

func (p *Proxy) cut() {
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *Proxy) isChosen(statement string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.chosen != nil && p.chosen.MatchString(statement)
}

// take reports whether the answer is the one to lose.
func (p *Proxy) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.chosen == nil {
		return false
	}
	p.chosen = nil
	if p.refuses {
		p.refused = true
		p.cut()
	}
	close(p.lost)
	return true
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.serving.Go(func() {
			defer client.Close()
			if p.enter(client) {
				p.serve(client)
			}
			p.leave(client)
		})
	}
}

// enter reports whether a connection is served.
func (p *Proxy) enter(client net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[client] = true
	return !p.refused
}

func (p *Proxy) leave(client net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	requests := bufio.NewReader(client)
	// The first message has no type. A connection that asks to cancel a statement has no other.
	first, err := readMessage(requests, nil)
	if err != nil {
		return
	}
	if _, err := server.Write(first); err != nil {
		return
	}
	s := &session{proxy: p, names: map[string]string{}}
	var answering sync.WaitGroup
	answering.Go(func() {
		_ = pass(bufio.NewReader(server), client, s.answer)
		_ = client.Close()
	})
	_ = pass(requests, server, s.request)
	_ = server.Close()
	answering.Wait()
}
