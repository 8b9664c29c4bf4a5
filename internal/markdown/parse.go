package markdown

import (
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// reader reads Markdown: what is common by parseFast, anything else by goldmark. To look for links that stand in a text without any
// marks takes a third of goldmark's time, and most texts have none.
type reader struct {
	all, withoutBare parser.Parser
	changes          []change
}

// change changes a document that was read. The writer is for its source.
type change func(document ast.Node, w *writer)

// Transform implements parser.ASTTransformer.
func (c change) Transform(document *ast.Document, reader text.Reader, _ parser.Context) {
	c(document, newWriter(Plain, string(reader.Source()), reader.Source()))
}

// newReader returns a reader with what all of ours read.
func newReader(table goldmark.Extender, changes ...change) reader {
	var options []parser.Option
	for i, c := range changes {
		options = append(options, parser.WithASTTransformers(util.Prioritized(c, i)))
	}
	made := func(more ...goldmark.Extender) parser.Parser {
		extensions := append([]goldmark.Extender{extension.Strikethrough, extension.TaskList, table}, more...)
		return goldmark.New(goldmark.WithExtensions(extensions...), goldmark.WithParserOptions(options...)).Parser()
	}
	return reader{made(extension.Linkify), made(), changes}
}

// parse reads a text. bytes is what goldmark's nodes are about; nil where parseFast has read it, whose nodes need none.
func (r reader) parse(source string) (document ast.Node, bytes []byte) {
	marked, bare := findLinks(source)
	if !bare {
		if document = r.parseFast(source); document == nil {
			bytes = []byte(source)
			document = r.withoutBare.Parse(text.NewReader(bytes))
		}
		if !marked || !hasScheme(document, source) { // else what looked like the mark of a link was none
			return document, bytes
		}
	}
	bytes = []byte(source)
	return r.all.Parse(text.NewReader(bytes)), bytes
}

func (r reader) parseFast(source string) ast.Node {
	document := parseFast(source)
	if document == nil {
		return nil
	}
	for _, change := range r.changes {
		change(document, newWriter(Plain, source, nil))
	}
	return document
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
