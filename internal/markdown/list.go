package markdown

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
)

// items writes a list: each item is a block, and so is what is in one besides its first paragraph.
func (w *writer) items(list *ast.List, depth int, prefix string) {
	number, first := list.Start, true
	indent := strings.Repeat(cmp.Or(w.indent, "  "), min(levelOf(list), maxDepth))
	for item := list.FirstChild(); item != nil; item = item.NextSibling() {
		mark := w.bullet
		if list.IsOrdered() {
			mark = strconv.Itoa(number) + w.point + " "
			number++
		}
		begun := false
		for n := item.FirstChild(); n != nil; n = n.NextSibling() {
			if kind := n.Kind(); !begun && (kind == ast.KindTextBlock || kind == ast.KindParagraph) {
				tight := !first || levelOf(list) > 0
				written := quoted(prefix, indent+mark+strings.ReplaceAll(w.inline(n, 0), "\n", "\n"+indent+"  "))
				w.add(Block{Text: written, mark: indent + mark, node: n, from: w, tight: tight})
			} else if !begun {
				w.add(Block{Text: quoted(prefix, indent+mark), plain: indent + mark, tight: !first})
				w.nested(n, depth, prefix)
			} else {
				w.nested(n, depth, prefix)
			}
			begun, first = true, false
		}
	}
}

// nested writes what is in an item below its first paragraph. Below maxDepth it is text.
func (w *writer) nested(n ast.Node, depth int, prefix string) {
	if depth >= maxDepth {
		if plain := strings.TrimSpace(w.plainOf(n)); plain != "" {
			w.add(Block{Text: quoted(prefix, w.escaped(plain)), plain: plain, tight: true})
		}
		return
	}
	w.block(n, depth+1, prefix)
}

// levelOf counts the lists that a list is in.
func levelOf(list ast.Node) (level int) {
	for p := list.Parent(); p != nil && level <= maxDepth; p = p.Parent() {
		if p.Kind() == ast.KindList {
			level++
		}
	}
	return level
}

func isTable(n ast.Node) bool { return n.Kind() == east.KindTable }

// table writes a table in letters of one width, or as it is where the dialect has tables.
func (w *writer) table(n ast.Node) {
	var rows, plain [][]string
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var written, cells []string
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			text := strings.Join(strings.Fields(w.plainOf(cell)), " ")
			cells = append(cells, text)
			if w.tables {
				written = append(written, strings.ReplaceAll(oneLine(w.inline(cell, 0)), "|", `\|`))
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
