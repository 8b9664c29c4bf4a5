package chat

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/sashabaranov/go-openai"

	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/internal/units"
)

const statusOverloaded = 529 // Anthropic's: https://docs.anthropic.com/en/api/errors

// failure is how the last attempt went wrong: a status, or an error before there was a complete answer.
type failure struct {
	status     int
	body       []byte // of the status, bounded; it may echo the prompt or the key
	retryAfter time.Duration
	err        error
	timedOut   bool          // by the provider's timeout
	begun      bool          // a streamed answer had
	attempts   int           // how many there were
	gaveUp     time.Duration // the wait for which there was no time left
}

// Error implements error. It is safe to log: it has nothing of the body, and none of the transport's words.
func (f *failure) Error() string {
	switch {
	case f.status != 0:
		return fmt.Sprintf("status %d", f.status)
	case f.timedOut:
		return "timeout"
	}
	return unreachable(f.err)
}

// passing reports whether another attempt may go better.
func (f *failure) passing() bool {
	switch f.status {
	case 0:
		return !errors.Is(f.err, errTooLarge) && !errors.Is(f.err, memory.ErrFull) && !isCertificate(f.err)
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout, statusOverloaded:
		return true
	}
	return false
}

// explain turns the error of a call into a problem whose detail may be shown and whose cause may be logged.
func (m *model) explain(ctx context.Context, err error, said []openai.ChatCompletionMessage) error {
	if deadline, ok := ctx.Deadline(); ctx.Err() != nil || (ok && !time.Now().Before(deadline)) {
		return m.ended(ctx) // a dial gives up at the deadline, a moment before the context says so
	}
	id := m.provider
	f, ok := errors.AsType[*failure](err)
	if errors.Is(err, memory.ErrFull) || ok && errors.Is(f.err, memory.ErrFull) {
		return memory.ErrFull // which is no fault of the provider's
	}
	if api, isAPI := errors.AsType[*openai.APIError](err); !ok && isAPI { // in the middle of a stream
		return problem.New(problem.Upstream, "provider_error", "The provider %q broke off its answer with an error, which the log names.", id).Because(
			m.cause(&failure{err: errors.New(api.Message)}, said))
	}
	if !ok { // go-openai could not make sense of a complete answer
		return problem.New(problem.Upstream, "provider_invalid_response",
			"The provider %q sent something that is not a chat completion. Check its url.", id).Because(fmt.Errorf("POST %s: %w", m.url, err))
	}
	var p *problem.Error
	switch {
	case f.timedOut:
		p = problem.New(problem.Upstream, "provider_timeout", "The provider %q did not answer within %s%s.",
			id, units.Duration(m.timeout), f.history())
	case errors.Is(f.err, errTooLarge):
		p = problem.New(problem.Upstream, "provider_invalid_response", "The provider %q sent an answer of more than %d MiB.", id, maxAnswer>>20)
	case f.begun:
		p = problem.New(problem.Upstream, "provider_unreachable", "The provider %q broke off its answer: %s.", id, unreachable(f.err))
	case f.status == 0:
		p = problem.New(problem.Upstream, "provider_unreachable", "The provider %q cannot be reached: %s%s.", id, unreachable(f.err), f.history())
	default:
		p = m.refused(f)
	}
	return p.After(f.retryAfter).Because(m.cause(f, said))
}

// refused says what a status other than 2xx means.
func (m *model) refused(f *failure) *problem.Error {
	id := m.provider
	switch f.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return problem.New(problem.Upstream, "provider_unauthorized",
			"The provider %q refused the API key (status %d). Check its apiKey and headers.", id, f.status)
	case http.StatusTooManyRequests:
		return problem.New(problem.Upstream, "provider_rate_limited", "The provider %q limits how often it is asked%s.", id, f.history())
	case http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return problem.New(problem.Upstream, "provider_rejected",
			"The provider %q rejected the request (status %d). Check the provider's url, the agent's model %q and its settings; the log has the provider's reason.",
			id, f.status, m.request.Model)
	}
	if f.status >= 300 && f.status < 400 {
		return problem.New(problem.Upstream, "provider_error",
			"The provider %q answered with a redirect (status %d), which is not followed. Check its url.", id, f.status)
	}
	return problem.New(problem.Upstream, "provider_error", "The provider %q failed with status %d%s.", id, f.status, f.history())
}

// ended says why ctx did. Whoever set its deadline may have left a problem as the cause, which knows more.
func (m *model) ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if p, ok := errors.AsType[*problem.Error](cause); ok {
		return p
	}
	if err := ctx.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		if errors.Is(cause, err) {
			return fmt.Errorf("agent %q was stopped: %w", m.agent, cause)
		}
		return fmt.Errorf("agent %q was stopped: %w: %w", m.agent, err, cause)
	}
	if cause == nil {
		cause = context.DeadlineExceeded
	}
	return problem.New(problem.Expired, "agent_timeout", "The agent %q ran out of its time. Raise its timeout, or ask for less.", m.agent).Because(cause)
}

// history tells how often it was tried, and why no more.
func (f *failure) history() (s string) {
	if f.attempts > 1 {
		s = fmt.Sprintf(" (%d attempts)", f.attempts)
	}
	if f.gaveUp > 0 {
		s += fmt.Sprintf("; the next attempt would have come in %s, after the agent's time", units.Duration(f.gaveUp.Round(time.Second/10)))
	}
	return s
}

func unreachable(err error) string {
	_, isDNS := errors.AsType[*net.DNSError](err)
	_, isPlain := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case isDNS:
		return "the name of its host was not found"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it refuses connections"
	case isCertificate(err):
		return "its TLS certificate cannot be trusted"
	case isPlain:
		return "it does not speak TLS"
	}
	return "the connection broke off"
}

func isCertificate(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}
