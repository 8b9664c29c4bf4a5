package crash_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// proxy stands between gateways and PostgreSQL. It loses the answer to a commit: the transaction is committed, the
// connection is cut, and the gateway cannot know what has become of it.
type proxy struct {
	url      string // for the gateways
	upstream string // PostgreSQL's address
	listener net.Listener
	serving  sync.WaitGroup

	mu      sync.Mutex
	chosen  *regexp.Regexp // the transactions with such a statement, of which the next is lost; nil for none
	lost    chan struct{}  // closed when it is
	clients map[net.Conn]bool
}

func newProxy(t testing.TB, database string) *proxy {
	address, err := url.Parse(database)
	require.NoError(t, err)
	p := &proxy{upstream: address.Host, clients: map[net.Conn]bool{}}
	p.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address.Host = p.listener.Addr().String()
	p.url = address.String()
	p.serving.Go(p.accept)
	t.Cleanup(func() {
		_ = p.listener.Close()
		p.mu.Lock()
		for client := range p.clients {
			_ = client.Close()
		}
		p.mu.Unlock()
		p.serving.Wait()
	})
	return p
}

// lose has the answer to one commit lost: the next of a transaction in which a statement changes rows that, with its
// values, looks like chosen. The channel is closed when that has happened.
func (p *proxy) lose(chosen string) (lost <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chosen, p.lost = regexp.MustCompile(chosen), make(chan struct{})
	return p.lost
}

func (p *proxy) isChosen(statement string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.chosen != nil && p.chosen.MatchString(statement)
}

// take reports whether the answer is the one to lose.
func (p *proxy) take() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.chosen == nil {
		return false
	}
	p.chosen = nil
	close(p.lost)
	return true
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.clients[client] = true
		p.mu.Unlock()
		p.serving.Go(func() {
			p.serve(client)
			_ = client.Close()
			p.mu.Lock()
			delete(p.clients, client)
			p.mu.Unlock()
		})
	}
}

func (p *proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.upstream)
	if err != nil {
		return
	}
	defer server.Close()
	requests := bufio.NewReader(client)
	// The first message has no type. What asks to cancel a statement is over with it.
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

// readMessage reads a message behind its type, which it returns in front.
func readMessage(r *bufio.Reader, kind []byte) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	message := append(append(kind, size[:]...), make([]byte, max(binary.BigEndian.Uint32(size[:]), 4)-4)...)
	_, err := io.ReadFull(r, message[len(kind)+4:])
	return message, err
}

// pass hands messages on, one for one or as judge wants it, until one side ends.
func pass(from *bufio.Reader, to io.Writer, judge func(kind byte, message []byte) (onward []byte, err error)) error {
	w := bufio.NewWriter(to)
	for {
		kind, err := from.ReadByte()
		if err != nil {
			return err
		}
		message, err := readMessage(from, []byte{kind})
		if err != nil {
			return err
		}
		if message, err = judge(kind, message); err != nil {
			return err
		}
		if _, err := w.Write(message); err != nil {
			return err
		}
		if from.Buffered() == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
}

// session follows one connection.
type session struct {
	proxy *proxy

	mu       sync.Mutex
	names    map[string]string // of prepared statements
	begun    bool              // a transaction is open
	chosen   bool              // it has a statement that was chosen
	counting bool              // the answer to that says how many rows it has changed
	withheld bool              // the commit is on its way: its answer is kept here
	refused  bool              // nothing has changed
	kept     []byte
}

// header is the length of a message's type and size.
const header = 5

// request looks at what the gateway sends.
func (s *session) request(kind byte, message []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case 'P':
		var parse pgproto3.Parse
		if err := parse.Decode(message[header:]); err != nil {
			return nil, err
		}
		s.names[parse.Name] = parse.Query
	case 'B':
		var bind pgproto3.Bind
		if err := bind.Decode(message[header:]); err != nil {
			return nil, err
		}
		values := make([]string, len(bind.Parameters))
		for i, value := range bind.Parameters {
			values[i] = string(value)
		}
		s.execute(s.names[bind.PreparedStatement], values)
	case 'Q':
		var query pgproto3.Query
		if err := query.Decode(message[header:]); err != nil {
			return nil, err
		}
		s.execute(query.String, nil)
	}
	return message, nil
}

func (s *session) execute(statement string, values []string) {
	word, _, _ := strings.Cut(strings.ToLower(strings.TrimLeft(statement, " \t\n")), " ")
	switch strings.Trim(word, ";") {
	case "begin":
		s.begun = true
	case "commit":
		s.withheld = s.chosen
	case "rollback":
		s.chosen = false
	default:
		if s.proxy.isChosen(statement + " -- " + strings.Join(values, ", ")) {
			s.chosen, s.counting = true, s.begun
			s.withheld = !s.begun // it commits by itself
		}
	}
}

// errCut ends a connection whose client is to know nothing of its commit.
var errCut = fmt.Errorf("the answer is lost")

// answer looks at what PostgreSQL sends.
func (s *session) answer(kind byte, message []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case 'C':
		changed := strings.TrimRight(string(message[header:]), "\x00")
		switch {
		case s.withheld:
			s.refused = s.refused || changed == "ROLLBACK" || strings.HasSuffix(changed, " 0")
		case s.counting:
			s.counting, s.chosen = false, !strings.HasSuffix(changed, " 0")
		}
	case 'E':
		s.refused = s.withheld
	}
	if s.withheld {
		s.kept = append(s.kept, message...)
		message = nil
	}
	if kind != 'Z' { // PostgreSQL is ready for the next
		return message, nil
	}
	if s.withheld {
		if !s.refused && s.proxy.take() {
			return nil, errCut
		}
		message = s.kept
		s.kept, s.withheld, s.refused, s.chosen, s.begun = nil, false, false, false, false
		return message, nil
	}
	if message[header] == 'I' { // no transaction is open
		s.begun, s.chosen, s.counting = false, false, false
	}
	return message, nil
}
