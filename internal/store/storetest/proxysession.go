package storetest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgproto3"
)

// session follows one connection.
type session struct {
	proxy  *Proxy
	client net.Conn

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
		if !s.execute(s.names[bind.PreparedStatement], values) {
			return nil, nil
		}
	case 'S':
		if s.chosen && !s.begun && s.proxy.take(s.client, loseRequest) { // it would commit a batch
			return nil, nil
		}
	case 'Q':
		var query pgproto3.Query
		if err := query.Decode(message[header:]); err != nil {
			return nil, err
		}
		if !s.execute(query.String, nil) {
			return nil, nil
		}
	}
	return message, nil
}

// execute looks at a statement that is to be executed, and reports whether it is passed on.
func (s *session) execute(statement string, values []string) bool {
	word, _, _ := strings.Cut(strings.ToLower(strings.TrimLeft(statement, " \t\n")), " ")
	switch strings.Trim(word, ";") {
	case "begin":
		s.begun = true
	case "commit":
		if s.chosen && s.proxy.take(s.client, loseRequest) {
			return false
		}
		s.withheld = s.chosen
	case "rollback":
		s.chosen = false
	default:
		if s.proxy.isChosen(statement + " -- " + strings.Join(values, ", ")) {
			s.chosen, s.counting = true, s.begun
			s.withheld = !s.begun // it commits by itself
		}
	}
	return true
}

// errCut ends a connection whose client is to know nothing of its commit.
var errCut = errors.New("the answer is lost")

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
		if !s.refused && s.proxy.take(s.client, loseAnswer) {
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
