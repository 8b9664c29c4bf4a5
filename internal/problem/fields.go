package problem

import (
	"fmt"
	"strings"
)

// Field says what is wrong with one field of a resource. Path is relative to the resource, in the spelling of YAML
// and JSON: "url", "allowedAgents[1]", "root.steps[0].agentId"; it is empty when the whole resource is meant.
type Field struct {
	Path    string `json:"field"`
	Message string `json:"message"`
}

// Fields collects what is wrong with a resource; empty means that nothing is.
type Fields []Field

// Add notes one more finding.
func (f *Fields) Add(path, format string, args ...any) {
	*f = append(*f, Field{path, fmt.Sprintf(format, args...)})
}

// Under adds the findings of a part, with its path put in front.
func (f *Fields) Under(prefix string, part Fields) {
	for _, p := range part {
		if p.Path != "" && !strings.HasPrefix(p.Path, "[") {
			p.Path = "." + p.Path
		}
		p.Path = strings.TrimPrefix(prefix+p.Path, ".")
		*f = append(*f, p)
	}
}

// Err returns nil when nothing was found, else an Invalid error that lists everything.
func (f Fields) Err() error {
	if len(f) == 0 {
		return nil
	}
	lines := make([]string, len(f))
	for i, p := range f {
		lines[i] = strings.TrimPrefix(p.Path+": "+p.Message, ": ")
	}
	e := New(Invalid, "invalid_resource", "%s", strings.Join(lines, "; "))
	e.Fields = f
	return e
}
