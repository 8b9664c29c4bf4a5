package markdown

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// items writes a list: each item is a block, and so is what is in one besides its first paragraph.
func (w *writer) items(at int, p place) {
	all, number, first := w.tree[at], int(w.tree[at].number), true
	indent := strings.Repeat(cmp.Or(w.indent, "  "), min(p.lists, maxDepth))
	p.lists++
	for i := at + 1; i < int(all.end); i = int(w.tree[i].end) {
		mark := indent + w.bullet
		if number >= 0 {
			mark = indent + strconv.Itoa(number) + w.point + " "
			number++
		}
		begun := false
		for n := i + 1; n < int(w.tree[i].end); n = int(w.tree[n].end) {
			kind := w.tree[n].kind
			switch isText := kind == kindLine || kind == kindParagraph; {
			case !begun && isText:
				w.put(mark)
				w.inline(n, 0)
				w.indentLines(indent + "  ")
				w.add(Block{Text: w.quoted(p.prefix), mark: mark, from: w.Text, node: n, tight: !first || p.lists > 1})
			case !begun:
				w.put(mark)
				w.add(Block{Text: w.quoted(p.prefix), plain: mark, tight: !first})
				w.nested(n, p)
			default:
				w.nested(n, p)
			}
			begun, first = true, false
		}
	}
}

// indentLines puts a text before each line but the first.
func (w *writer) indentLines(indent string) {
	if bytes.IndexByte(w.out, '\n') >= 0 {
		w.put(strings.ReplaceAll(w.cut(0), "\n", "\n"+indent))
	}
}

// nested writes what is in an item below its first paragraph. Below maxDepth it is text.
func (w *writer) nested(at int, p place) {
	if p.depth < maxDepth {
		p.depth++
		w.block(at, p)
	} else if plain := strings.TrimSpace(w.tree.plain(at)); plain != "" {
		w.put(w.escape(plain))
		w.add(Block{Text: w.quoted(p.prefix), plain: plain, tight: true})
	}
}

// table writes a table in letters of one width, or as it is where the dialect has tables.
func (w *writer) table(at int) {
	var rows, plain [][]string
	for row := at + 1; row < int(w.tree[at].end); row = int(w.tree[row].end) {
		var written, cells []string
		for cell := row + 1; cell < int(w.tree[row].end); cell = int(w.tree[cell].end) {
			text := strings.Join(strings.Fields(w.tree.plain(cell)), " ")
			cells = append(cells, text)
			if w.tables {
				w.inline(cell, 0)
				written = append(written, strings.ReplaceAll(oneLine(w.cut(0)), "|", `\|`))
			}
		}
		rows, plain = append(rows, written), append(plain, cells)
	}
	aligned := aligned(plain)
	if !w.tables {
		w.codeBlock(aligned)
		return
	}
	var b strings.Builder
	for i, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	w.add(Block{Text: w.silent(strings.TrimSuffix(b.String(), "\n")), plain: aligned, Code: true})
}

const maxColumn = 40 // characters to which the cells of a column are padded

// aligned writes the cells of a table below each other.
func aligned(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], min(len([]rune(cell)), maxColumn))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		line := ""
		for j, cell := range row {
			line += cell + strings.Repeat(" ", max(widths[j]-len([]rune(cell)), 0)) + "  "
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		if i == 0 {
			for j, width := range widths {
				if j > 0 {
					b.WriteString("  ")
				}
				b.WriteString(strings.Repeat("-", width))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func oneLine(text string) string {
	if isOneLine(text) {
		return text
	}
	return strings.Join(strings.Fields(text), " ")
}

// isOneLine reports whether a text has only letters of ASCII, and single spaces between them.
func isOneLine(text string) bool {
	before := byte(' ')
	for i := range len(text) {
		c := text[i]
		if c < ' ' || c >= utf8.RuneSelf || c == ' ' && before == ' ' {
			return false
		}
		before = c
	}
	return before != ' ' || text == ""
}
