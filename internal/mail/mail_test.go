package mail_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"beckon/internal/egress/egresstest"
	"beckon/internal/mail"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

const patience = 20 * time.Second

// mailbox is an SMTP server that keeps what it gets.
type mailbox struct {
	mu      sync.Mutex
	mails   []string
	to      []string
	logins  int
	refuses *smtp.SMTPError
	address string

	connections, open int
	closeAfter        int // mails, after which it closes a connection; 0 never does
	busyAfter         int // mails of a connection, after which it says 421; 0 never does
}

// counted counts the connections of a listener.
type counted struct {
	net.Listener
	b *mailbox
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.b.connections++
	c.b.open++
	return &closing{Conn: conn, b: c.b}, nil
}

type closing struct {
	net.Conn
	b    *mailbox
	once sync.Once
}

func (c *closing) Close() error {
	c.once.Do(func() {
		c.b.mu.Lock()
		defer c.b.mu.Unlock()
		c.b.open--
	})
	return c.Conn.Close()
}

// counts are the connections that it has had, those that are open, and its mails.
func (b *mailbox) counts() (connections, open, mails int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connections, b.open, len(b.mails)
}

func newMailbox(t *testing.T, config *tls.Config, implicit bool) *mailbox {
	b := &mailbox{}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{b: b, c: c}, nil }))
	server.Domain, server.TLSConfig, server.AllowInsecureAuth = "localhost", config, config == nil
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.address = listener.Addr().String()
	listener = counted{listener, b}
	if implicit {
		listener = tls.NewListener(listener, config)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return b
}

type session struct {
	b     *mailbox
	c     *smtp.Conn
	mails int
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "ops" || password != "hunter22" {
			return errors.New("wrong")
		}
		s.b.mu.Lock()
		defer s.b.mu.Unlock()
		s.b.logins++
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.b.busyAfter > 0 && s.mails >= s.b.busyAfter {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "too many mails"}
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.b.refuses != nil {
		return s.b.refuses
	}
	s.b.to = append(s.b.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	s.b.mails = append(s.b.mails, string(text))
	s.mails++
	return err
}

// Reset is called when a mail was taken.
func (s *session) Reset() {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	if s.b.closeAfter > 0 && s.mails >= s.b.closeAfter {
		_ = s.c.Conn().SetDeadline(time.Now())
	}
}
func (s *session) Logout() error { return nil }

func (b *mailbox) server(t *testing.T, before string) *mail.Server {
	s, err := mail.New(secret.String(before+b.address), "Beckon <beckon@example.com>")
	require.NoError(t, err)
	return s
}

var some = mail.Mail{ID: "evt_1", To: []string{"ops@example.com", "second@example.com"}, ReplyTo: `"Ada, of Acme" <ada@example.org>`, Subject: "Größe & more", Plain: "plain ü\n", HTML: "<p>html ü</p>"}

// secured is a mailbox that speaks TLS, from the beginning or by STARTTLS, and who trusts it.
func secured(t *testing.T, implicit bool) (*mailbox, *x509.CertPool) {
	authority := egresstest.NewAuthority(t)
	own, err := tls.X509KeyPair(authority.Issue(t, "mail", time.Hour))
	require.NoError(t, err)
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority.PEM)
	return newMailbox(t, &tls.Config{Certificates: []tls.Certificate{own}}, implicit), trusted
}

func TestTLSAndALogin(t *testing.T) {
	for scheme, implicit := range map[string]bool{"smtp": false, "smtps": true} {
		b, trusted := secured(t, implicit)
		s := b.server(t, scheme+"://ops:hunter22@")
		require.ErrorContains(t, s.Send(t.Context(), some, patience), "TLS connection to the mail server", "nobody trusts it")
		s.Trusted = trusted
		require.NoError(t, s.Send(t.Context(), some, patience), scheme)
		require.Equal(t, 1, b.logins)
		require.Equal(t, []string{"ops@example.com", "second@example.com"}, b.to)
		wrong := b.server(t, scheme+"://ops:wr0ng@")
		wrong.Trusted = trusted
		err := wrong.Send(t.Context(), some, patience)
		require.ErrorContains(t, err, "did not accept the user and password in smtp.url")
		require.NotContains(t, problem.Of(err).Detail, "wr0ng")
		require.Len(t, b.mails, 1)
	}
}

func TestAMailIsReadAsItWasWritten(t *testing.T) {
	b := newMailbox(t, nil, false)
	require.NoError(t, b.server(t, "smtp://").Send(t.Context(), some, patience))
	m, err := netmail.ReadMessage(strings.NewReader(b.mails[0]))
	require.NoError(t, err)
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, "Größe & more", subject)
	require.Equal(t, "<evt_1@example.com>", m.Header.Get("Message-ID"), "the same in each attempt")
	require.Equal(t, "auto-generated", m.Header.Get("Auto-Submitted"))
	_, err = m.Header.Date()
	require.NoError(t, err)
	for name, want := range map[string]string{"From": "beckon@example.com", "Reply-To": "ada@example.org"} {
		list, err := m.Header.AddressList(name)
		require.NoError(t, err)
		require.Equal(t, want, list[0].Address)
		require.Len(t, list, 1)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	var parts []string
	for reader := multipart.NewReader(m.Body, params["boundary"]); ; {
		part, err := reader.NextRawPart()
		if err != nil {
			break
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		require.NoError(t, err)
		parts = append(parts, part.Header.Get("Content-Type")+"|"+strings.TrimSpace(string(text)))
	}
	require.Equal(t, []string{"text/plain; charset=UTF-8|plain ü", "text/html; charset=UTF-8|<p>html ü</p>"}, parts)
}

func TestNobodyAddsAHeader(t *testing.T) {
	b := newMailbox(t, nil, false)
	s := b.server(t, "smtp://")
	m := some
	m.Subject = "a\r\nBcc: evil@example.com\r\n\r\nbody"
	require.NoError(t, s.Send(t.Context(), m, patience))
	read, err := netmail.ReadMessage(strings.NewReader(b.mails[0]))
	require.NoError(t, err)
	require.Empty(t, read.Header.Get("Bcc"))
	for _, address := range []string{"a@example.com\r\nBcc: evil@example.com", "\"x\r\nBcc: evil@example.com\" <a@example.com>", "a@example.com, b@example.com", ""} {
		_, err := mail.ParseAddress(address)
		require.Error(t, err, address)
	}
	m = some
	m.To = []string{"a@example.com\r\nDATA"}
	require.True(t, problem.Is(s.Send(t.Context(), m, patience), problem.Unprocessable))
	require.Len(t, b.mails, 1)
}

func TestWhyAMailWasNotTaken(t *testing.T) {
	b := newMailbox(t, nil, false)
	require.ErrorContains(t, b.server(t, "smtps://").Send(t.Context(), some, patience), "TLS connection to the mail server")

	b.refuses = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	err := b.server(t, "smtp://").Send(t.Context(), some, patience)
	require.ErrorContains(t, err, "refused the mail for good (550)")
	require.True(t, problem.Is(err, problem.Unprocessable))
	b.refuses = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}
	err = b.server(t, "smtp://").Send(t.Context(), some, patience)
	require.ErrorContains(t, err, "does not take the mail now (451)")
	require.True(t, problem.Is(err, problem.Unavailable))

	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	s, err := mail.New(secret.String("smtp://ops:hunter22@"+gone.Addr().String()), "beckon@example.com")
	require.NoError(t, err)
	err = s.Send(context.Background(), some, patience)
	require.ErrorContains(t, err, "could not be reached")
	require.NotContains(t, problem.Of(err).Detail, "hunter22")
}

func TestServersThatAreNone(t *testing.T) {
	for _, url := range []secret.String{"", "mail.example.com", "https://mail.example.com", "smtp://", "smtp://mail.example.com/path", "smtp://mail.example.com:0", "smtp://mail.example.com?x=1"} {
		_, err := mail.New(url, "beckon@example.com")
		require.Error(t, err, url.Reveal())
		require.NotErrorIs(t, err, mail.ErrFrom)
	}
	for _, from := range []string{"", "Beckon", "a@example.com, b@example.com", "a@example.com\r\nX: y"} {
		_, err := mail.New("smtp://mail.example.com", from)
		require.ErrorIs(t, err, mail.ErrFrom, from)
	}
	s, err := mail.New("smtps://a:b@mail.example.com", "a@example.com")
	require.NoError(t, err)
	require.Equal(t, "mail.example.com:465", s.String())
}
