// Package http makes any request: its method, path, headers and body are the endpoint's own.
package http

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"beckon/deliveries/destinations"
	"beckon/internal/problem"
	"beckon/internal/render"
)

// The bounds of one rendering.
const (
	maxBody   = 1 << 20
	maxHeader = 8 << 10
	maxPath   = 2 << 10
	renderFor = 100 * time.Millisecond
)

// Destination is any request.
var Destination = &destinations.Destination{
	Name:   "http",
	Title:  "any HTTP request",
	Fields: []string{"method", "path", "body"},
	Open:   open,
	Help: "Any HTTP request: enter a method, and templates for path, headers and body. " +
		"They see the same data as the template format.",
}

var methods = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodGet}

type templates struct {
	base         string
	method       string
	path, body   *render.Template
	header       map[string]*render.Template
	fixedHeaders http.Header
}

func open(s destinations.Settings) (r destinations.Receiver, found problem.Fields) {
	t := templates{
		base:         s.URL,
		method:       strings.ToUpper(s.Method),
		header:       map[string]*render.Template{},
		fixedHeaders: http.Header{},
	}
	if t.method == "" {
		t.method = http.MethodPost
	}
	if !slices.Contains(methods, t.method) {
		found.Add("method", "must be one of %s", strings.Join(methods, ", "))
	}
	if s.Body != "" && (t.method == http.MethodGet || t.method == http.MethodDelete) {
		found.Add("body", "is not sent with %s", t.method)
	}
	parse := func(field, text string) *render.Template { return r.ParseTemplate(field, text, &found) }
	t.path, t.body = parse("path", s.Path), parse("body", s.Body)
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		if value := s.Headers[name].Reveal(); strings.Contains(value, "{{") {
			t.header[name] = parse("headers."+name, value)
		} else {
			t.fixedHeaders.Set(name, value)
		}
	}
	r.Request = t.request
	r.Judge = destinations.JudgeByStatus
	return r, found
}

func (t templates) request(m destinations.Message) (q destinations.Request, err error) {
	q = destinations.Request{Method: t.method, URL: t.base, Header: t.fixedHeaders.Clone()}
	if t.path != nil {
		path, err := rendered("path", t.path, m, maxPath)
		if err != nil {
			return q, err
		}
		if q.URL, err = joined(t.base, strings.TrimSpace(path)); err != nil {
			return q, err
		}
	}
	for name, template := range t.header {
		value, err := rendered("header "+name, template, m, maxHeader)
		if err != nil {
			return q, err
		}
		q.Header.Set(name, oneLine(value))
	}
	if t.body != nil {
		body, err := rendered("body", t.body, m, maxBody)
		if err != nil {
			return q, err
		}
		q.Body = []byte(body)
	} else if t.method != http.MethodGet && t.method != http.MethodDelete {
		if q.Body, err = m.Document(); err != nil {
			return q, err
		}
	}
	if len(q.Body) > 0 && q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", typeOf(q.Body))
	}
	return q, nil
}

// joined puts a path behind the base, which it stays below: what an event says must not choose another host.
func joined(base, path string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", wrong("url", "it is no URL")
	}
	rest, err := url.Parse("/" + strings.TrimLeft(path, "/"))
	if err != nil || rest.Host != "" || rest.Scheme != "" || rest.Fragment != "" {
		return "", wrong("path", "it makes no path")
	}
	if slices.Contains(strings.Split(rest.Path, "/"), "..") {
		return "", wrong("path", "it has a .. in it")
	}
	query := u.RawQuery
	u = u.JoinPath(rest.EscapedPath())
	u.RawQuery = strings.Trim(query+"&"+rest.RawQuery, "&")
	return u.String(), nil
}

func rendered(what string, t *render.Template, m destinations.Message, most int) (string, error) {
	data, err := m.Data(t)
	if err != nil {
		return "", err
	}
	text, err := t.Render(data, render.Limits{MaxBytes: most, Time: renderFor})
	if err != nil {
		return "", wrong(what, strings.TrimSuffix(err.Error(), "."))
	}
	return text, nil
}

func wrong(what, why string) error {
	return problem.New(problem.Unprocessable, problem.CodeTemplateFailed,
		"The endpoint's %s cannot be made of this event: %s. Correct its template.", what, why)
}

func oneLine(value string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return ' '
		}
		return r
	}, value))
}

func typeOf(body []byte) string {
	if text := bytes.TrimSpace(body); bytes.HasPrefix(text, []byte("{")) || bytes.HasPrefix(text, []byte("[")) {
		return "application/json"
	}
	return "text/plain; charset=utf-8"
}
