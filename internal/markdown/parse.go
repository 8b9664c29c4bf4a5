package markdown

import (
	"bytes"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// reader reads Markdown. To look for links that stand in a text without any marks takes a third of the time, and most texts have
// none.
type reader struct{ all, withoutBare parser.Parser }

// newReader returns a reader with what all of ours read.
func newReader(table goldmark.Extender, options ...parser.Option) reader {
	made := func(more ...goldmark.Extender) parser.Parser {
		extensions := append([]goldmark.Extender{extension.Strikethrough, extension.TaskList, table}, more...)
		return goldmark.New(goldmark.WithExtensions(extensions...), goldmark.WithParserOptions(options...)).Parser()
	}
	return reader{made(extension.Linkify), made()}
}

func (r reader) parse(source []byte) ast.Node {
	marked, bare := findLinks(source)
	if bare {
		return r.all.Parse(text.NewReader(source))
	}
	document := r.withoutBare.Parse(text.NewReader(source))
	if marked && hasScheme(document, source) { // what looked like the mark of a link was none
		return r.all.Parse(text.NewReader(source))
	}
	return document
}

// findLinks tells whether a source has URLs behind the marks of a link, and whether it has any that may stand alone.
func findLinks(source []byte) (marked, bare bool) {
	if bytes.IndexByte(source, '@') >= 0 || bytes.Contains(source, []byte("www.")) {
		return false, true
	}
	for rest := source; ; {
		i := bytes.Index(rest, []byte("://"))
		if i < 0 {
			return marked, false
		}
		before := bytes.TrimSuffix(rest[:i], []byte("s"))
		if !bytes.HasSuffix(before, []byte("](http")) && !bytes.HasSuffix(before, []byte("<http")) {
			return false, true
		}
		marked, rest = true, rest[i+3:]
	}
}

// hasScheme reports whether a text of a document, which is neither code nor a link, has the scheme of a URL.
func hasScheme(n ast.Node, source []byte) bool {
	if n, ok := n.(*ast.Text); ok {
		return bytes.Contains(n.Value(source), []byte("http"))
	}
	if n.Kind() == ast.KindCodeSpan {
		return false
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if hasScheme(c, source) {
			return true
		}
	}
	return false
}
