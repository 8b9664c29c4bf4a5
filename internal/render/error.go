package render

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"text/template"
)

// Kind says what is wrong with a template, or why it could not be rendered.
type Kind string

// The kinds: Syntax comes from Parse, the others come from Render.
const (
	Syntax     Kind = "syntax"
	MissingKey Kind = "missing_key" // a key that is not there, and no default
	TooLarge   Kind = "too_large"   // more than Limits.MaxBytes, or nested too deeply
	TooSlow    Kind = "too_slow"    // more than Limits.Time
	Failed     Kind = "failed"      // anything else, such as a function on a value that it isn't for
)

// Error is what Parse and Render return. Its text is safe to show to whoever calls with the data: it holds words of the
// template, such as the name of a missing key, and none of the data.
type Error struct {
	Kind    Kind
	Line    int // from 1; 0 is unknown
	Column  int // in bytes, from 1; 0 is unknown
	Message string
}

// Error puts the position in front of the message.
func (e *Error) Error() string {
	switch {
	case e.Line == 0:
		return e.Message
	case e.Column == 0:
		return fmt.Sprintf("line %d: %s", e.Line, e.Message)
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

func failf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

func missing(key string) *Error {
	return failf(MissingKey, "there is no %q (write … | default \"…\" where it may be missing)", key)
}

func tooLarge(limit int) *Error {
	return failf(TooLarge, "the result is larger than the %d bytes that are allowed", limit)
}

var position = regexp.MustCompile(`^template: [^:]*:(\d+)(?::(\d+))?: `)

// known are the messages of text/template that are passed on. The others may quote the data. What is captured here is
// a name that the template wrote.
var known = []struct {
	pattern *regexp.Regexp
	make    func(name string) *Error
}{
	{regexp.MustCompile(`(?:map has|nil data;) no entry for key "(\w+)"$`), missing},
	{regexp.MustCompile(`nil pointer evaluating interface \{\}\.(\w+)$`), missing},
	{regexp.MustCompile(`can't evaluate field (\w+) in type [^<>]*$`), func(name string) *Error {
		return failf(MissingKey, "there is no %q in a value that has no fields", name)
	}},
	{regexp.MustCompile(`wrong number of args for (\w+): want [a-z0-9 ]*$`), func(name string) *Error {
		return failf(Failed, "%s has too few or too many arguments", name)
	}},
	{regexp.MustCompile(`error calling (\w+): (?:incompatible|invalid|non-comparable) types? `), func(name string) *Error {
		return failf(Failed, "%s cannot compare values of these types", name)
	}},
	{regexp.MustCompile(`error calling (\w+): `), func(name string) *Error {
		return failf(Failed, "%s cannot be used on this value", name)
	}},
}

// explain turns an error of an execution into one that is safe to show.
func explain(err error) *Error {
	text, found := err.Error(), failf(Failed, "this cannot be evaluated over the data")
	if own, ok := errors.AsType[*Error](err); ok {
		found = failf(own.Kind, "%s", own.Message)
	} else {
		for _, k := range known {
			if match := k.pattern.FindStringSubmatch(text); match != nil {
				found = k.make(match[1])
				break
			}
		}
	}
	if _, ok := errors.AsType[template.ExecError](err); ok {
		found.locate(text)
	}
	return found
}

// locate reads the position at the start of text; it returns the rest.
func (e *Error) locate(text string) (rest string) {
	match := position.FindStringSubmatch(text)
	if match == nil {
		return text
	}
	e.Line, _ = strconv.Atoi(match[1])
	if match[2] != "" {
		e.Column, _ = strconv.Atoi(match[2])
		e.Column++
	}
	return text[len(match[0]):]
}
