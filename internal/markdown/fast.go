package markdown

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// parseFast reads what most answers keep to: paragraphs, headings with #, lists of one level, fenced code, emphasis with *, code spans
// and links. It makes the tree that goldmark makes of the same text, so that what makes a text harmless stays in one place, and takes
// a tenth of goldmark's time. It returns nil for a text with anything else in it.
func parseFast(source string) ast.Node {
	p := fastParser{source: source, document: ast.NewDocument()}
	if !p.blocks() {
		return nil
	}
	return p.document
}

type fastParser struct {
	source   string
	document *ast.Document
	open     span      // the paragraph that the line before belongs to; empty where it belongs to none
	list     *ast.List // the list that is open
	items    []span    // of list

	// Nodes that the next ones are taken from.
	texts     []ast.Text
	codes     []ast.CodeSpan
	emphases  []ast.Emphasis
	listItems []ast.ListItem
	lines     []ast.TextBlock
}

// take takes a node of several that are made at once.
func take[T any](nodes *[]T) *T {
	if len(*nodes) == 0 {
		*nodes = make([]T, 8)
	}
	n := &(*nodes)[0]
	*nodes = (*nodes)[1:]
	return n
}

// span is the text of a paragraph or an item. Its lines but the first begin with so many spaces.
type span struct{ start, stop, indent int }

func (p *fastParser) blocks() bool {
	blank := false // the line before was empty
	for at, next := 0, 0; at < len(p.source); at = next {
		end := len(p.source)
		if i := strings.IndexByte(p.source[at:], '\n'); i >= 0 {
			end = at + i
		}
		line := p.source[at:end]
		next = end + 1
		var ok bool
		switch {
		case line == "":
			ok = p.closeParagraph()
		case line[0] == '#':
			ok = p.closeAll() && p.heading(line, at)
		case strings.HasPrefix(line, "```"):
			ok = p.closeAll()
			if ok {
				next, ok = p.fence(line[3:], next)
			}
		case line[0] == ' ':
			ok = p.list != nil && !blank && p.continueItem(line, end)
		default:
			ok = p.textLine(line, at, end, blank)
		}
		if !ok {
			return false
		}
		blank = line == ""
	}
	return p.closeAll()
}

// textLine reads a line that begins with neither a space nor a mark of a block, but perhaps with that of an item.
func (p *fastParser) textLine(line string, at, end int, blank bool) bool {
	mark, number := itemMark(line)
	switch {
	case mark > 0:
		return p.item(line, mark, number, span{at + mark, end, mark}, blank)
	case !beginsText(line) || p.list != nil && !blank:
		return false
	case p.open.stop > 0:
		p.open.stop = end
		return true
	}
	p.open = span{at, end, 0}
	return p.closeList()
}

func (p *fastParser) item(line string, mark, number int, s span, blank bool) bool {
	marker, isOrdered := line[mark-2], mark > len("- ")
	if !beginsText(line[mark:]) || strings.HasPrefix(line[mark:], "[") && isCheckBox(line[mark:]) || p.open.stop > 0 && isOrdered && number != 1 || !p.closeParagraph() {
		return false
	}
	switch {
	case p.list == nil:
	case p.list.CanContinue(marker, isOrdered):
		p.list.IsTight = p.list.IsTight && !blank
		p.items = append(p.items, s)
		return true
	case !blank || !p.closeList():
		return false
	}
	p.list = ast.NewList(marker)
	if isOrdered {
		p.list.Start = number
	}
	p.items = append(p.items[:0], s)
	return true
}

// continueItem adds a line to the last item.
func (p *fastParser) continueItem(line string, end int) bool {
	last, rest := &p.items[len(p.items)-1], strings.TrimLeft(line, " ")
	if len(line)-len(rest) != last.indent || rest == "" || !beginsText(rest) || strings.HasPrefix(rest, "```") {
		return false
	}
	if mark, _ := itemMark(rest); mark > 0 {
		return false
	}
	last.stop = end
	return true
}

// heading reads # A heading.
func (p *fastParser) heading(line string, at int) bool {
	words := strings.TrimLeft(line, "#")
	level := len(line) - len(words)
	if level > 6 || len(words) < 2 || words[0] != ' ' || words[1] == ' ' || words[len(words)-1] == '#' {
		return false
	}
	h := ast.NewHeading(level)
	p.document.AppendChild(p.document, h)
	return p.inline(h, span{at + level + 1, at + len(line), 0})
}

// fence reads a block of code whose first line is read already, but for what stands behind its mark.
func (p *fastParser) fence(language string, start int) (next int, ok bool) {
	if strings.Trim(language, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-+#") != "" {
		return 0, false
	}
	for at := start; at < len(p.source); at = next {
		line, _, _ := strings.Cut(p.source[at:], "\n")
		next = at + len(line) + 1
		if !strings.HasPrefix(strings.TrimLeft(line, " \t"), "```") {
			continue
		}
		if line != "```" {
			return 0, false
		}
		var info *ast.Text
		if language != "" {
			info = ast.NewTextSegment(text.NewSegment(start-1-len(language), start-1))
		}
		code := ast.NewFencedCodeBlock(info)
		if at > start {
			code.Lines().Append(text.NewSegment(start, at))
		}
		p.document.AppendChild(p.document, code)
		return next, true
	}
	return 0, false
}

func (p *fastParser) closeAll() bool { return p.closeParagraph() && p.closeList() }

func (p *fastParser) closeParagraph() bool {
	if p.open.stop == 0 {
		return true
	}
	n := ast.NewParagraph()
	p.document.AppendChild(p.document, n)
	s := p.open
	p.open = span{}
	return p.inline(n, s)
}

func (p *fastParser) closeList() bool {
	if p.list == nil {
		return true
	}
	list := p.list
	p.list = nil
	p.document.AppendChild(p.document, list)
	for _, s := range p.items {
		var n ast.Node
		if list.IsTight {
			n = take(&p.lines)
		} else {
			n = ast.NewParagraph()
		}
		item := take(&p.listItems)
		item.Offset = s.indent
		item.AppendChild(item, n)
		list.AppendChild(list, item)
		if !p.inline(n, s) {
			return false
		}
	}
	return true
}

// itemMark returns the length of an item's mark with the space behind it, and its number; 0 where a line begins with none.
func itemMark(line string) (length, number int) {
	digits := len(line) - len(strings.TrimLeft(line, "0123456789"))
	if rest := line[digits:]; len(rest) < 3 || rest[1] != ' ' || rest[2] == ' ' {
		return 0, 0
	}
	switch c := line[digits]; {
	case digits == 0 && (c == '-' || c == '*' || c == '+'):
		return 2, 0
	case digits > 0 && digits < 10 && (c == '.' || c == ')'):
		number, _ = strconv.Atoi(line[:digits])
		return digits + 2, number
	}
	return 0, 0
}

// isCheckBox reports whether an item begins with the box of a task.
func isCheckBox(item string) bool { return len(item) > 2 && item[2] == ']' }

// beginsText reports whether a line is certainly one of a paragraph.
func beginsText(line string) bool {
	switch c := line[0]; {
	case c >= utf8.RuneSelf, c|0x20 >= 'a' && c|0x20 <= 'z':
		return true
	case c >= '0' && c <= '9':
		rest := strings.TrimLeft(line, "0123456789")
		return rest == "" || rest[0] != '.' && rest[0] != ')' || len(rest) > 1 && rest[1] != ' '
	case c == '*':
		return len(line) > 1 && line[1] != ' ' && strings.Trim(line, "* ") != ""
	case c == '`':
		return !strings.HasPrefix(line, "```")
	}
	return strings.IndexByte(`("'[/$%&.,;?!`, line[0]) >= 0
}
