package calls

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"beckon/clients"
	"beckon/internal/expression"
	"beckon/internal/problem"
)

// filterTime limits the time to evaluate a client's filter.
const filterTime = 500 * time.Millisecond

// Why a valid call starts no run.
const (
	SkippedByFilter = "filter"       // the client's filter is false for it
	SkippedEmpty    = "empty_prompt" // the client's template produces no text for it
	SkippedResolved = "resolved"     // it says that something is resolved for which there was no run
)

// SkipReason says in a sentence why a call was skipped.
func SkipReason(skipped string) string {
	switch skipped {
	case SkippedEmpty:
		return "The client's template makes no text of this call."
	case SkippedResolved:
		return "What the call says to be resolved is not known here, or was resolved before."
	}
	return "The client's filter does not let this call through."
}

// SkipCode returns the code under which a skipped call appears in the list of refused calls.
func SkipCode(skipped string) string {
	switch skipped {
	case SkippedEmpty:
		return problem.CodeSkippedEmpty
	case SkippedResolved:
		return problem.CodeSkippedResolved
	}
	return problem.CodeSkippedByFilter
}

// passes reports whether the client's filter is true for a call, or the client has none. The error is a problem:
// Unprocessable if the filter cannot be evaluated, otherwise as in ReadPrompt.
func (r *Request) passes(client *clients.Member) (bool, error) {
	if client.Condition == nil {
		return true, nil
	}
	data, err := r.callData(client, client.Condition)
	if err != nil {
		return false, err
	}
	passes, err := client.Condition.Decide(context.Background(), data, filterTime)
	if err != nil {
		return false, problem.New(problem.Unprocessable, problem.CodeFilterFailed,
			"The client's filter cannot be evaluated for this call: %v.", err)
	}
	return passes, nil
}

// callData returns the data that a CEL expression can mention, without the caller's credentials. It leaves out what e
// does not mention, because making it takes time.
func (r *Request) callData(client *clients.Member, e *expression.Expression) (map[string]any, error) {
	data := map[string]any{"event": nil, "body": nil, "headers": nil, "query": nil}
	if e.Mentions("body") {
		body, err := r.bodyForCEL()
		if err != nil {
			return nil, err
		}
		data["body"] = body
	}
	if e.Mentions("event") && client.Sender != nil {
		data["event"] = r.event(client).Map()
	}
	if e.Mentions("headers") {
		data["headers"] = safeHeaders(client, r.Header)
	}
	if e.Mentions("query") {
		data["query"] = queryData(client, r.Query)
	}
	return data, nil
}

// bodyForCEL returns the body for an expression: parsed, if it is JSON or a form, otherwise as text.
func (r *Request) bodyForCEL() (any, error) {
	if r.upload != nil {
		return formData(r.upload.fields), nil
	}
	kind, err := kindOf(r.Header)
	if err != nil {
		return nil, err
	}
	raw, kind, err := kind.toUTF8(r.Body)
	if err != nil {
		return nil, err
	}
	body, err := parseBody(kind, raw)
	if err != nil {
		return nil, err
	}
	if body == nil && len(raw) > 0 && kind.format != jsonFormat {
		return strings.ToValidUTF8(string(raw), "\uFFFD"), nil
	}
	return celValue(body), nil
}

// celValue converts a parsed body for CEL. Numbers become floats: render.JSON keeps them as text, with all their
// digits.
func celValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = celValue(member)
		}
	case []any:
		for i, item := range v {
			v[i] = celValue(item)
		}
	case fmt.Stringer:
		f, _ := strconv.ParseFloat(v.String(), 64)
		return f
	}
	return value
}
