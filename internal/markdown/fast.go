package markdown

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseFast reads what most answers keep to: paragraphs, headings with #, lists of one level, fenced code, emphasis
// with *, code spans and links. It makes the tree that goldmark's is for the same text, in a tenth of its time. It
// returns nil for a text with anything else in it.
func parseFast(source string) tree {
	p := fastParser{source: source, tree: make(tree, 1, 16+len(source)/20)}
	if !p.blocks() {
		return nil
	}
	p.close(0)
	return p.tree
}

type fastParser struct {
	source string
	tree
	open  span     // the paragraph that the line before belongs to; empty where it belongs to none
	list  openList // the list that is open
	items []span   // of list; none where none is open
}

// openList is a list that is read.
type openList struct {
	marker  byte
	number  int // of its first item; -1 where they have none
	isLoose bool
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
			ok = len(p.items) > 0 && !blank && p.continueItem(line, end)
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
	case !beginsText(line) || len(p.items) > 0 && !blank:
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
	if !beginsText(line[mark:]) || strings.HasPrefix(line[mark:], "[") && isCheckBox(line[mark:]) ||
		p.open.stop > 0 && isOrdered && number != 1 || !p.closeParagraph() {
		return false
	}
	switch {
	case len(p.items) == 0:
	case p.list.marker == marker:
		p.list.isLoose = p.list.isLoose || blank
		p.items = append(p.items, s)
		return true
	case !blank || !p.closeList():
		return false
	}
	if p.list = (openList{marker: marker, number: number}); !isOrdered {
		p.list.number = -1
	}
	p.items = append(p.items, s)
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
	return p.text(node{kind: kindHeading, number: int32(level)}, span{at + level + 1, at + len(line), 0})
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
		p.add(node{kind: kindCodeBlock, text: p.source[start:at]})
		return next, true
	}
	return 0, false
}

func (p *fastParser) closeAll() bool { return p.closeParagraph() && p.closeList() }

func (p *fastParser) closeParagraph() bool {
	if p.open.stop == 0 {
		return true
	}
	s := p.open
	p.open = span{}
	return p.text(node{kind: kindParagraph}, s)
}

func (p *fastParser) closeList() bool {
	if len(p.items) == 0 {
		return true
	}
	kind := kindLine
	if p.list.isLoose {
		kind = kindParagraph
	}
	at := p.add(node{kind: kindList, number: int32(p.list.number)})
	for _, s := range p.items {
		item := p.add(node{kind: kindItem})
		if !p.text(node{kind: kind}, s) {
			return false
		}
		p.close(item)
	}
	p.close(at)
	p.items = p.items[:0]
	return true
}

// text adds a node with the text that is in it.
func (p *fastParser) text(n node, s span) bool {
	at := p.add(n)
	ok := p.inline(s)
	p.close(at)
	return ok
}

// itemMark returns the length of an item's mark with the space behind it, and its number; 0 where a line begins
// with none.
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
