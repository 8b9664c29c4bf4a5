package safety

import (
	"fmt"
	"slices"
	"strings"
)

// Tools are what decides which tools an agent may use in the runs of a client. The lists have names and patterns,
// as in docs.search and docs.*; a tool is allowed where both Agent and Client name it.
type Tools struct {
	AgentID string
	Agent   []string
	Client  []string
	Approve []string // of which a person allows each call
	// ReadOnly reports whether all tools of a name or pattern are known to change nothing. Nil knows it of none.
	ReadOnly func(pattern string) bool
}

// harmless are built-in tools that neither know anything that the run does not, nor do anything outside.
var harmless = []string{"time.now", "run.note", "artifact.read", "artifact.write"}

// fetches is the built-in tool that knows nothing private, and tells the address that it asks whatever stands in it.
const fetches = "http.get"

// AddTools adds what the tools are that an agent may use. It is not known of a tool server what its tools know or
// do: they count as both.
func (f *Facts) AddTools(t Tools) {
	for _, pattern := range inBoth(t.Agent, t.Client) {
		if slices.Contains(harmless, pattern) {
			continue
		}
		what := fmt.Sprintf("the tool %s of agent %s", pattern, t.AgentID)
		if pattern != fetches {
			f.Private = append(f.Private, what)
		}
		if pattern == fetches || t.ReadOnly == nil || !t.ReadOnly(pattern) {
			approved := slices.ContainsFunc(t.Approve, func(p string) bool { return covers(p, pattern) })
			f.Effects = append(f.Effects, Effect{What: what, Approved: approved})
		}
	}
}

// inBoth returns the names and patterns that two lists have in common: of two that overlap, the narrower one.
func inBoth(a, b []string) (list []string) {
	add := func(pattern string) {
		if !slices.Contains(list, pattern) {
			list = append(list, pattern)
		}
	}
	for _, x := range a {
		for _, y := range b {
			if covers(y, x) {
				add(x)
			} else if covers(x, y) {
				add(y)
			}
		}
	}
	return list
}

// covers reports whether a pattern names all that another one does.
func covers(pattern, other string) bool {
	if start, isPrefix := strings.CutSuffix(pattern, "*"); isPrefix {
		return strings.HasPrefix(other, start)
	}
	return pattern == other
}
