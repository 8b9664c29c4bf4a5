// Package problem gives errors a kind and a message that is safe to show, in the terms of RFC 9457.
package problem

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of thing went wrong, independent of HTTP. The server turns it into a status code.
type Kind string

// The kinds, with the status that the server answers for each.
const (
	Invalid         Kind = "invalid"         // 400: the request is malformed
	Unauthenticated Kind = "unauthenticated" // 401: no valid credentials, or nobody by that name
	OverBudget      Kind = "over_budget"     // 402: a budget does not pay for it
	Denied          Kind = "denied"          // 403: known, but not allowed
	NotFound        Kind = "not_found"       // 404
	NotAllowed      Kind = "not_allowed"     // 405: the route exists, the method doesn't
	Slow            Kind = "slow"            // 408: the caller took too long to send its request
	Conflict        Kind = "conflict"        // 409: it clashes with the state of things
	Gone            Kind = "gone"            // 410: it was there, and is not any more
	Outdated        Kind = "outdated"        // 412: it has been changed since the caller read it
	TooLarge        Kind = "too_large"       // 413
	Unsupported     Kind = "unsupported"     // 415: a media type nothing understands
	Unprocessable   Kind = "unprocessable"   // 422: well-formed, but it cannot be carried out
	Exhausted       Kind = "exhausted"       // 429: a limit of this caller is used up
	Upstream        Kind = "upstream"        // 502: whom we depend on failed
	Unavailable     Kind = "unavailable"     // 503: we cannot serve now, later we can
	Expired         Kind = "expired"         // 504: the time for the work ran out
	Internal        Kind = "internal"        // 500: everything that nobody expected
)

// Error is an error that a caller may see. Detail never holds a secret, a prompt, SQL or a stack; what is only for
// the log goes into the cause.
type Error struct {
	Kind       Kind
	Code       string        // stable and snake_case: programs switch on it
	Detail     string        // one or two sentences for a person: what happened and what to do
	RetryAfter time.Duration // when it makes sense to try again; 0 says nothing
	Fields     Fields        // what is wrong with which field, for validation errors
	cause      error
}

// New makes an error of a kind; format and args make its detail.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Because returns a copy of e with the cause that goes to the log and to errors.Is and errors.As.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// After returns a copy of e that tells the caller to try again after d.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error is for logs: the detail and the cause.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.Detail
	}
	return strings.TrimSuffix(e.Detail, ".") + ": " + e.cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Of finds the Error in err's chain; an error without one becomes Internal, its text kept for the log alone.
func Of(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return New(Internal, "internal_error",
		"Something went wrong inside Beckon. The log has the details under this request's id.").Because(err)
}

// Is reports whether err is a problem of the given kind.
func Is(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}
