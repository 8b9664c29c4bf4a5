package chat

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"beckon/agents/chat/completion"
	"beckon/internal/memory"
	"beckon/internal/problem"
)

// What may be wrong with a provider or a request, as the codes of problems.
const (
	codeTimeout      = problem.CodeProviderTimeout
	codeUnreachable  = problem.CodeProviderUnreachable
	codeInvalid      = problem.CodeProviderInvalidResponse
	codeError        = problem.CodeProviderError
	codeUnauthorized = problem.CodeProviderUnauthorized
	codeRateLimited  = problem.CodeProviderRateLimited
	codeQuota        = problem.CodeProviderQuota
	codeRejected     = problem.CodeProviderRejected
	codeParameter    = problem.CodeParameterRejected
	codeNoModel      = problem.CodeModelNotFound
	codeTooLong      = problem.CodeContextTooLong
	codeRefused      = problem.CodeCompletionRefused
)

// passingStatuses are those after which another attempt may go better. 599 and 530 are what proxies say of a server
// that did not answer, 529 is Anthropic's "overloaded".
var passingStatuses = []int{
	http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests,
	http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	http.StatusInsufficientStorage,
	520, 521, 522, 523, 524, 529, 530, 599,
}

// diagnosis is what went wrong in an attempt, as far as it can be known.
type diagnosis struct {
	code   string
	passes bool              // another attempt may go better
	said   *completion.Error // nil when the provider gave no reason that is understood
	words  string            // all that it said, in lower case
}

// diagnose finds out what went wrong.
func (f *failure) diagnose() *diagnosis {
	if f.found == nil {
		f.found = f.findOut()
	}
	return f.found
}

func (f *failure) findOut() *diagnosis {
	switch {
	case f.own != nil:
		return &diagnosis{code: f.own.Code}
	case f.timedOut:
		return &diagnosis{code: codeTimeout, passes: true}
	case errors.Is(f.err, completion.ErrTooLarge):
		return &diagnosis{code: codeInvalid}
	case errors.Is(f.err, memory.ErrFull): // which is no fault of the provider's
		return &diagnosis{code: memory.ErrFull.Code}
	case f.err != nil:
		return &diagnosis{code: codeUnreachable, passes: !isCertificate(f.err)}
	case f.status != 0:
		d := &diagnosis{said: completion.ParseError(f.body)}
		d.words = words(d.said, f.body)
		d.code, d.passes = judge(f.status, d, f.retryAfter)
		return d
	case f.answer.End == completion.Broken:
		return &diagnosis{code: codeUnreachable, passes: true}
	case f.answer.End == completion.Unreadable:
		return &diagnosis{code: codeInvalid}
	}
	return diagnoseAnswer(f.answer)
}

// diagnoseAnswer finds out why an answer of status 200 is none: an error beside its choices or in their place, or a
// finish reason that is one.
func diagnoseAnswer(c *completion.Completion) *diagnosis {
	if c.Error == nil {
		return &diagnosis{code: codeError, passes: true, words: c.Finish}
	}
	d := &diagnosis{said: c.Error}
	d.words = words(c.Error, nil)
	d.code, d.passes = judge(c.Error.Status, d, 0)
	if d.code == codeRejected { // there was no status to say so
		d.code = codeError
	}
	if saysRateLimited.MatchString(d.words) && d.code == codeError {
		d.code = codeRateLimited
	}
	if d.code == codeError || d.code == codeRateLimited {
		d.passes = d.passes || saysPassing.MatchString(d.words)
	}
	return d
}

// judge says what a status and the provider's words mean. The words come first: one status stands for many things.
func judge(status int, d *diagnosis, retryAfter time.Duration) (code string, passes bool) {
	passes = slices.Contains(passingStatuses, status)
	rejects := status == 0 || status >= 400 && status < 500
	switch {
	case rejects && status != http.StatusUnauthorized && d.saysQuota(retryAfter), status == http.StatusPaymentRequired:
		return codeQuota, false
	case status == http.StatusTooManyRequests:
		return codeRateLimited, true
	case (rejects || status == http.StatusInternalServerError) && saysTooLong.MatchString(d.words):
		return codeTooLong, false
	case rejects && status != http.StatusUnauthorized && saysRefused.MatchString(d.words):
		return codeRefused, false
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return codeUnauthorized, false
	case rejects && !passes && saysNoModel.MatchString(d.words):
		return codeNoModel, false
	}
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return codeRejected, false
	}
	return codeError, passes
}

// saysQuota tells a quota that is used up from a limit of the minute, for which some providers have the same words.
func (d *diagnosis) saysQuota(retryAfter time.Duration) bool {
	return saysQuota.MatchString(d.words) &&
		(saysQuotaForGood.MatchString(d.words) || retryAfter == 0 && !saysRetry.MatchString(d.words))
}

// words are all that a provider has said.
func words(said *completion.Error, body []byte) string {
	if said == nil {
		return strings.ToLower(string(body[:min(len(body), maxLogged)]))
	}
	return strings.ToLower(strings.Join([]string{said.Message, said.Type, said.Code, said.Param}, " "))
}
