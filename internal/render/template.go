// Package render renders Go templates within bounds of time, size and functions.
package render

import (
	"fmt"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"
	"time"
)

// MaxTemplateBytes is the size of the largest template that Parse takes.
const MaxTemplateBytes = 256 << 10

// rootName has no colon, which would end it in a position, and is not what anybody would define.
const rootName = "(template)"

// Template is a parsed template. Any number of goroutines may render it at the same time.
type Template struct {
	root     *template.Template
	mentions mentions
	literals map[string]bool
	names    map[string]bool // of members, whose ever
	pool     sync.Pool       // of *execution
}

// Limits bounds one rendering. Both fields must be set: nothing fits into zero.
type Limits struct {
	MaxBytes int           // of the result, and of every text made on the way
	Time     time.Duration // looked at after some work, so that a small template never fails on a busy machine
}

// Parse reads a template. Besides what text/template does on its own it knows the functions of Functions and no
// others. A key that isn't in the data is an error unless its value goes straight into default:
//
//	{{.body.severity | default "none"}}   {{default "none" .body.severity}}   {{index .body "sev-1" | default "none"}}
//
// Null counts as missing there, and so does an empty text, list or map. Printing a null prints nothing; printing a list
// or a map prints JSON. The error is an *Error.
//
// own are the top-level keys of the data whose values the template's owner has written; see RenderSpans.
func Parse(text string, own ...string) (t *Template, err error) {
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, failf(Syntax, "the template cannot be parsed")
		}
	}()
	if len(text) > MaxTemplateBytes {
		return nil, failf(Syntax, "the template is larger than %d bytes", MaxTemplateBytes)
	}
	trees := map[string]*parse.Tree{}
	tree := parse.New(rootName)
	tree.Mode = parse.SkipFuncCheck // the rewriter checks them, and says which there are
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		found := failf(Syntax, "")
		found.Message = strings.ReplaceAll(found.locate(err.Error()), rootName+":", "line ")
		return nil, found
	}
	r := newRewriter(trees, own)
	if err := r.rewriteAll(); err != nil {
		return nil, err
	}
	t = &Template{root: template.New(rootName), mentions: r.mentions, literals: r.literals, names: r.names}
	t.root.Funcs((&execution{}).functions())
	for name, tree := range trees {
		if _, err := t.root.AddParseTree(name, tree); err != nil {
			return nil, failf(Syntax, "the template cannot be put together: %v", err)
		}
	}
	t.pool.New = func() any { return newExecution(t) }
	return t, nil
}

// Mentions reports whether the template may look at the top-level key of its data; what it doesn't mention need not
// be there.
func (t *Template) Mentions(key string) bool { return t.mentions.all || t.mentions.keys[key] }

// ReadsJSON reports whether the template reads JSON in texts, with fromJson.
func (t *Template) ReadsJSON() bool { return t.mentions.fromJSON }

// Render renders the template over data, which is made of what JSON decodes to, of other maps with string keys and
// slices, and of time.Time. The result is valid UTF-8: a character that the template cut apart is left out. The error
// is an *Error.
func (t *Template) Render(data map[string]any, limits Limits) (text string, err error) {
	text, _, err = t.RenderSpans(data, limits)
	return text, err
}

// RenderSpans is Render. spans are the parts of the text, from and to in bytes, which the template has printed and
// which are made of more than what its owner has written. They are in order, and do not touch.
func (t *Template) RenderSpans(data map[string]any, limits Limits) (text string, spans [][2]int, err error) {
	x := t.pool.Get().(*execution)
	defer func() {
		if p := recover(); p != nil {
			text, spans, err = "", nil, failf(Failed, "the template cannot be rendered")
			return // x stays out of the pool: who knows what state it is in
		}
		x.end()
		t.pool.Put(x)
	}()
	x.begin(limits)
	if err := x.template.Execute(x, data); err != nil {
		return "", nil, explain(err)
	}
	text, spans = validSpans(x.out.String(), x.data)
	return text, spans, nil
}

// newExecution binds the functions to a state of their own. The clone shares the trees, which are never changed again.
func newExecution(t *Template) *execution {
	clone, err := t.root.Clone()
	if err != nil {
		panic(fmt.Errorf("clone a text/template: %w", err)) // it has no way to fail
	}
	x := &execution{literals: t.literals}
	x.template = clone.Funcs(x.functions()).Option("missingkey=error")
	return x
}
