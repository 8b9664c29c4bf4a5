package completion

import (
	"bytes"
	"encoding/json"
	"strings"
)

// ParseError reads what a server says went wrong from the body of an answer whose status is not 2xx; nil for
// nothing that is understood.
func ParseError(body []byte) *Error {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, bom))
	if !json.Valid(body) {
		return nil
	}
	if kindOf(body) == '[' { // Google's
		var first []byte
		within(body, func(w *walker) {
			w.array(func() { first = pick(first, w.value()) })
		})
		body = first
	}
	return parseObject(body)
}

func pick(first, next []byte) []byte {
	if first == nil {
		return next
	}
	return first
}

// parseObject reads an object that is an error, or has one as its member error, errors or detail.
func parseObject(object []byte) *Error {
	if kindOf(object) != '{' {
		return errorOf(object)
	}
	var inner []byte
	within(object, func(w *walker) {
		w.object(func(name []byte) {
			switch value := w.value(); string(name) {
			case `"error"`, `"errors"`, `"detail"`:
				inner = pick(inner, value)
			}
		})
	})
	e := errorOf(inner)
	if own := errorOf(object); e == nil {
		e = own
	} else if own != nil && e.Code == "" {
		e.Code = own.Code
	}
	return e
}

// errorOf reads an error: a text, an object in one of many shapes, or a list of them. Nothing, false, an empty text
// and an object that says that all is well are none.
func errorOf(value []byte) *Error {
	var e *Error
	switch kindOf(value) {
	case '"':
		e = &Error{Message: strings.TrimSpace(textOf(value))}
	case 't':
		e = &Error{Message: "an error without a reason"}
	case '[':
		var first []byte
		within(value, func(w *walker) {
			w.array(func() { first = pick(first, w.value()) })
		})
		return errorOf(first)
	case '{':
		e = &Error{}
		e.readObject(value)
	default:
		return nil
	}
	if e.Message == "" && e.Type == "" && (e.Code == "" || e.Code == "0" || e.Code == "200") && e.Status < 400 {
		return nil
	}
	return e
}

func (e *Error) readObject(value []byte) {
	within(value, func(w *walker) {
		w.object(func(name []byte) {
			member := w.value()
			switch string(name) {
			case `"message"`, `"msg"`, `"detail"`, `"description"`, `"error"`, `"error_msg"`, `"reason"`,
				`"status_msg"`:
				if text := textOf(member); text != "" && e.Message == "" {
					e.Message = text
				} else if kindOf(member) == '{' && e.Message == "" {
					e.readObject(member)
				}
			case `"code"`, `"error_code"`, `"status_code"`:
				e.Code = textOf(member)
			case `"type"`:
				if text := textOf(member); text != "error" {
					e.Type = text
				}
			case `"status"`, `"http_status"`:
				if n, ok := numberOf(member); ok {
					e.Status = int(n)
				} else if e.Type == "" {
					e.Type = textOf(member)
				}
			case `"param"`:
				e.Param = textOf(member)
			case `"loc"`: // FastAPI: ["body", "stream_options"]
				within(member, func(w *walker) {
					w.array(func() { e.Param = textOf(w.value()) })
				})
			case `"metadata"`: // OpenRouter: the reason of the provider behind it
				within(member, func(w *walker) {
					w.object(func(name []byte) {
						if raw := w.value(); string(name) == `"raw"` {
							e.addRaw(raw)
						}
					})
				})
			}
		})
	})
	if e.Status == 0 {
		if n, ok := numberOf([]byte(e.Code)); ok && n >= 400 && n < 600 {
			e.Status = int(n)
		}
	}
}

func (e *Error) addRaw(raw []byte) {
	text := textOf(raw)
	if kindOf(raw) == '{' {
		text = string(raw)
	}
	if inner := ParseError([]byte(text)); inner != nil {
		text = inner.Message
	}
	if text != "" {
		e.Message = strings.TrimPrefix(e.Message+": "+text, ": ")
	}
}

// fail notes that the server says what went wrong. The first reason counts.
func (r *reader) fail(e *Error) {
	if e != nil && r.result.Error == nil {
		r.result.Error = e
	}
}
