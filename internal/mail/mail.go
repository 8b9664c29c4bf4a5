// Package mail sends mails by the SMTP server of whoever runs the gateway.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Mail is one mail. Its texts have no line ends but those of its bodies.
type Mail struct {
	ID      string // the same for each attempt to send it; Message-ID is made of it
	To      []string
	ReplyTo string // empty where answers go to the sender
	Subject string
	Plain   string
	HTML    string
}

// Server is where mails are handed in.
type Server struct {
	host     string
	port     int
	implicit bool // TLS from the first byte on
	user     string
	password secret.String
	from     *mail.Address
	// Trusted are the authorities that may sign its certificate; nil is those of this machine.
	Trusted *x509.CertPool

	connections connections
}

// The ports where nothing is said.
const (
	portImplicit = 465
	portSTARTTLS = 587
)

// New reads smtps://user:password@host:465, with TLS from the beginning, or smtp://…:587, which has to offer
// STARTTLS unless it is on this machine; and the sender, such as Beckon <beckon@example.com>. The error shows
// neither user nor password.
func New(rawURL secret.String, from string) (*Server, error) {
	u, err := url.Parse(rawURL.Reveal())
	if err != nil || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Hostname() == "" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("must be a URL such as smtps://user:password@mail.example.com:465, " +
			"or smtp://… for STARTTLS")
	}
	s := &Server{
		host:        u.Hostname(),
		implicit:    u.Scheme == "smtps",
		port:        portSTARTTLS,
		connections: connections{slots: make(chan struct{}, maxConnections), idleFor: idleFor},
	}
	if s.implicit {
		s.port = portImplicit
	}
	if u.Port() != "" {
		if s.port, err = strconv.Atoi(u.Port()); err != nil || s.port < 1 || s.port > 65535 {
			return nil, errors.New("must have a port from 1 to 65535")
		}
	}
	s.user = u.User.Username()
	password, _ := u.User.Password()
	s.password = secret.String(password)
	if s.from, err = ParseAddress(from); err != nil {
		return nil, ErrFrom
	}
	return s, nil
}

// ErrFrom is what is wrong with a sender.
var ErrFrom = errors.New("must be the sender's address, such as Beckon <beckon@example.com>")

// ParseAddress reads one address, which has no line end in it.
func ParseAddress(text string) (*mail.Address, error) {
	if strings.ContainsAny(text, "\r\n\x00") {
		return nil, errors.New("it has a line end in it")
	}
	return mail.ParseAddress(text)
}

// Send hands a mail in. It keeps the connection for a while for those that follow. An error is a *problem.Error
// that says what to do; its kind is Unprocessable where this mail is never taken, and Unavailable where it may be
// later.
func (s *Server) Send(ctx context.Context, m Mail, timeout time.Duration) error {
	message, err := s.message(m)
	if err != nil {
		return problem.New(problem.Unprocessable, "mail",
			"The mail cannot be written: look at the addresses of the endpoint.").Because(err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := s.hand(ctx, message, timeout); err != nil {
		return s.explain(err)
	}
	return nil
}

// Close ends the connections to the server.
func (s *Server) Close() { s.connections.close() }

func (s *Server) client(timeout time.Duration) (*gomail.Client, error) {
	options := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithTimeout(timeout), gomail.WithTLSPolicy(gomail.TLSMandatory),
		gomail.WithTLSConfig(&tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12, RootCAs: s.Trusted}),
	}
	switch {
	case s.implicit:
		options = append(options, gomail.WithSSL())
	case isHere(s.host):
		options = append(options, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	}
	if s.user != "" {
		options = append(options, gomail.WithUsername(s.user), gomail.WithPassword(s.password.Reveal()),
			gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover))
	}
	return gomail.NewClient(s.host, options...)
}

// isHere reports whether a host is this machine, where nobody reads along.
func isHere(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (s *Server) message(m Mail) (*gomail.Msg, error) {
	out := gomail.NewMsg()
	out.FromMailAddress(s.from)
	if err := out.To(m.To...); err != nil {
		return nil, err
	}
	if m.ReplyTo != "" {
		address, err := ParseAddress(m.ReplyTo)
		if err != nil {
			return nil, err
		}
		out.ReplyToMailAddress(address)
	}
	out.Subject(m.Subject)
	out.SetDate()
	out.SetMessageIDWithValue(m.ID + s.from.Address[strings.LastIndexByte(s.from.Address, '@'):])
	out.SetGenHeader("Auto-Submitted", "auto-generated") // so that no vacation notice answers it (RFC 3834)
	out.SetBodyString(gomail.TypeTextPlain, m.Plain)
	out.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return out, nil
}

// explain says what became of a mail that was not taken, in words that hold no credentials.
func (s *Server) explain(err error) error {
	place := net.JoinHostPort(s.host, strconv.Itoa(s.port))
	failed := func(kind problem.Kind, format string, args ...any) error {
		return problem.New(kind, "mail", format, args...).Because(err)
	}
	if refused, ok := errors.AsType[*gomail.SendError](err); ok && refused.ErrorCode() != 0 {
		code := refused.ErrorCode()
		if code >= 550 && code <= 559 {
			return failed(problem.Unprocessable,
				"The mail server %s refused the mail for good (%d). Look at the recipient's address, and at smtp.from.",
				place, code)
		}
		return failed(problem.Unavailable,
			"The mail server %s does not take the mail now (%d). It is tried again.", place, code)
	}
	text := strings.ToLower(err.Error())
	switch {
	case errors.Is(err, errBusy):
		return failed(problem.Unavailable,
			"The mail server %s takes so long for other mails that this one's time is over. It is tried again.", place)
	case strings.Contains(text, "starttls"):
		return failed(problem.Unavailable,
			"The mail server %s offers no STARTTLS. Use smtps:// where it has TLS from the beginning.", place)
	case strings.Contains(text, "certificate") || strings.Contains(text, "x509") || strings.Contains(text, "tls:"):
		return failed(problem.Unavailable,
			"The TLS connection to the mail server %s failed. Look at its certificate, "+
				"and at smtps:// or smtp:// in smtp.url.", place)
	case strings.Contains(text, "auth") || strings.Contains(text, "535"):
		return failed(problem.Unavailable,
			"The mail server %s did not accept the user and password in smtp.url.", place)
	}
	return failed(problem.Unavailable,
		"The mail server %s could not be reached, or it broke off. Look at smtp.url, and at whether it runs.", place)
}

// String is where mails are handed in.
func (s *Server) String() string { return fmt.Sprintf("%s:%d", s.host, s.port) }
