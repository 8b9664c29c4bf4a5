package markdown

import (
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/util"
)

// fastMark is an emphasis or a link that is open.
type fastMark struct {
	node   int
	length int // of its mark; 0 is a link
}

// inline reads the text of a paragraph.
func (p *fastParser) inline(s span) bool {
	var marks [maxDepth]fastMark
	open := marks[:0]
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
			p.words(from, i, true)
			i += 1 + s.indent
			from = i
		case c == '`':
			length := strings.IndexByte(source[i+1:], '`')
			if length <= 0 {
				return false
			}
			code, end := source[i+1:i+1+length], i+length+2
			if code[0] == ' ' || code[length-1] == ' ' || strings.IndexByte(code, '\n') >= 0 ||
				end < s.stop && source[end] == '`' {
				return false
			}
			p.words(from, i, false)
			p.add(node{kind: kindCode, text: code})
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
				p.words(from, i, false)
				kind := kindEmphasis
				if length == 2 {
					kind = kindStrong
				}
				open, from = append(open, fastMark{p.add(node{kind: kind}), length}), i+length
			case closes:
				if len(open) == 0 || open[len(open)-1].length != length {
					return false
				}
				p.words(from, i, false)
				p.close(open[len(open)-1].node)
				open, from = open[:len(open)-1], i+length
			}
			i += length
		case c == '[':
			for _, m := range open {
				if m.length == 0 {
					return false
				}
			}
			p.words(from, i, false)
			open = append(open, fastMark{p.add(node{kind: kindLink}), 0})
			i++
			from = i
		case c == ']':
			length := destination(source[i+1:])
			if length == 0 || len(open) == 0 || open[len(open)-1].length != 0 || source[i-1] == '[' {
				return false
			}
			p.words(from, i, false)
			link := open[len(open)-1].node
			p.tree[link].text = resolved(source[i+2 : i+2+length])
			p.close(link)
			open = open[:len(open)-1]
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
	p.words(from, s.stop, false)
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

// flanks reports whether a run of * may begin and may end an emphasis (spec.commonmark.org, left-flanking and
// right-flanking).
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

// words adds a text, which is not empty unless its line ends there.
func (p *fastParser) words(start, stop int, ends bool) {
	if start < stop || ends {
		p.add(node{kind: kindWords, text: resolved(p.source[start:stop]), ends: ends})
	}
}
