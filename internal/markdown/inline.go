package markdown

import "strings"

// inline writes what is in a paragraph, a heading or a cell.
func (w *writer) inline(parent, depth int) {
	if depth > maxDepth {
		w.put(w.escape(w.tree.plain(parent)))
		return
	}
	for at, end := parent+1, int(w.tree[parent].end); at < end; at = int(w.tree[at].end) {
		w.span(at, end, depth)
	}
}

// span writes what is at a place. end is where its parent ends.
func (w *writer) span(at, end, depth int) {
	switch n := &w.tree[at]; n.kind {
	case kindWords, kindHTML:
		written := w.escape(n.text)
		if next := int(n.end); n.kind == kindWords && next < end && w.tree[next].kind == kindHTML {
			written = w.endsApart(written)
		}
		if w.put(written); n.ends {
			w.put("\n")
		}
	case kindCode:
		w.put(w.code(n.text))
	case kindEmphasis:
		w.between(w.emphasis, at, depth)
	case kindStrong:
		w.between(w.strong, at, depth)
	case kindStrike:
		w.between(w.strike, at, depth)
	case kindLink:
		start := len(w.out)
		w.inline(at, depth+1)
		w.put(w.linked(w.cut(start), w.tree.plain(at), n.text))
	case kindImage:
		plain := w.tree.plain(at)
		if strings.TrimSpace(plain) == "" {
			plain = "image"
		}
		w.put(w.linked(w.escape(plain), plain, n.text))
	default:
		w.inline(at, depth+1)
	}
}

// between writes what is at a place between two marks.
func (w *writer) between(marks [2]string, at, depth int) {
	start := len(w.out)
	w.inline(at, depth+1)
	w.put(marked(marks, w.cut(start)))
}

// linked writes a link, or only its text where it leads nowhere that may be opened.
func (w *writer) linked(written, plain, destination string) string {
	url, host, ok := SafeURL(destination)
	if !ok {
		return written
	}
	if strings.TrimSpace(plain) == "" {
		written, plain = w.escape(url), url
	}
	written = w.link(written, plain, url)
	if !w.unmarked && looksElsewhere(plain, host) {
		written += w.escape(" (" + host + ")")
	}
	return written
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

var (
	breaks = lazily(`(?i)<br\s*/?>|</(p|div|tr|li|h[1-6]|table|summary)\s*>`)
	cells  = lazily(`(?i)</t[dh]\s*>`)
	tags   = lazily(`(?i)</?(a|abbr|b|big|blockquote|body|br|caption|center|cite|code|dd|del|details|div|dl|dt|` +
		`em|font|h[1-6]|head|hr|html|i|iframe|img|ins|kbd|li|mark|math|meta|object|ol|p|path|picture|pre|q|` +
		`s|samp|script|small|source|span|strong|style|sub|summary|sup|svg|` +
		`table|tbody|td|tfoot|th|thead|tr|u|ul|var|video)(\s[^<>]*)?/?>`)
)

// withoutTags takes the tags of HTML out of a text. What is no tag that HTML knows, such as List<String>, stays.
func withoutTags(raw string) string {
	if strings.IndexByte(raw, '<') < 0 {
		return raw
	}
	return tags().ReplaceAllString(cells().ReplaceAllString(breaks().ReplaceAllString(raw, "\n"), " "), "")
}
