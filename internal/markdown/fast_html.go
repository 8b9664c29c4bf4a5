package markdown

import (
	"html"
	"html/template"
	"strconv"
	"strings"
)

// fastHTML writes the HTML of a tree that parseFast has made, as goldmark and the policy do. It is false where they
// do more than to escape it: at references such as &amp; and at URLs that are not in order. With showsHosts, the
// host stands behind a link whose text looks like another.
func fastHTML(t tree, source string, showsHosts bool) (template.HTML, bool) {
	if t == nil || strings.IndexByte(source, '&') >= 0 {
		return "", false
	}
	w := htmlWriter{tree: t, showsHosts: showsHosts}
	w.Grow(2 * len(source))
	ok := w.children(0)
	return template.HTML(w.String()), ok
}

type htmlWriter struct {
	strings.Builder
	tree
	showsHosts bool
}

func (w *htmlWriter) children(parent int) bool {
	for n := parent + 1; n < int(w.tree[parent].end); n = int(w.tree[n].end) {
		if !w.node(n) {
			return false
		}
	}
	return true
}

// within writes what is in a node between two tags.
func (w *htmlWriter) within(begin string, at int, end string) bool {
	w.WriteString(begin)
	ok := w.children(at)
	w.WriteString(end)
	return ok
}

func (w *htmlWriter) node(at int) bool {
	switch n := w.tree[at]; n.kind {
	case kindWords:
		w.WriteString(html.EscapeString(n.text))
		if n.ends {
			w.WriteByte('\n')
		}
		return true
	case kindCode:
		w.WriteString("<code>" + html.EscapeString(n.text) + "</code>")
		return true
	case kindEmphasis:
		return w.within("<em>", at, "</em>")
	case kindStrong:
		return w.within("<strong>", at, "</strong>")
	case kindLink:
		return w.link(at, n.text)
	case kindHeading:
		level := strconv.Itoa(int(n.number))
		return w.within("<h"+level+">", at, "</h"+level+">\n")
	case kindParagraph:
		return w.within("<p>", at, "</p>\n")
	case kindLine:
		return w.children(at)
	case kindList:
		if n.number < 0 {
			return w.within("<ul>\n", at, "</ul>\n")
		}
		if n.number == 1 {
			return w.within("<ol>\n", at, "</ol>\n")
		}
		return w.within(`<ol start="`+strconv.Itoa(int(n.number))+"\">\n", at, "</ol>\n")
	case kindItem:
		if w.tree[at+1].kind == kindParagraph {
			return w.within("<li>\n", at, "</li>\n")
		}
		return w.within("<li>", at, "</li>\n")
	case kindCodeBlock:
		w.WriteString("<pre><code>" + html.EscapeString(n.text) + "</code></pre>\n")
		return true
	}
	return false
}

func (w *htmlWriter) link(at int, url string) bool {
	host := plainHost(url)
	if host == "" || !w.within(`<a href="`+url+`" rel="nofollow noreferrer">`, at, "</a>") {
		return false
	}
	if w.showsHosts && looksElsewhere(w.plain(at), host) {
		w.WriteString(" (" + host + ")")
	}
	return true
}
