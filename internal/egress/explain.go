package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// The codes of Explain.
const (
	codeDNS      = "dns"
	codeRefused  = "refused_address"
	codeClosed   = "connection_refused"
	codeReset    = "connection_reset"
	codeTLS      = "tls"
	codeTimeout  = "timeout"
	codeHTTP2    = "http2"
	codeTooLarge = "answer_too_large"
	codeCanceled = "canceled"
	codeNetwork  = "network"
)

// failure is an exchange that did not come to its end.
type failure struct {
	cause    error
	answered bool // the answer had begun
	limit    time.Duration
}

func (f *failure) Error() string { return f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

// failed makes a failure. When the exchange's time is over that is the cause, whatever it was that gave way first.
func failed(ctx context.Context, err error, answered bool, limit time.Duration) error {
	if over := ctx.Err(); over != nil {
		err = fmt.Errorf("%w: %w", over, err)
	}
	return &failure{err, answered, limit}
}

// Explain says for a person what became of an exchange that Post returned an error of: a stable code, and what
// happened and what to do about it, without secrets and without what the receiver may have put into the error.
func Explain(err error) (code, text string) {
	if err == nil {
		return "", ""
	}
	f, ok := errors.AsType[*failure](err)
	if !ok {
		f = &failure{cause: err}
	}
	for _, explain := range []func(*failure) (code, text string){
		explainRefused, explainEnd, explainAnswer, explainDNS, explainTLS, explainConnection,
	} {
		if code, text := explain(f); code != "" {
			return code, text
		}
	}
	return codeNetwork, "The exchange with the receiver failed on the network, or it does not speak HTTP. " +
		"Look at the URL, and at what stands between here and there."
}

func explainRefused(f *failure) (code, text string) {
	r, ok := errors.AsType[*Refused](f.cause)
	switch {
	case !ok:
		return "", ""
	case r.host == "":
		return codeRefused, "The URL " + r.reason + "."
	}
	return codeRefused, "Nothing was sent: " + r.Error() + "."
}

// explainEnd is for an exchange that was ended from here.
func explainEnd(f *failure) (code, text string) {
	var timeout net.Error
	var lookup *net.DNSError
	switch {
	case errors.Is(f.cause, context.Canceled):
		return codeCanceled, "The exchange was given up before it had ended."
	case f.answered && errors.Is(f.cause, context.DeadlineExceeded):
		return codeTimeout, fmt.Sprintf("The receiver's answer was not complete within %s. "+
			"It should answer at once and do its work afterwards.", f.limit)
	case f.limit > 0 && errors.Is(f.cause, context.DeadlineExceeded) && !isDial(f.cause):
		return codeTimeout, fmt.Sprintf("The receiver did not answer within %s. "+
			"It should answer at once and do its work afterwards.", f.limit)
	case errors.As(f.cause, &lookup):
		return "", ""
	case errors.As(f.cause, &timeout) && timeout.Timeout():
		return codeTimeout, "Connecting to the receiver took too long. Check that it is running, " +
			"and check the firewalls on the way."
	}
	return "", ""
}

// isDial reports whether it was the dialler's own time that ran out: its errors look like those of a context.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// explainAnswer is for answers that net/http gave up on. Its errors have no types, so their texts tell.
func explainAnswer(f *failure) (code, text string) {
	switch said := f.cause.Error(); {
	case contains(said, "server response headers exceeded", "header list larger than", "header list too large"):
		return codeTooLarge, fmt.Sprintf("The header of the receiver's answer is larger than %d KiB.",
			webhookMaxHeaderBytes>>10)
	case contains(said, "http2: client connection lost"): // a ping was not answered
		return codeTimeout, "The receiver, or the network on the way to it, fell silent in the middle of the exchange."
	case contains(said, "http2: ", "stream error: ", "connection error: "):
		return codeHTTP2, "The receiver broke off the exchange by the means of HTTP/2. Its log, " +
			"or that of the proxy in front of it, says why."
	}
	return "", ""
}

func explainDNS(f *failure) (code, text string) {
	lookup, ok := errors.AsType[*net.DNSError](f.cause)
	switch {
	case !ok:
		return "", ""
	case lookup.IsNotFound:
		return codeDNS, "The receiver's name has no address. Look at the spelling of the URL's host, " +
			"and at its DNS records."
	case lookup.IsTimeout:
		return codeDNS, "The look-up of the receiver's name got no answer in time. " +
			"Look at the name servers of this machine and of the domain."
	}
	return codeDNS, "The receiver's name could not be looked up. " +
		"Look at the name servers of this machine and of the domain."
}

func explainTLS(f *failure) (code, text string) {
	var (
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		record  tls.RecordHeaderError
		op      *net.OpError
	)
	said := f.cause.Error()
	switch {
	case errors.As(f.cause, &name):
		return codeTLS, "The receiver's certificate is not for the name in the URL."
	case errors.As(f.cause, &invalid) && invalid.Reason == x509.Expired:
		return codeTLS, "The receiver's certificate has expired, or is not valid yet. Renew it, and look at the clocks."
	case errors.As(f.cause, &unknown):
		return codeTLS, "The receiver's certificate is signed by nobody that this machine trusts, " +
			"or the intermediate certificates are missing: the receiver must send the whole chain. " +
			"An authority of your own is named in egress.ca."
	case errors.As(f.cause, &record), contains(said, "server gave HTTP response to HTTPS client"):
		return codeTLS, "The receiver does not speak TLS on this port. Is it an http:// URL?"
	case contains(said, "remote error: tls: certificate required"):
		return codeTLS, "The receiver asks for a client certificate. Name one that it accepts in egress.clientCert."
	case contains(said, "remote error: tls: bad certificate", "remote error: tls: unknown certificate",
		"remote error: tls: unsupported certificate",
		"remote error: tls: revoked certificate", "remote error: tls: expired certificate"):
		return codeTLS, "The receiver does not accept the client certificate. " +
			"Look at who has signed egress.clientCert, and until when it is valid."
	case errors.As(f.cause, &op) && op.Op == "remote error", contains(said, "tls: ", "x509: "):
		return codeTLS, "The receiver and Beckon could not agree on a secure connection. " +
			"It must speak TLS 1.2 or newer and have a valid certificate."
	}
	return "", ""
}

func explainConnection(f *failure) (code, text string) {
	is := func(list ...error) bool {
		for _, e := range list {
			if errors.Is(f.cause, e) {
				return true
			}
		}
		return false
	}
	switch {
	case is(syscall.ECONNREFUSED):
		return codeClosed, "Nothing listens at the receiver's address and port. Check that it is running, " +
			"and check the port in the URL."
	case f.answered && is(io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE):
		return codeReset, "The receiver closed the connection in the middle of its answer."
	case is(io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNABORTED,
		syscall.EPIPE), contains(f.cause.Error(), "server closed idle connection"):
		return codeReset, "The receiver closed the connection without an answer. Its log, " +
			"or that of the proxy in front of it, may say why."
	case is(syscall.EHOSTUNREACH, syscall.ENETUNREACH):
		return codeNetwork, "There is no way to the receiver's address from here. Look at this machine's network, " +
			"and at whether it has the receiver's kind of address (IPv4 or IPv6)."
	}
	return "", ""
}

func contains(said string, any ...string) bool {
	for _, part := range any {
		if strings.Contains(said, part) {
			return true
		}
	}
	return false
}
