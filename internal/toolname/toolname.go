// Package toolname knows the names of tools, and the patterns that stand for several of them.
//
// A tool is named by its server and its own name: "docs.search". A pattern is such a name, or one that ends in *: "docs.*" is
// all tools of a server, "docs.read_*" are some. The built-in tools have a group in place of a server: "http.get".
package toolname

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"beckon/internal/problem"
)

// "*" alone is no pattern: whoever adds a server does not mean to give it to all agents.
var pattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}\.(\*|[A-Za-z0-9_.-]{1,128}\*?)$`)

// Matches reports whether one of the patterns names a tool.
func Matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		start, isPrefix := strings.CutSuffix(p, "*")
		if !isPrefix {
			return p == name
		}
		return strings.Contains(start, ".") && strings.HasPrefix(name, start)
	})
}

// Server returns the server, or the group of built-in tools, that the name of a tool or a pattern begins with.
func Server(name string) string {
	server, _, _ := strings.Cut(name, ".")
	return server
}

// Check finds what is wrong with a list of patterns; whether there are such tools is not its matter.
func Check(patterns []string) (found problem.Fields) {
	for i, p := range patterns {
		switch path := fmt.Sprintf("[%d]", i); {
		case !pattern.MatchString(p):
			found.Add(path, "must be a tool such as docs.search, or docs.* for all tools of a server, not %q", problem.Shorten(p))
		case slices.Contains(patterns[:i], p):
			found.Add(path, "is there twice")
		}
	}
	return found
}
