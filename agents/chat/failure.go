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

	"beckon/agents/chat/completion"
	"beckon/internal/memory"
	"beckon/internal/problem"
	"beckon/internal/units"
)

// failure is how an attempt went wrong: a status, an error before there was a complete answer, or an answer that is
// none.
type failure struct {
	status     int
	redirect   bool   // the status leads to another URL
	body       []byte // of the status, bounded; it may echo the prompt or the key
	retryAfter time.Duration
	err        error
	timedOut   bool                   // by the provider's timeout
	answer     *completion.Completion // what there was of one; nil for nothing
	attempts   int                    // how many there were
	gaveUp     time.Duration          // the wait for which there was no time left
	own        *problem.Error         // what we have against it ourselves; nil for nothing

	found *diagnosis // see diagnose
}

// Error implements error. It is safe to log: it has nothing of the body, and none of the transport's words.
func (f *failure) Error() string {
	switch {
	case f.own != nil:
		return f.own.Code
	case f.status != 0:
		return fmt.Sprintf("status %d", f.status)
	case f.timedOut:
		return "timeout"
	case f.err != nil:
		return unreachable(f.err)
	}
	return f.diagnose().code
}

// passing reports whether another attempt may go better.
func (f *failure) passing() bool { return f.diagnose().passes }

// begun reports whether a part of the answer had come.
func (f *failure) begun() bool { return f.answer != nil && f.answer.Text != "" }

// explain turns the failure of a call into a problem whose detail may be shown and whose cause may be logged.
func (m *model) explain(ctx context.Context, f *failure, said []string) error {
	if deadline, ok := ctx.Deadline(); ctx.Err() != nil || (ok && !time.Now().Before(deadline)) {
		return m.ended(ctx) // a dial gives up at the deadline, a moment before the context says so
	}
	if errors.Is(f.err, memory.ErrFull) {
		return memory.ErrFull
	}
	if f.own != nil {
		return f.own
	}
	return m.problemOf(f).After(f.retryAfter).Because(m.cause(f, said))
}

// problemOf says what a failure means, and what to do.
func (m *model) problemOf(f *failure) *problem.Error {
	if f.own != nil {
		return f.own
	}
	id, code := m.provider, f.diagnose().code
	upstream := func(format string, args ...any) *problem.Error {
		return problem.New(problem.Upstream, code, format, args...)
	}
	switch code {
	case memory.ErrFull.Code:
		return memory.ErrFull
	case codeTimeout:
		return upstream("The provider %q did not answer within %s%s.", id, units.Duration(m.timeout), f.history())
	case codeUnreachable:
		if f.err == nil || f.begun() {
			return upstream("The provider %q broke off its answer%s.", id, f.history())
		}
		return upstream("The provider %q cannot be reached: %s%s.", id, unreachable(f.err), f.history())
	case codeInvalid:
		if errors.Is(f.err, completion.ErrTooLarge) {
			return upstream("The provider %q sent an answer of more than %d MiB.", id, completion.MaxBytes>>20)
		}
		return upstream("The provider %q sent something that is not %s. Check its url%s.",
			id, m.wire.answer, m.wire.check)
	case codeUnauthorized:
		return upstream("The provider %q refused the API key%s. Check its apiKey and headers.", id, f.withStatus())
	case codeRateLimited:
		return upstream("The provider %q limits how often it is asked%s.", id, f.history())
	case codeQuota:
		return upstream("The quota of provider %q is used up%s. Raise its limit or pay its bill; "+
			"until then it refuses every call.",
			id, f.withStatus())
	case codeRefused:
		return upstream("A content filter of provider %q refused the request of agent %q. Reword the prompt.",
			id, m.agent)
	case codeTooLong:
		return upstream("The prompt of agent %q is too long for the model %q. "+
			"Shorten it, lower maxTokens, or choose a model with a larger context.", m.agent, m.name)
	case codeNoModel:
		return upstream("The provider %q has no model %q%s. Choose another model for the agent %q.",
			id, m.name, f.withStatus(), m.agent)
	case codeRejected:
		if name := m.request.rejected(f.diagnose()); name != "" {
			return problem.New(problem.Upstream, codeParameter, "The provider %q rejected the parameter %q%s. "+
				"Take it out of the agent's or the provider's settings, or change it; "+
				"the run's page in the administration has the provider's reason.",
				id, name, f.withStatus())
		}
		return upstream("The provider %q rejected the request%s. Check the provider's url, "+
			"the agent's model %q and its settings; "+
			"the run's page in the administration has the provider's reason.", id, f.withStatus(), m.name)
	}
	switch {
	case f.redirect:
		return upstream("The provider %q answered with a redirect (status %d), which is not followed. Check its url.",
			id, f.status)
	case f.status != 0:
		return upstream("The provider %q failed with status %d%s.", id, f.status, f.history())
	case f.answer.Error == nil:
		return upstream("The provider %q ended its answer with %q%s.", id, bounded(f.answer.Finish), f.history())
	}
	return upstream("The provider %q answered with an error%s; the run's page in the administration has its reason.",
		id, f.history())
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
	return problem.New(problem.Expired, problem.CodeAgentTimeout,
		"The agent %q exceeded its timeout. Raise the timeout, or ask for less.", m.agent).Because(cause)
}

// withStatus names the status, where there was one.
func (f *failure) withStatus() string {
	if f.status == 0 || f.status == http.StatusOK {
		return ""
	}
	return fmt.Sprintf(" (status %d)", f.status)
}

// history tells how often it was tried, and why no more.
func (f *failure) history() (s string) {
	if f.attempts > 1 {
		s = fmt.Sprintf(" (%d attempts)", f.attempts)
	}
	if f.gaveUp > 0 {
		s += fmt.Sprintf("; the next attempt would have come in %s, after the agent's time",
			units.Duration(f.gaveUp.Round(time.Second/10)))
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

// bounded is a word of the provider's that is shown.
func bounded(word string) string { return word[:min(len(word), 64)] }
