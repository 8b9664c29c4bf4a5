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
func typedHeaders(sent url.Values, kept map[string]secret.String, wrong *problem.Fields) (lines []headerLine, headers map[string]secret.String, retype bool) {
	names, values := sent["headerName"], sent["headerValue"]
	for i, name := range names {
		name, value := textproto.TrimString(name), secret.String("")
		if i < len(values) {
			value = secret.String(textproto.TrimString(values[i]))
		}
		retype = retype || value != ""
		isKept, path := secret.InHeaders(kept, name) != "", "headers."+firstCharacters(name, maxExcerpt)
		_, twice := headers[name]
		switch {
		case name == "" && value == "":
			continue
		case name == "":
			wrong.Add("headers", "a value has no name; type it again, with its name")
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
