package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"beckon/internal/secret"
)

// The bounds of a report: a file of nonsense should not become a log of nonsense.
const (
	maxMistakes = 1000
	maxPrinted  = 50
)

// Mistake is one thing that is wrong with the configuration, and where.
type Mistake struct {
	File string `json:"file,omitempty"` // empty for an environment variable
	Line int    `json:"line,omitempty"` // counted from 1; 0 where there is none
	Path string `json:"path,omitempty"` // "agents[0].provider", or the variable's name
	Text string `json:"text"`
}

// String writes "config.yaml:12: agents[0].provider: is required".
func (m Mistake) String() string {
	where := m.File
	if m.Line > 0 {
		where += ":" + strconv.Itoa(m.Line)
	}
	parts := slices.DeleteFunc([]string{where, m.Path, m.Text}, func(s string) bool { return s == "" })
	return strings.Join(parts, ": ")
}

// Error is everything that is wrong, in the order of the file. It never holds a secret.
type Error struct {
	Mistakes []Mistake
}

// Error writes one mistake a line.
func (e *Error) Error() string {
	var b strings.Builder
	for i, m := range e.Mistakes {
		if i == maxPrinted {
			fmt.Fprintf(&b, "\nand %d more", len(e.Mistakes)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(m.String())
	}
	return b.String()
}

// findings collects mistakes, and the values that none of them may show.
type findings struct {
	file   string
	list   []Mistake
	hidden secret.Redactor
	broken map[string]bool // the paths that could not be read: what follows from that is not reported
}

func newFindings(file string) *findings {
	return &findings{file: file, hidden: secret.Redactor{}, broken: map[string]bool{}}
}

// at notes that a path could not be read.
func (f *findings) at(line int, path, format string, args ...any) {
	f.broken[path] = true
	f.add(line, path, format, args...)
}

func (f *findings) add(line int, path, format string, args ...any) {
	f.put(Mistake{File: f.file, Line: line, Path: path, Text: fmt.Sprintf(format, args...)})
}

func (f *findings) put(m Mistake) {
	if len(f.list) < maxMistakes {
		f.list = append(f.list, m)
	}
}

// mayFollow is 1 for a mistake that may come from another one: what is wrong itself cannot be used by others. Those
// are listed last.
func (m Mistake) mayFollow() int {
	if strings.HasPrefix(m.Text, "there is no usable ") {
		return 1
	}
	return 0
}

// err returns nil when nothing was found.
func (f *findings) err() error {
	if len(f.list) == 0 {
		return nil
	}
	clean := f.hidden.Cleaner()
	list := make([]Mistake, 0, len(f.list))
	for _, m := range f.list {
		m.Text = clean(m.Text)
		if !slices.Contains(list, m) { // 1000 at most
			list = append(list, m)
		}
	}
	slices.SortStableFunc(list, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.mayFollow(), b.mayFollow()), cmp.Compare(a.Line, b.Line))
	})
	return &Error{Mistakes: list}
}
