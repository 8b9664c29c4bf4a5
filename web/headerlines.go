package web

import (
	"maps"
	"net/textproto"
	"net/url"
	"slices"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// headerLine is a line of a form for a header. Its value is not shown.
type headerLine struct {
	Name string
	Kept bool // it has a value
}

// valueLines are the lines of a form for values that have names.
type valueLines struct {
	Path, Prefix, Label, Help string
	Lines                     []valueLine
	Error                     string
}

type valueLine struct {
	headerLine
	Error string
}

// Values are the lines for the values of a field. prefix begins the names of its inputs.
func (f nounForm[F]) Values(path, prefix, label string, lines []headerLine, help string) valueLines {
	shown := valueLines{Path: path, Prefix: prefix, Label: label, Help: help, Error: f.Text(path, "", "", "").Error}
	for _, line := range lines {
		var wrong string
		if line.Name != "" {
			wrong = f.Text(path+"."+line.Name, "", "", "").Error
		}
		shown.Lines = append(shown.Lines, valueLine{line, wrong})
	}
	return shown
}

// headerLines are those of what is kept, and some to fill in.
func headerLines(kept map[string]secret.String) (lines []headerLine) {
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		lines = append(lines, headerLine{name, true})
	}
	return withSpareLines(lines)
}

func withSpareLines(lines []headerLine) []headerLine { return append(lines, make([]headerLine, 3)...) }

// typedHeaders takes names and values line by line: one that has neither is none, and a value that is left empty stays as
// it is kept. retype says that a value was typed, and is not in the form any more.
func typedHeaders(
	sent url.Values, kept map[string]secret.String, wrong *problem.Fields,
) (lines []headerLine, headers map[string]secret.String, retype bool) {
	return typedLines(sent, "headers", "header", func(name string) bool { return secret.InHeaders(kept, name) != "" }, wrong)
}

// typedValues is typedHeaders for the values of another field. prefix begins the names of its inputs.
func typedValues(
	sent url.Values, field, prefix string, kept map[string]secret.String, wrong *problem.Fields,
) (lines []headerLine, all map[string]secret.String, retype bool) {
	return typedLines(sent, field, prefix, func(name string) bool { return kept[name] != "" }, wrong)
}

func typedLines(
	sent url.Values, field, prefix string, hasKept func(name string) bool, wrong *problem.Fields,
) (lines []headerLine, headers map[string]secret.String, retype bool) {
	names, values := sent[prefix+"Name"], sent[prefix+"Value"]
	for i, name := range names {
		name, value := textproto.TrimString(name), secret.String("")
		if i < len(values) {
			value = secret.String(textproto.TrimString(values[i]))
		}
		retype = retype || value != ""
		isKept, path := hasKept(name), field+"."+firstCharacters(name, maxExcerpt)
		_, twice := headers[name]
		switch {
		case name == "" && value == "":
			continue
		case name == "":
			wrong.Add(field, "a value has no name; type it again, with its name")
			continue
		case twice:
			wrong.Add(path, "is there twice")
			continue
		case !isKept && (value == "" || value == secret.Mask):
			wrong.Add(path, "has no value")
		}
		if headers == nil {
			headers = map[string]secret.String{}
		}
		headers[name] = value
		lines = append(lines, headerLine{name, isKept})
	}
	return withSpareLines(lines), headers, retype
}
