package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// inline writes what is in a paragraph, a heading or a cell.
func (w *writer) inline(parent ast.Node, depth int) string {
	if depth > maxDepth {
		return w.escaped(w.plainOf(parent))
	}
	first := parent.FirstChild()
	if first == nil {
		return ""
	}
	written, next := w.span(first, depth)
	if next == nil {
		return written
	}
	start := len(w.scratch)
	w.scratch = append(w.scratch, written...)
	for next != nil {
		written, next = w.span(next, depth)
		w.scratch = append(w.scratch, written...)
	}
	return w.cutScratch(start)
}

// cutScratch takes what was written since start out of scratch.
func (w *writer) cutScratch(start int) string {
	written := string(w.scratch[start:])
	w.scratch = w.scratch[:start]
	return written
}

// span writes a node and returns the next one. Texts that follow each other in the source are one text.
func (w *writer) span(n ast.Node, depth int) (written string, next ast.Node) {
	if text, ok := n.(*ast.Text); ok {
		at := text.Segment
		for next = text.NextSibling(); next != nil && lineEnd(text) == ""; next = text.NextSibling() {
			more, ok := next.(*ast.Text)
			if !ok || more.Segment.Start != at.Stop || at.Padding+more.Segment.Padding > 0 {
				break
			}
			text, at.Stop = more, more.Segment.Stop
		}
		written = w.escaped(resolved(w.value(at)))
		if next != nil && next.Kind() == ast.KindRawHTML {
			written = w.endsApart(written)
		}
		return written + lineEnd(text), next
	}
	return w.marked(n, depth), n.NextSibling()
}

// marked writes a node that is not merely text.
func (w *writer) marked(n ast.Node, depth int) string {
	switch n := n.(type) {
	case *ast.String:
		return w.escaped(resolved(string(n.Value)))
	case *ast.CodeSpan:
		return w.code(Clean(w.plainOf(n)))
	case *ast.Emphasis:
		if n.Level == 1 {
			return marked(w.emphasis, w.inline(n, depth+1))
		}
		return marked(w.strong, w.inline(n, depth+1))
	case *east.Strikethrough:
		return marked(w.strike, w.inline(n, depth+1))
	case *east.TaskCheckBox:
		return checkBox(n)
	case *ast.AutoLink:
		return w.linked(w.escaped(string(n.Label(w.source))), string(n.Label(w.source)), autoURL(n, w.source))
	case *ast.Link:
		return w.linked(w.inline(n, depth+1), w.plainOf(n), resolved(string(n.Destination)))
	case *ast.Image:
		plain := w.plainOf(n)
		if strings.TrimSpace(plain) == "" {
			plain = "image"
		}
		return w.linked(w.escaped(plain), plain, resolved(string(n.Destination)))
	case *ast.RawHTML:
		return w.escaped(withoutTags(rawOf(n, w.source)))
	}
	return w.inline(n, depth+1)
}

// linked writes a link, or only its text where it leads nowhere that may be opened.
func (w *writer) linked(written, plain, destination string) string {
	url, host, ok := SafeURL(destination)
	if !ok {
		return written
	}
	if strings.TrimSpace(plain) == "" {
		written, plain = w.escaped(url), url
	}
	written = w.link(written, plain, url)
	if !w.unmarked && looksElsewhere(plain, host) {
		written += w.escaped(" (" + host + ")")
	}
	return written
}

// plainOf is the text of a node without any marks.
func (w *writer) plainOf(n ast.Node) string {
	if only, ok := n.FirstChild().(*ast.Text); ok && only.NextSibling() == nil && n.Type() == ast.TypeInline {
		return Clean(w.plainText(only) + lineEnd(only))
	}
	start := len(w.scratch)
	w.addPlain(n)
	return Clean(w.cutScratch(start))
}

func (w *writer) plainText(n *ast.Text) string {
	if n.Parent().Kind() == ast.KindCodeSpan {
		return w.value(n.Segment)
	}
	return resolved(w.value(n.Segment))
}

func (w *writer) addPlain(n ast.Node) {
	switch n := n.(type) {
	case *ast.Text:
		w.scratch = append(append(w.scratch, w.plainText(n)...), lineEnd(n)...)
	case *ast.String:
		w.scratch = append(w.scratch, n.Value...)
	case *ast.AutoLink:
		w.scratch = append(w.scratch, n.Label(w.source)...)
	case *ast.RawHTML:
		w.scratch = append(w.scratch, withoutTags(rawOf(n, w.source))...)
	case *east.TaskCheckBox:
		w.scratch = append(w.scratch, checkBox(n)...)
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		w.scratch = append(w.scratch, w.lines(n)...)
	case *ast.HTMLBlock:
		w.scratch = append(w.scratch, withoutTags(w.lines(n))...)
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		w.addPlain(c)
	}
	if n.Type() == ast.TypeBlock && n.NextSibling() != nil {
		w.scratch = append(w.scratch, '\n')
	}
}

// value is a part of the source.
func (w *writer) value(at text.Segment) string {
	if at.Padding == 0 && (!at.ForceNewline || strings.HasSuffix(w.whole[:at.Stop], "\n")) {
		return w.whole[at.Start:at.Stop]
	}
	return string(at.Value(w.source))
}

func lineEnd(n *ast.Text) string {
	if n.HardLineBreak() || n.SoftLineBreak() {
		return "\n"
	}
	return ""
}

func checkBox(n *east.TaskCheckBox) string {
	if n.IsChecked {
		return "☑ "
	}
	return "☐ "
}

// marked puts the spaces at the ends of a text outside its marks: inside, no dialect takes them for marks.
func marked(marks [2]string, written string) string {
	inner := strings.TrimSpace(written)
	if inner == "" || marks[0] == "" {
		return written
	}
	if len(inner) == len(written) {
		return marks[0] + inner + marks[1]
	}
	before, after, _ := strings.Cut(written, inner)
	return before + marks[0] + inner + marks[1] + after
}

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

func rawOf(n *ast.RawHTML, source []byte) string {
	var b strings.Builder
	for i := range n.Segments.Len() {
		at := n.Segments.At(i)
		b.Write(at.Value(source))
	}
	return b.String()
}

var (
	breaks = lazily(`(?i)<br\s*/?>|</(p|div|tr|li|h[1-6]|table|summary)\s*>`)
	cells  = lazily(`(?i)</t[dh]\s*>`)
	tags   = lazily(`(?i)</?(a|abbr|b|big|blockquote|body|br|caption|center|cite|code|dd|del|details|div|dl|dt|em|font|h[1-6]|head|hr|html|i|iframe|img|ins|kbd|li|` +
		`mark|math|meta|object|ol|p|path|picture|pre|q|s|samp|script|small|source|span|strong|style|sub|summary|sup|svg|table|tbody|td|tfoot|th|thead|tr|u|ul|var|video)(\s[^<>]*)?/?>`)
)

// withoutTags takes the tags of HTML out of a text. What is no tag that HTML knows, such as List<String>, stays.
func withoutTags(raw string) string {
	if strings.IndexByte(raw, '<') < 0 {
		return raw
	}
	return tags().ReplaceAllString(cells().ReplaceAllString(breaks().ReplaceAllString(raw, "\n"), " "), "")
}
