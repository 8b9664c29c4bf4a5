package egress_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"beckon/internal/egress"
)

// fakeHost is a name that only fakeDNS knows.
const fakeHost = "receiver.beckon.test"

// dnsServer answers every question for IPv4 addresses with the next of its lists of addresses; the last one stays.
type dnsServer struct {
	conn  net.PacketConn
	asked atomic.Int32
	lists [][]netip.Addr
}

func fakeDNS(t *testing.T, lists ...string) *dnsServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &dnsServer{conn: conn}
	for _, list := range lists {
		var addrs []netip.Addr
		for _, text := range strings.Fields(list) {
			addrs = append(addrs, netip.MustParseAddr(text))
		}
		s.lists = append(s.lists, addrs)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.serve()
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return s
}

func (s *dnsServer) serve() {
	packet := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		var question dnsmessage.Message
		if question.Unpack(packet[:n]) != nil || len(question.Questions) != 1 {
			continue
		}
		if answer, err := s.answer(question); err == nil {
			_, _ = s.conn.WriteTo(answer, from)
		}
	}
}

func (s *dnsServer) answer(m dnsmessage.Message) ([]byte, error) {
	q := m.Questions[0]
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionAvailable: true}
	m.Additionals, m.Answers = nil, nil
	if len(s.lists) == 0 {
		m.Header.RCode = dnsmessage.RCodeNameError
		return m.Pack()
	}
	head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
	list := s.lists[len(s.lists)-1] // of a look-up's two questions the one for IPv4 counts; they come in any order
	if q.Type == dnsmessage.TypeA {
		i := int(s.asked.Add(1)) - 1
		list = s.lists[min(i, len(s.lists)-1)]
	}
	for _, addr := range list {
		switch {
		case q.Type == dnsmessage.TypeA && addr.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: addr.As4()}})
		case q.Type == dnsmessage.TypeAAAA && addr.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	return m.Pack()
}

func (s *dnsServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

// urlOf is a server's URL by the name that s knows.
func (s *dnsServer) urlOf(server string) string {
	u, _ := url.Parse(server)
	return fmt.Sprintf("%s://%s:%s/", u.Scheme, fakeHost, u.Port())
}

// A name that leads to an allowed address when it is looked up first, and elsewhere when it is looked up again.
func TestRebinding(t *testing.T) {
	for name, c := range map[string]struct {
		second  string // what the second look-up says
		refused string // nothing: the exchange goes well, to the address that is allowed
	}{
		"loopback":                {"127.0.0.2", "127.0.0.2 is a loopback address"},
		"this machine":            {"0.0.0.0", "0.0.0.0 is an address of this machine"},
		"metadata":                {"169.254.169.254", "clouds keep their metadata"},
		"IPv6":                    {"::1", "::1 is a loopback address"},
		"mapped":                  {"::ffff:127.0.0.2", "127.0.0.2 is a loopback address"},
		"translated":              {"64:ff9b::10.0.0.1", "translation of 10.0.0.1"},
		"one of two, last":        {"127.0.0.1 127.0.0.2", ""},
		"one of two, first":       {"127.0.0.2 127.0.0.1", ""},
		"one of each family":      {"127.0.0.1 ::1", ""},
		"still the one it was":    {"127.0.0.1", ""},
		"all of them not allowed": {"127.0.0.2 10.0.0.1 ::1", "; to allow it"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked, elsewhere atomic.Int32
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if to, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); !ok || !to.IP.Equal(net.IPv4(127, 0, 0, 1)) {
					elsewhere.Add(1)
				}
				w.Header().Set("Connection", "close") // so that the next exchange looks the name up
			})}}
			server.Start()
			defer server.Close()
			guard := guardOf("127.0.0.1/32")
			out := egress.NewWebhooks(guard)
			defer out.Close()
			dns := fakeDNS(t, "127.0.0.1", c.second)
			out.LookUpWith(dns.resolver())
			url := dns.urlOf(server.URL)
			require.NoError(t, guard.CheckURL(url))

			_, err = out.Post(t.Context(), url, nil, []byte("{}"), patience)
			require.NoError(t, err)
			_, err = out.Post(t.Context(), url, nil, []byte("{}"), patience)
			require.EqualValues(t, 2, dns.asked.Load())
			require.Zero(t, elsewhere.Load())
			if c.refused == "" {
				require.NoError(t, err)
				require.EqualValues(t, 2, asked.Load())
				return
			}
			requireRefused(t, err, c.refused)
			requireFailed(t, err, "refused_address", "Nothing was sent", c.refused)
			require.EqualValues(t, 1, asked.Load())
		})
	}
}

func TestLookUpsThatFail(t *testing.T) {
	out := wayOut(t)
	out.LookUpWith(fakeDNS(t).resolver())
	_, err := out.Post(t.Context(), "http://"+fakeHost+"/?key=s3cret", nil, nil, patience)
	requireFailed(t, err, "dns", "has no address")
	out.LookUpWith(&net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, net.UnknownNetworkError("none")
	}})
	_, err = out.Post(t.Context(), "http://"+fakeHost+"/?key=s3cret", nil, nil, patience)
	requireFailed(t, err, "dns", "could not be looked up")
	require.NotContains(t, err.Error(), "s3cret")
}
