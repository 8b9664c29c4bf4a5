package markdown

import (
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// tree is a text that was read: each node is before those that are in it. The first one is the whole.
type tree []node

type node struct {
	kind   kind
	ends   bool   // of words: their line ends behind them
	number int32  // of a heading, its level; of an ordered list, its first number; -1 of another list
	end    int32  // where in the tree it ends, with all that is in it
	text   string // of words, code and HTML; where a link or an image leads
}

type kind uint8

// Kinds of nodes.
const (
	kindGroup kind = iota // others
	kindParagraph
	kindLine // a paragraph of a list without empty lines
	kindHeading
	kindQuote
	kindList
	kindItem
	kindTable
	kindRule
	kindCodeBlock
	kindHTMLBlock // without its tags

	kindWords // what is below here stands in paragraphs
	kindCode
	kindEmphasis
	kindStrong
	kindStrike
	kindLink
	kindImage
	kindHTML // without its tags
	kindSpan // others
)

// add appends a node and leaves it open: nodes added before close are its children.
func (t *tree) add(n node) (at int) {
	at = len(*t)
	n.end = int32(at + 1)
	*t = append(*t, n)
	return at
}

// close closes a node: what is added later is not in it.
func (t tree) close(at int) { t[at].end = int32(len(t)) }

// has reports whether any words have a text in them.
func (t tree) has(part string) bool {
	return slices.ContainsFunc(t, func(n node) bool { return n.kind == kindWords && strings.Contains(n.text, part) })
}

// countBlocks is about how many blocks are written of a tree.
func (t tree) countBlocks() (count int) {
	for _, n := range t {
		if n.kind < kindWords && n.kind != kindList && n.kind != kindItem {
			count++
		}
	}
	return count
}

// plain is the text of a node without any marks.
func (t tree) plain(at int) string {
	n := t[at]
	if first := at + 1; int(n.end) == first+1 && t[first].kind == kindWords && !t[first].ends {
		return Clean(t[first].text)
	}
	var most [512]byte // enough for most, and on the stack
	return Clean(string(t.appendPlain(most[:0], at)))
}

func (t tree) appendPlain(to []byte, at int) []byte {
	n := t[at]
	if n.kind != kindLink && n.kind != kindImage {
		to = append(to, n.text...)
	}
	if n.ends {
		to = append(to, '\n')
	}
	for i := at + 1; i < int(n.end); i = int(t[i].end) {
		if to = t.appendPlain(to, i); t[i].kind < kindWords && t[i].end < n.end {
			to = append(to, '\n')
		}
	}
	return to
}

// treeOf is the tree of what goldmark has read. source and bytes are the same.
func treeOf(n ast.Node, source string, bytes []byte) tree {
	c := converter{source: source, bytes: bytes}
	c.add(n)
	return c.tree
}

type converter struct {
	tree
	source string
	bytes  []byte // is source
}

func (c *converter) add(n ast.Node) {
	at := c.tree.add(c.node(n))
	switch n := n.(type) {
	case *ast.CodeSpan:
	case *ast.AutoLink:
		c.tree.add(node{kind: kindWords, text: string(n.Label(c.bytes))})
	default:
		for child := n.FirstChild(); child != nil; {
			child = c.child(child)
		}
	}
	c.close(at)
}

// child adds a node and returns the one behind it. Texts that follow each other in the source are one text.
func (c *converter) child(n ast.Node) (next ast.Node) {
	text, ok := n.(*ast.Text)
	if !ok {
		c.add(n)
		return n.NextSibling()
	}
	at := text.Segment
	for next = text.NextSibling(); next != nil && !endsLine(text); next = text.NextSibling() {
		more, ok := next.(*ast.Text)
		if !ok || more.Segment.Start != at.Stop || at.Padding+more.Segment.Padding > 0 {
			break
		}
		text, at.Stop = more, more.Segment.Stop
	}
	c.tree.add(node{kind: kindWords, text: resolved(c.value(at)), ends: endsLine(text)})
	return next
}

func (c *converter) node(n ast.Node) node {
	switch n := n.(type) {
	case *ast.Paragraph:
		return node{kind: kindParagraph}
	case *ast.TextBlock:
		return node{kind: kindLine}
	case *ast.Heading:
		return node{kind: kindHeading, number: int32(n.Level)}
	case *ast.Blockquote:
		return node{kind: kindQuote}
	case *ast.List:
		if !n.IsOrdered() {
			return node{kind: kindList, number: -1}
		}
		return node{kind: kindList, number: int32(n.Start)}
	case *ast.ListItem:
		return node{kind: kindItem}
	case *east.Table:
		return node{kind: kindTable}
	case *ast.ThematicBreak:
		return node{kind: kindRule}
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		return node{kind: kindCodeBlock, text: c.lines(n.Lines())}
	case *ast.HTMLBlock:
		raw := c.lines(n.Lines())
		if n.HasClosure() {
			raw += c.value(n.ClosureLine)
		}
		return node{kind: kindHTMLBlock, text: withoutTags(raw)}
	case *ast.CodeSpan:
		return node{kind: kindCode, text: c.code(n)}
	case *ast.Emphasis:
		if n.Level == 1 {
			return node{kind: kindEmphasis}
		}
		return node{kind: kindStrong}
	case *east.Strikethrough:
		return node{kind: kindStrike}
	case *ast.Link:
		return node{kind: kindLink, text: resolved(string(n.Destination))}
	case *ast.Image:
		return node{kind: kindImage, text: resolved(string(n.Destination))}
	case *ast.AutoLink:
		return node{kind: kindLink, text: autoURL(n, c.bytes)}
	case *ast.RawHTML:
		return node{kind: kindHTML, text: withoutTags(c.lines(n.Segments))}
	case *ast.String:
		return node{kind: kindWords, text: resolved(string(n.Value))}
	case *east.TaskCheckBox:
		if n.IsChecked {
			return node{kind: kindWords, text: "☑ "}
		}
		return node{kind: kindWords, text: "☐ "}
	}
	if n.Type() == ast.TypeInline {
		return node{kind: kindSpan}
	}
	return node{kind: kindGroup}
}

// code is what is in a span of code.
func (c *converter) code(parent ast.Node) string {
	var b strings.Builder
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if text, ok := n.(*ast.Text); ok {
			b.WriteString(c.value(text.Segment))
			if endsLine(text) {
				b.WriteByte('\n')
			}
		}
	}
	return Clean(b.String())
}

func (c *converter) lines(all *text.Segments) string {
	if all.Len() == 1 {
		return c.value(all.At(0))
	}
	var b strings.Builder
	for i := range all.Len() {
		b.WriteString(c.value(all.At(i)))
	}
	return b.String()
}

// value is a part of the source.
func (c *converter) value(at text.Segment) string {
	if at.Padding == 0 && (!at.ForceNewline || strings.HasSuffix(c.source[:at.Stop], "\n")) {
		return c.source[at.Start:at.Stop]
	}
	return string(at.Value(c.bytes))
}

func endsLine(n *ast.Text) bool { return n.HardLineBreak() || n.SoftLineBreak() }

// resolved is what a text of the source stands for: references such as &lt; and escapes such as \* are what they mean.
func resolved(value string) string {
	if strings.IndexByte(value, '&') < 0 && strings.IndexByte(value, '\\') < 0 {
		return value
	}
	return Clean(string(util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations([]byte(value))))))
}

func autoURL(n *ast.AutoLink, source []byte) string {
	url := string(n.URL(source))
	if n.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(url), "mailto:") {
		return "mailto:" + url
	}
	return url
}
