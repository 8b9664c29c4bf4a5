package markdown

import (
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// reader reads Markdown by goldmark. To look for links that stand in a text without any marks takes a third of
// goldmark's time, and most texts have none.
type reader struct{ all, withoutBare parser.Parser }

// newReader returns a reader with what all of ours read.
func newReader(table goldmark.Extender, options ...parser.Option) reader {
	made := func(more ...goldmark.Extender) parser.Parser {
		extensions := append([]goldmark.Extender{extension.Strikethrough, extension.TaskList, table}, more...)
		return goldmark.New(goldmark.WithExtensions(extensions...), goldmark.WithParserOptions(options...)).Parser()
	}
	return reader{made(extension.Linkify), made()}
}

// parseCommon is parseFast for a text that perhaps has links without marks, for which it returns nil.
func parseCommon(source string) tree {
	marked, bare := findLinks(source)
	if bare {
		return nil
	}
	read := parseFast(source)
	if marked && read.has("http") {
		return nil
	}
	return read
}

// parse has goldmark read a text.
func (r reader) parse(source string, bytes []byte) ast.Node {
	marked, bare := findLinks(source)
	if !bare {
		document := r.withoutBare.Parse(text.NewReader(bytes))
		if !marked || !hasScheme(document, source) { // else what looked like the mark of a link was none
			return document
		}
	}
	return r.all.Parse(text.NewReader(bytes))
}

// findLinks tells whether a source has URLs behind the marks of a link, and whether it has any that may stand alone.
func findLinks(source string) (marked, bare bool) {
	if strings.IndexByte(source, '@') >= 0 || strings.Contains(source, "www.") {
		return false, true
	}
	for rest := source; ; {
		i := strings.Index(rest, "://")
		if i < 0 {
			return marked, false
		}
		before := strings.TrimSuffix(rest[:i], "s")
		if !strings.HasSuffix(before, "](http") && !strings.HasSuffix(before, "<http") {
			return false, true
		}
		marked, rest = true, rest[i+3:]
	}
}

// hasScheme reports whether a text of a document, which is neither code nor a link, has the scheme of a URL.
func hasScheme(n ast.Node, source string) bool {
	if n, ok := n.(*ast.Text); ok {
		return strings.Contains(source[n.Segment.Start:n.Segment.Stop], "http")
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
