package markdown

import (
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// fastMark is an emphasis or a link that is open.
type fastMark struct {
	node, parent ast.Node
	length       int // of its mark; 0 is a link
}

// inline reads the text of a paragraph.
func (p *fastParser) inline(parent ast.Node, s span) bool {
	var open []fastMark
	from := s.start // where the text begins that is not in the tree yet
	source := p.source[:s.stop]
	if source[s.stop-1] == ' ' || strings.Contains(source[s.start:], "]:") {
		return false
	}
	for i := s.start; i < s.stop; {
		switch c := source[i]; {
		case c >= utf8.RuneSelf || isOrdinary[c]:
			i++
		case c == '\n':
			if source[i-1] == ' ' {
				return false
			}
			p.text(parent, from, i, true)
			i += 1 + s.indent
			from = i
		case c == '`':
			length := strings.IndexByte(source[i+1:], '`')
			if length <= 0 {
				return false
			}
			code, end := source[i+1:i+1+length], i+length+2
			if code[0] == ' ' || code[length-1] == ' ' || strings.IndexByte(code, '\n') >= 0 || end < s.stop && source[end] == '`' {
				return false
			}
			p.text(parent, from, i, false)
			span := take(&p.codes)
			parent.AppendChild(parent, span)
			p.text(span, i+1, end-1, false)
			i, from = end, end
		case c == '*':
			length := 1
			for i+length < s.stop && source[i+length] == '*' {
				length++
			}
			opens, closes := flanks(source, s.start, i, i+length)
			switch {
			case opens && closes || length > 2 && (opens || closes):
				return false
			case opens && len(open) == maxDepth:
				return false
			case opens:
				p.text(parent, from, i, false)
				n := take(&p.emphases)
				n.Level = length
				parent.AppendChild(parent, n)
				open, parent, from = append(open, fastMark{n, parent, length}), n, i+length
			case closes:
				if len(open) == 0 || open[len(open)-1].length != length {
					return false
				}
				p.text(parent, from, i, false)
				parent, open, from = open[len(open)-1].parent, open[:len(open)-1], i+length
			}
			i += length
		case c == '[':
			for _, m := range open {
				if m.length == 0 {
					return false
				}
			}
			p.text(parent, from, i, false)
			n := ast.NewLink()
			parent.AppendChild(parent, n)
			open, parent = append(open, fastMark{n, parent, 0}), n
			i++
			from = i
		case c == ']':
			length := destination(source[i+1:])
			if length == 0 || len(open) == 0 || open[len(open)-1].length != 0 || source[i-1] == '[' {
				return false
			}
			p.text(parent, from, i, false)
			parent.(*ast.Link).Destination = []byte(source[i+2 : i+2+length])
			parent, open = open[len(open)-1].parent, open[:len(open)-1]
			i += length + len("](") + 1
			from = i
		default:
			length := literal(source, s.start, i)
			if length == 0 {
				return false
			}
			i += length
		}
	}
	p.text(parent, from, s.stop, false)
	return len(open) == 0
}

// isOrdinary has the characters of ASCII that are always text inside of a paragraph.
var isOrdinary = func() (is [utf8.RuneSelf]bool) {
	for c := ' '; c < 0x7F; c++ {
		is[c] = !strings.ContainsRune("`*_[]<!~\\", c)
	}
	return is
}()

// literal is how many characters are text at a place that may begin a mark; 0 where that is not certain.
func literal(source string, start, i int) int {
	next := byte('\n')
	if i+1 < len(source) {
		next = source[i+1]
	}
	switch source[i] {
	case '_': // inside of a word
		if i > start && isWord(source[i-1]) && isWord(next) {
			return 1
		}
	case '<':
		if next == ' ' || next == '=' || next >= '0' && next <= '9' {
			return 1
		}
	case '!':
		if next != '[' {
			return 1
		}
	case '~': // of a number: nothing ends what it may begin
		if (i == start || source[i-1] == ' ') && next >= '0' && next <= '9' {
			return 1
		}
	}
	return 0
}

func isWord(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

// destination is the length of a URL in parentheses; 0 where there is none that is plain.
func destination(rest string) int {
	if rest == "" || rest[0] != '(' {
		return 0
	}
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == ')':
			return i - 1
		case c <= ' ' || c >= 0x7F || strings.IndexByte(`(<>\"'`, c) >= 0:
			return 0
		}
	}
	return 0
}

// flanks reports whether a run of * may begin and may end an emphasis (spec.commonmark.org, left-flanking and right-flanking).
func flanks(source string, start, i, end int) (opens, closes bool) {
	before, after := '\n', '\n'
	if i > start {
		before, _ = utf8.DecodeLastRuneInString(source[:i])
	}
	if end < len(source) {
		after, _ = utf8.DecodeRuneInString(source[end:])
	}
	spaceBefore, markBefore := util.IsSpaceRune(before), util.IsPunctRune(before)
	spaceAfter, markAfter := util.IsSpaceRune(after), util.IsPunctRune(after)
	opens = !spaceAfter && (!markAfter || spaceBefore || markBefore)
	closes = !spaceBefore && (!markBefore || spaceAfter || markAfter)
	return opens, closes
}

// text adds a text, which is not empty unless its line ends there.
func (p *fastParser) text(parent ast.Node, start, stop int, ends bool) {
	if start == stop && !ends {
		return
	}
	t := take(&p.texts)
	t.Segment = text.NewSegment(start, stop)
	t.SetSoftLineBreak(ends)
	parent.AppendChild(parent, t)
}
