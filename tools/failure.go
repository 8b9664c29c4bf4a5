package tools

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxMessage bounds what is held of one message of a server.
const maxMessage = 16 << 20

// notSent is a failure before the server can have heard of the call.
type notSent struct{ cause error }

// Error implements error.
func (e *notSent) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *notSent) Unwrap() error { return e.cause }

// lost is a connection that has ended while answers were awaited.
type lost struct{ why string }

// Error implements error.
func (e *lost) Error() string { return e.why }

// refused is an answer over HTTP with a status that is none of success. Its body is shortened.
type refused struct {
	status int
	body   string
}

// Error implements error.
func (e *refused) Error() string {
	text := fmt.Sprintf("HTTP %d %s", e.status, http.StatusText(e.status))
	if e.status >= 300 && e.status < 400 {
		text += ", a redirect, which is not followed: give the URL that it leads to"
	}
	if e.body != "" {
		text += ": " + e.body
	}
	return text
}

// unreadable is an answer that is none, to one call. The others go on.
type unreadable struct{ why string }

// Error implements error.
func (e *unreadable) Error() string { return e.why }

// Codes of JSON-RPC for errors that stand in place of what a server has sent, so that only the call fails that it
// is about.
const (
	codeUnreadable = -32871
	codeLost       = -32872
)

var tooLong = fmt.Sprintf("the answer has more than %d MiB", maxMessage>>20)

// standIn is a message that has an error in place of the answer to a call.
func standIn(id json.RawMessage, code int, why string) []byte {
	text, _ := json.Marshal(why) // a string always becomes JSON
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%s}}`, id, code, text)
}

// outcome says what a failed call means.
type outcome struct {
	kind failureKind
	why  string
}

type failureKind int

const (
	failedBefore    failureKind = iota // the server has not heard of the call
	failedElsewhere                    // the server knows the session no more, and has done nothing
	failedRefused                      // the server has refused the request, and done nothing
	failedByServer                     // the server has answered that it could not
	failedAnswer                       // the server has answered something that is no answer
	failedUnknown                      // nobody knows what the server has done
)

// outcomeOf says what the error of a session's call means. hasSession says that the request was part of a session
// of HTTP.
func outcomeOf(err error, hasSession bool) outcome {
	if answer, ok := errors.AsType[*refused](err); ok {
		switch status := answer.status; {
		case status == http.StatusNotFound, status == http.StatusBadRequest && hasSession:
			return outcome{failedElsewhere, answer.Error()}
		case status >= 500 && status != http.StatusServiceUnavailable && status != http.StatusNotImplemented:
			return outcome{failedUnknown, answer.Error()}
		}
		return outcome{failedRefused, answer.Error()}
	}
	if before, ok := errors.AsType[*notSent](err); ok {
		return outcome{failedBefore, before.Error()}
	}
	if ended, ok := errors.AsType[*lost](err); ok {
		return outcome{failedUnknown, ended.Error()}
	}
	if bad, ok := errors.AsType[*unreadable](err); ok {
		return outcome{failedAnswer, bad.Error()}
	}
	switch {
	case errors.Is(err, mcp.ErrSessionMissing):
		return outcome{failedElsewhere, "the session is not known to the server any more"}
	case errors.Is(err, mcp.ErrConnectionClosed):
		return outcome{failedBefore, "the connection was closed"}
	}
	if wire, ok := errors.AsType[*jsonrpc.Error](err); ok { // after ours, which the SDK wraps in one of its own
		switch wire.Code {
		case codeUnreadable:
			return outcome{failedAnswer, wire.Message}
		case codeLost:
			return outcome{failedUnknown, wire.Message}
		}
		return outcome{failedByServer, fmt.Sprintf("%s (error %d)", wire.Message, wire.Code)}
	}
	if isDecoding(err) {
		return outcome{failedAnswer, "the answer is no result of a tool: " + shorten(err.Error(), maxWhy)}
	}
	return outcome{failedUnknown, shorten(err.Error(), maxWhy)}
}

// isDecoding reports whether an answer has come, and is not of the form that it should have.
func isDecoding(err error) bool {
	return errors.As(err, new(*json.SyntaxError)) || errors.As(err, new(*json.UnmarshalTypeError)) ||
		errors.As(err, new(base64.CorruptInputError)) ||
		strings.Contains(err.Error(), "content")
}

const maxWhy = 500 // bytes of what is wrong

// shorten cuts a text, between characters, to at most n bytes and an ellipsis.
func shorten(text string, n int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}
