// Package report turns measurements into text: tables, verdicts, and their place in a page.
package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Section is what one part of the benchmark found.
type Section struct {
	Title    string
	Text     string // what was measured, and how
	Header   []string
	Rows     [][]string
	Verdicts []Verdict
}

// Markdown is the section as a part of a page.
func (s Section) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n%s", s.Title, s.Text, Table(s.Header, s.Rows))
	if len(s.Verdicts) == 0 {
		return b.String()
	}
	var rows [][]string
	for _, v := range s.Verdicts {
		rows = append(rows, []string{v.What, v.Value, v.Target, v.Result()})
	}
	b.WriteString("\n" + Table([]string{"promise", "measured", "target", ""}, rows))
	return b.String()
}

// Missed are the verdicts of sections whose targets were missed.
func Missed(sections []Section) []Verdict {
	var missed []Verdict
	for _, s := range sections {
		for _, v := range s.Verdicts {
			if !v.Met {
				missed = append(missed, v)
			}
		}
	}
	return missed
}

// Table is in Markdown, with columns of equal width, so that it reads well in a terminal too. Columns of numbers are
// aligned to the right.
func Table(header []string, rows [][]string) string {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	line := func(cells []string) {
		for i, cell := range cells {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if numeric(rows, i) {
				cell, padding = padding, cell
			}
			b.WriteString("| " + cell + padding + " ")
		}
		b.WriteString("|\n")
	}
	line(header)
	for i, width := range widths {
		if numeric(rows, i) {
			b.WriteString("| " + strings.Repeat("-", width-1) + ": ")
		} else {
			b.WriteString("| " + strings.Repeat("-", width) + " ")
		}
	}
	b.WriteString("|\n")
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

// numeric says whether every cell of column i starts like a number or is empty.
func numeric(rows [][]string, i int) bool {
	return !slices.ContainsFunc(rows, func(row []string) bool {
		return row[i] != "" && !strings.ContainsRune("-0123456789", rune(row[i][0]))
	})
}
