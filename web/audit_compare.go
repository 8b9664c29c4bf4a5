package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The bounds of what a row of the audit list shows.
const (
	maxDifferences = 40
	maxShownLines  = 12
	maxShownText   = 300 // characters
)

// difference is a field that was changed. Of a long text there are only the lines that differ.
type difference struct {
	Path                  string // "allowedAgents", "root.steps[0].agentId"
	Before, After         string
	WasPresent, IsPresent bool // it was there, it is there
}

// compare finds what differs between two JSON documents, in the order of the fields' names; left counts those that are
// too many. What is null, or no document, has no fields.
func compare(before, after json.RawMessage) (list []difference, left int) {
	was, is := fieldsIn(before), fieldsIn(after)
	all := maps.Clone(was)
	maps.Copy(all, is)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		old, had := was[path]
		now, has := is[path]
		if had == has && old == now {
			continue
		}
		if len(list) == maxDifferences {
			left++
			continue
		}
		d := difference{Path: path, WasPresent: had, IsPresent: has}
		d.Before, d.After = linesThatDiffer(old, now, had && has)
		list = append(list, d)
	}
	return list, left
}

// fieldsIn is a document as its fields by their paths, with their values as text.
func fieldsIn(document json.RawMessage) map[string]string {
	fields := map[string]string{}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber() // as it was written
	var value any
	if len(document) == 0 || decoder.Decode(&value) != nil {
		return fields
	}
	collect(fields, "", value)
	return fields
}

func collect(fields map[string]string, path string, value any) {
	switch v := value.(type) {
	case nil:
	case map[string]any:
		for name, member := range v {
			if path != "" {
				name = path + "." + name
			}
			collect(fields, name, member)
		}
	case []any:
		if text, ok := plainList(v); ok {
			fields[path] = text
			return
		}
		for i, item := range v {
			collect(fields, fmt.Sprintf("%s[%d]", path, i), item)
		}
	default:
		fields[path] = fmt.Sprint(v)
	}
}

// plainList writes a list that holds no objects and no lists.
func plainList(list []any) (string, bool) {
	parts := make([]string, len(list))
	for i, item := range list {
		switch item.(type) {
		case map[string]any, []any:
			return "", false
		}
		parts[i] = fmt.Sprint(item)
	}
	return strings.Join(parts, ", "), true
}

// linesThatDiffer leaves out the lines at the beginning and at the end that two texts have in common.
func linesThatDiffer(before, after string, both bool) (string, string) {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	if !both || len(old) == 1 && len(now) == 1 {
		return shortLines(old, 0, 0), shortLines(now, 0, 0)
	}
	head := 0
	for head < min(len(old), len(now)) && old[head] == now[head] {
		head++
	}
	tail := 0
	for tail < min(len(old), len(now))-head && old[len(old)-1-tail] == now[len(now)-1-tail] {
		tail++
	}
	return shortLines(old, head, tail), shortLines(now, head, tail)
}

// shortLines writes the lines between the first head and the last tail ones, as many as fit.
func shortLines(lines []string, head, tail int) string {
	var shown []string
	if head > 0 {
		shown = append(shown, fmt.Sprintf("(line %d)", head+1))
	}
	middle := lines[head : len(lines)-tail]
	for i, line := range middle {
		if i == maxShownLines {
			shown = append(shown, fmt.Sprintf("(and %d lines more)", len(middle)-i))
			break
		}
		if runes := []rune(line); len(runes) > maxShownText {
			line = string(runes[:maxShownText]) + "…"
		}
		shown = append(shown, line)
	}
	return strings.Join(shown, "\n")
}
