package web

import (
	"net/url"

	"beckon/agents"
	"beckon/internal/problem"
	"beckon/internal/units"
)

// The events that can be renamed: by an agent or a flow, and by a step.
var (
	runEvents  = agents.RenamedEvents()
	stepEvents = agents.RenamedStepEvents()
)

// alias is another name of an event; empty is its own.
type alias struct {
	Path, Event, Name string // Path is that of the field
}

// aliasesOf lists the events that can be renamed, with the names they have.
func aliasesOf(names map[string]string, path string, known []string) []alias {
	list := make([]alias, len(known))
	for i, event := range known {
		list[i] = alias{path + "." + event, event, names[event]}
	}
	return list
}

// aliasesIn reads the names that were typed; nil is none.
func aliasesIn(sent url.Values, path string, known []string) map[string]string {
	var names map[string]string
	for _, event := range known {
		if name := trimmed(sent, path+"."+event); name != "" {
			if names == nil {
				names = map[string]string{}
			}
			names[event] = name
		}
	}
	return names
}

// aliasLines are the fields in which events get other names; open when one has.
type aliasLines struct {
	Open  bool
	Lines []field
}

// Names are the fields of a list of aliases.
func (f nounForm[F]) Names(list []alias) (lines aliasLines) {
	for _, a := range list {
		line := f.Text(a.Path, a.Event, a.Name, "").WithPlaceholder(a.Event)
		lines.Open = lines.Open || a.Name != "" || line.Error != ""
		lines.Lines = append(lines.Lines, line)
	}
	return lines
}

// writeDuration writes what is set, and nothing where the default is in force.
func writeDuration(d units.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// typedDuration reads what is typed, unless nothing is.
func typedDuration(wrong *problem.Fields, path, text string) (d units.Duration) {
	readInto(wrong, path, text, &d)
	return d
}
