package markdown

import (
	"html"
	"html/template"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// fastHTML writes the HTML of a document that parseFast has made, as goldmark and the policy do. It is false where they do more than
// to escape it: at references such as &amp; and at URLs that are not in order. With showsHosts, the host stands behind a link whose text
// looks like another.
func fastHTML(document ast.Node, source string, showsHosts bool) (template.HTML, bool) {
	if document == nil || strings.IndexByte(source, '&') >= 0 {
		return "", false
	}
	w := htmlWriter{source: source, showsHosts: showsHosts}
	w.Grow(2 * len(source))
	ok := w.children(document)
	return template.HTML(w.String()), ok
}

type htmlWriter struct {
	strings.Builder
	source     string
	showsHosts bool
}

func (w *htmlWriter) children(parent ast.Node) bool {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if !w.node(n) {
			return false
		}
	}
	return true
}

// within writes what is in a node between two tags.
func (w *htmlWriter) within(begin string, n ast.Node, end string) bool {
	w.WriteString(begin)
	ok := w.children(n)
	w.WriteString(end)
	return ok
}

func (w *htmlWriter) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.Text:
		w.WriteString(html.EscapeString(w.source[n.Segment.Start:n.Segment.Stop]))
		if n.SoftLineBreak() {
			w.WriteByte('\n')
		}
		return true
	case *ast.CodeSpan:
		return w.within("<code>", n, "</code>")
	case *ast.Emphasis:
		if n.Level == 1 {
			return w.within("<em>", n, "</em>")
		}
		return w.within("<strong>", n, "</strong>")
	case *ast.Link:
		return w.link(n)
	case *ast.Heading:
		level := strconv.Itoa(n.Level)
		return w.within("<h"+level+">", n, "</h"+level+">\n")
	case *ast.Paragraph:
		return w.within("<p>", n, "</p>\n")
	case *ast.TextBlock:
		return w.children(n)
	case *ast.List:
		if !n.IsOrdered() {
			return w.within("<ul>\n", n, "</ul>\n")
		}
		if n.Start == 1 {
			return w.within("<ol>\n", n, "</ol>\n")
		}
		return w.within(`<ol start="`+strconv.Itoa(n.Start)+"\">\n", n, "</ol>\n")
	case *ast.ListItem:
		if n.FirstChild().Kind() == ast.KindParagraph {
			return w.within("<li>\n", n, "</li>\n")
		}
		return w.within("<li>", n, "</li>\n")
	case *ast.FencedCodeBlock:
		w.WriteString("<pre><code>")
		for i := range n.Lines().Len() {
			at := n.Lines().At(i)
			w.WriteString(html.EscapeString(w.source[at.Start:at.Stop]))
		}
		w.WriteString("</code></pre>\n")
		return true
	}
	return false
}

func (w *htmlWriter) link(n *ast.Link) bool {
	url := string(n.Destination)
	host := plainHost(url)
	if host == "" || !w.within(`<a href="`+url+`" rel="nofollow noreferrer">`, n, "</a>") {
		return false
	}
	if w.showsHosts && looksElsewhere(newWriter(Plain, w.source, nil).plainOf(n), host) {
		w.WriteString(" (" + host + ")")
	}
	return true
}
