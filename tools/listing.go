package tools

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"beckon/tools/names"
)

// The limits of what a server says of its tools.
const (
	maxTools       = 1000
	maxDescription = 8 << 10
	maxTitle       = 200
	maxLeftOut     = 100 // notes
)

// providerCharacters are those that providers of models take in the name of a function, and the dot.
var providerCharacters = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// offer is a tool of a server, as Beckon offers it.
type offer struct {
	Tool
	own   string // what the server calls it
	check *arguments
}

// listing is what a server offers. It never changes.
type listing struct {
	tools  []Tool // sorted by name
	byName map[string]*offer
	notes  []string // what was left out or changed, and why
}

// newListing makes a listing of the tools that a server has listed.
func newListing(server string, tools []*mcp.Tool, clean func(string) string) *listing {
	l := &listing{byName: map[string]*offer{}}
	atProvider := map[string]string{}
	for _, t := range tools {
		name := server + "." + t.Name
		shown := shorten(t.Name, maxTitle)
		other, clashes := atProvider[names.AtProvider(name)]
		switch {
		case !providerCharacters.MatchString(t.Name):
			l.leaveOut("%q is left out: models can call tools only whose names have nothing but "+
				"letters, digits, - _ and dots", shown)
		case len(names.AtProvider(name)) > names.MaxAtProvider:
			l.leaveOut("%s is left out: models know it as %s, which has more than %d characters. "+
				"A shorter id of the server helps", shown,
				shorten(names.AtProvider(name), maxTitle), names.MaxAtProvider)
		case clashes && other == name:
			l.leaveOut("%s is there twice: the first one is offered", shown)
		case clashes:
			l.leaveOut("%s is left out: models know it as %s, and so they do %s", shown, names.AtProvider(name), other)
		default:
			check, note, err := newArguments(t.InputSchema)
			if err != nil {
				l.leaveOut("%s is left out: its schema %s", shown, err)
				continue
			}
			if note != "" {
				l.leaveOut("%s: %s", shown, note)
			}
			atProvider[names.AtProvider(name)] = name
			o := &offer{own: t.Name, check: check, Tool: Tool{
				Name:        name,
				Title:       shorten(clean(titleOf(t)), maxTitle),
				Description: shorten(clean(strings.TrimSpace(t.Description)), maxDescription),
				Schema:      json.RawMessage(clean(string(check.text))),
				ReadOnly:    t.Annotations != nil && t.Annotations.ReadOnlyHint,
			}}
			l.byName[name] = o
			l.tools = append(l.tools, o.Tool)
		}
	}
	slices.SortFunc(l.tools, func(x, y Tool) int { return strings.Compare(x.Name, y.Name) })
	return l
}

func (l *listing) leaveOut(format string, args ...any) {
	if len(l.notes) < maxLeftOut {
		l.notes = append(l.notes, fmt.Sprintf(format, args...))
	}
}

func titleOf(t *mcp.Tool) string {
	if t.Title == "" && t.Annotations != nil {
		return t.Annotations.Title
	}
	return t.Title
}
