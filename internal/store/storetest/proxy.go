package storetest

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// Proxy stands between gateways and a PostgreSQL server.
type Proxy struct {
	URL string // of the database, through the proxy

	network, address string // of the server
	listener         net.Listener
	serving          sync.WaitGroup

	mu      sync.Mutex
	refused bool
	conns   map[net.Conn]bool
	chosen  *regexp.Regexp // the statements of which one has its commit lost; nil for none
	losing  loss
	lost    chan struct{} // closed when it is
}

// NewProxy returns a proxy before the database of a URL.
func NewProxy(t testing.TB, databaseURL string) *Proxy {
	config, err := pgconn.ParseConfig(databaseURL)
	require.NoError(t, err)
	p := &Proxy{conns: map[net.Conn]bool{}}
	p.network, p.address = pgconn.NetworkAddress(config.Host, config.Port)
	p.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.URL = fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", config.User, p.listener.Addr(), config.Database)
	p.serving.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.Refuse()
		p.serving.Wait()
	})
	return p
}

// Lose has the answer to one commit lost, together with its connection: the next of a transaction in which a
// statement changes rows and, followed by its values, matches the regular expression. The channel is closed when
// that has happened.
func (p *Proxy) Lose(statement string) (lost <-chan struct{}) { return p.lose(statement, loseAnswer) }

// LoseAndRefuse is Lose followed by Refuse, before anybody can look for what was committed.
func (p *Proxy) LoseAndRefuse(statement string) (lost <-chan struct{}) {
	return p.lose(statement, loseAnswerAndRefuse)
}

// LoseRequest has the COMMIT itself lost: the server waits for it, and the client for the answer. All other connections
// are cut, and new ones are refused until Accept.
func (p *Proxy) LoseRequest(statement string) (lost <-chan struct{}) {
	return p.lose(statement, loseRequest)
}

// loss says what of a commit is lost.
type loss int

const (
	loseAnswer loss = iota
	loseAnswerAndRefuse
	loseRequest
)

func (p *Proxy) lose(statement string, losing loss) (lost <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chosen, p.lost, p.losing = regexp.MustCompile(statement), make(chan struct{}), losing
	return p.lost
}

// LoseCommit is Lose for any statement that changes rows.
func (p *Proxy) LoseCommit() { p.Lose(`(?i)^\s*(INSERT|UPDATE|DELETE)`) }

// Lost reports whether what was to be lost is.
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
	p.cut(nil)
}

func (p *Proxy) cut(but net.Conn) {
	for c := range p.conns {
		if c != but {
			_ = c.Close()
		}
	}
}

// isChosen compares a statement without its line breaks and indentation.
func (p *Proxy) isChosen(statement string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.chosen != nil && p.chosen.MatchString(strings.Join(strings.Fields(statement), " "))
}

// take reports whether the commit of a client is the one to lose, at the time of its request or of its answer.
func (p *Proxy) take(client net.Conn, now loss) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.chosen == nil || (now == loseRequest) != (p.losing == loseRequest) {
		return false
	}
	p.chosen = nil
	if p.losing != loseAnswer {
		p.refused = true
		p.cut(client)
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
	server, err := net.Dial(p.network, p.address)
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
	s := &session{proxy: p, client: client, names: map[string]string{}}
	var answering sync.WaitGroup
	answering.Go(func() {
		_ = pass(bufio.NewReader(server), client, s.answer)
		_ = client.Close()
	})
	_ = pass(requests, server, s.request)
	_ = server.Close()
	answering.Wait()
}
