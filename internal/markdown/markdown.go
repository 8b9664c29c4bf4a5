// Package markdown writes the Markdown of an answer in what chats, mails and tickets show.
//
// An answer may say what a stranger has put into it. So, whatever it says, in every dialect
//
//   - nobody is mentioned: what a receiver would read as a mention is written so that it is none;
//   - a link leads to http, https or mailto, or is text; where its text looks like another host, its own host is beside it;
//   - nothing is loaded: an image is a link;
//   - characters that nobody sees, or that turn the direction of a text, are not there.
package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
)

var forDialects = newReader(extension.Table)

// maxDepth bounds how deep quotes, lists and emphasis are followed. What is deeper is text.
const maxDepth = 12

// Block is a paragraph, a heading, an item of a list, or another part of a text that may stand on its own.
type Block struct {
	Text  string
	Level int    // of a heading; 0 for anything else
	Code  bool   // it is shown as it is, in letters of one width
	tight bool   // it follows the one before it without an empty line
	plain string // its text without marks; where it is empty, that of node
	node  ast.Node
	mark  string // of an item of a list, before its text
	from  *writer
}

// Text is a text that was read.
type Text struct {
	source   string
	document ast.Node
	bytes    []byte // source, where goldmark has read it
}

// Read reads a text of which about so many bytes are of use.
func Read(source string, most int) *Text {
	t := &Text{source: shallow(Clean(shorten(source, most)))}
	t.document, t.bytes = forDialects.parse(t.source)
	return t
}

// Blocks reads a text of which about so many bytes are of use, and writes it in the dialect.
func (d *Dialect) Blocks(source string, most int) []Block { return Read(source, most).Blocks(d) }

// Blocks writes the text in a dialect.
func (t *Text) Blocks(d *Dialect) []Block {
	w := newWriter(d, t.source, t.bytes)
	w.list = make([]Block, 0, 16)
	w.blocks(t.document, 0, "")
	return w.list
}

// shorten ends a text at an empty line, or at a line, where it is much longer than what is shown of it: some Markdown takes
// a time to read that grows faster than its length.
func shorten(source string, most int) string {
	if len(source) <= most {
		return source
	}
	source = source[:most]
	for _, end := range []string{"\n\n", "\n"} {
		if i := strings.LastIndex(source, end); i > most/2 {
			return source[:i]
		}
	}
	return source
}

// Plain is the block's text without marks.
func (b Block) Plain() string {
	if b.plain == "" && b.node != nil {
		return b.mark + b.from.plainOf(b.node)
	}
	return b.plain
}

// shallow takes out of each line what would begin more quotes and lists than are shown: the parser takes a time for each of
// them at each line.
func shallow(source string) string {
	var b strings.Builder
	kept := 0 // up to where the source is in b
	for at := 0; at < len(source); {
		marks, end := 0, at
		for end < len(source) && strings.IndexByte(" \t>-*+.)0123456789", source[end]) >= 0 {
			if strings.IndexByte(">-*+.)", source[end]) >= 0 {
				marks++
			}
			if end++; marks == 2*maxDepth {
				b.WriteString(source[kept:end])
				kept = len(source) - len(strings.TrimLeft(source[end:], " \t>-*+.)0123456789"))
				break
			}
		}
		next := strings.IndexByte(source[end:], '\n') + 1
		if next == 0 {
			break
		}
		at = end + next
	}
	if kept == 0 {
		return source
	}
	b.WriteString(source[kept:])
	return b.String()
}

// writer walks a document.
type writer struct {
	*Dialect
	whole  string
	source []byte // is whole; nil where parseCommon has read it
	list   []Block
	// scratch is what the texts are put together in that are being written. Each of them takes its own out at its end.
	scratch []byte
}

func newWriter(d *Dialect, whole string, source []byte) *writer {
	return &writer{Dialect: d, whole: whole, source: source}
}

func (w *writer) add(b Block) {
	if strings.TrimSpace(b.Text) == "" {
		return
	}
	if !b.Code || w.unmarked {
		b.Text = w.silent(b.Text)
	}
	b.Text = strings.ReplaceAll(b.Text, keptAt, "@")
	w.list = append(w.list, b)
}

// blocks writes what is in a block. Each line begins with the prefix, which is that of the quotes around it.
func (w *writer) blocks(parent ast.Node, depth int, prefix string) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		w.block(n, depth, prefix)
	}
}

func (w *writer) block(n ast.Node, depth int, prefix string) {
	switch n := n.(type) {
	case *ast.Heading:
		w.add(Block{Text: quoted(prefix, w.heading(n.Level, w.inline(n, 0))), node: n, from: w, Level: n.Level})
	case *ast.Blockquote:
		if depth >= maxDepth {
			prefix = w.quote
		} else {
			prefix += w.quote
		}
		w.blocks(n, depth+1, prefix)
	case *ast.List:
		w.items(n, depth, prefix)
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		w.codeBlock(w.lines(n))
	case *ast.HTMLBlock:
		raw := w.lines(n)
		if n.HasClosure() {
			raw += string(n.ClosureLine.Value(w.source))
		}
		plain := strings.TrimSpace(withoutTags(raw))
		w.add(Block{Text: quoted(prefix, w.escaped(plain)), plain: plain})
	case *ast.ThematicBreak:
		w.add(Block{Text: w.rule, plain: w.rule})
	default:
		if isTable(n) {
			w.table(n)
			return
		}
		w.text(w.inline(n, 0), n, prefix)
	}
}

func (w *writer) text(written string, n ast.Node, prefix string) {
	w.add(Block{Text: quoted(prefix, written), node: n, from: w})
}

func (w *writer) codeBlock(code string) {
	code = strings.Trim(code, "\n")
	w.add(Block{Text: w.pre(code), plain: code, Code: true})
}

func (w *writer) lines(n ast.Node) string {
	if n.Lines().Len() == 1 {
		return w.value(n.Lines().At(0))
	}
	var b strings.Builder
	for i := range n.Lines().Len() {
		b.WriteString(w.value(n.Lines().At(i)))
	}
	return b.String()
}

// quoted puts the prefix before each line.
func quoted(prefix, written string) string {
	if prefix == "" || written == "" {
		return written
	}
	return prefix + strings.ReplaceAll(written, "\n", "\n"+prefix)
}
