// Package markdown writes the Markdown of an answer in what chats, mails and tickets show.
//
// An answer may say what a stranger has put into it. So, whatever it says, in every dialect
//
//   - nobody is mentioned: what a receiver would read as a mention is written so that it is none;
//   - a link leads to http, https or mailto, or is text; where its text looks like another host, its own host is
//     beside it;
//   - nothing is loaded: an image is a link;
//   - characters that nobody sees, or that turn the direction of a text, are not there.
package markdown

import (
	"strings"
	"sync"

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
	plain string // its text without marks; where it is empty, mark and that of the node of from
	from  *Text
	node  int
	mark  string // of an item of a list, before its text
}

// Text is a text that was read.
type Text struct {
	source string
	tree   tree
	common bool // parseCommon has read it
}

// Read reads a text of which about so many bytes are of use.
func Read(source string, most int) *Text {
	source = shallow(Clean(shorten(source, most)))
	if read := parseCommon(source); read != nil {
		return &Text{source, read, true}
	}
	bytes := []byte(source)
	return &Text{source, treeOf(forDialects.parse(source, bytes), source, bytes), false}
}

// Blocks reads a text of which about so many bytes are of use, and writes it in the dialect.
func (d *Dialect) Blocks(source string, most int) []Block { return Read(source, most).Blocks(d) }

// Blocks writes the text in a dialect.
func (t *Text) Blocks(d *Dialect) []Block {
	w := writers.Get().(*writer)
	w.Dialect, w.Text, w.list = d, t, make([]Block, 0, t.tree.countBlocks())
	w.blocks(0, place{})
	made := w.list
	*w = writer{out: w.out[:0]}
	writers.Put(w)
	return made
}

// writers are used again, for the sake of their out.
var writers = sync.Pool{New: func() any { return new(writer) }}

// shorten ends a text at an empty line, or at a line, where it is much longer than what is shown of it: some
// Markdown takes a time to read that grows faster than its length.
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
	if b.plain == "" && b.from != nil {
		return b.mark + b.from.tree.plain(b.node)
	}
	return b.plain
}

// shallow takes out of each line what would begin more quotes and lists than are shown: the parser takes a time for
// each of them at each line.
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

// writer writes a text in a dialect.
type writer struct {
	*Dialect
	*Text
	list []Block
	out  []byte // what is written of the block that is being written
}

// place is where a block is.
type place struct {
	depth, lists int    // how many blocks, and how many lists, it is in
	prefix       string // of the quotes that it is in, before each of its lines
}

func (w *writer) put(text string) { w.out = append(w.out, text...) }

// cut takes out what was written since start.
func (w *writer) cut(start int) string {
	written := string(w.out[start:])
	w.out = w.out[:start]
	return written
}

// quoted takes out what was written, with the prefix before each line.
func (w *writer) quoted(prefix string) string {
	written := w.cut(0)
	if prefix == "" || written == "" {
		return written
	}
	return prefix + strings.ReplaceAll(written, "\n", "\n"+prefix)
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

// blocks writes what is in a block.
func (w *writer) blocks(parent int, p place) {
	for n := parent + 1; n < int(w.tree[parent].end); n = int(w.tree[n].end) {
		w.block(n, p)
	}
}

func (w *writer) block(at int, p place) {
	switch n := w.tree[at]; n.kind {
	case kindQuote:
		if p.prefix += w.quote; p.depth >= maxDepth {
			p.prefix = w.quote
		}
		p.depth++
		w.blocks(at, p)
	case kindList:
		w.items(at, p)
	case kindTable:
		w.table(at)
	case kindCodeBlock:
		w.codeBlock(n.text)
	case kindHTMLBlock:
		w.text(strings.TrimSpace(n.text), p)
	case kindRule:
		w.add(Block{Text: w.rule, plain: w.rule})
	default:
		w.inline(at, 0)
		if n.kind == kindHeading {
			w.put(w.heading(int(n.number), w.cut(0)))
		}
		w.add(Block{Text: w.quoted(p.prefix), from: w.Text, node: at, Level: int(n.number)})
	}
}

// text adds a block of text that has no marks.
func (w *writer) text(plain string, p place) {
	w.put(w.escape(plain))
	w.add(Block{Text: w.quoted(p.prefix), plain: plain})
}

func (w *writer) codeBlock(code string) {
	code = strings.Trim(code, "\n")
	w.add(Block{Text: w.pre(code), plain: code, Code: true})
}
