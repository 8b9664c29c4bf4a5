// Package names knows how tools are named: by their server and their own name ("docs.search"), and by patterns of
// these in the lists of agents and clients.
package names

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// Section is that of tool servers: what references name.
const Section = "toolServers"

// The tools that are built in.
const (
	HTTPGet       = "http.get"
	TimeNow       = "time.now"
	RunNote       = "run.note"
	ArtifactWrite = "artifact.write"
	ArtifactRead  = "artifact.read"
)

// MaxAtProvider is the most characters that providers of models take for the name of a function.
const MaxAtProvider = 64

// reserved are the groups of built-in tools, and names that are kept for more of them: no server may have these ids.
var reserved = []string{"http", "time", "run", "artifact", "flow", "skill", "skills", "session", "beckon"}

// pattern is the name of a tool, or its beginning and "*". There is none for the tools of all servers: whoever adds
// a server does not mean to give it to every agent.
var pattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}\.([A-Za-z0-9_.-]{1,128}|[A-Za-z0-9_.-]{0,128}\*)$`)

// BuiltIn returns the names of the built-in tools, sorted.
func BuiltIn() []string { return []string{ArtifactRead, ArtifactWrite, HTTPGet, RunNote, TimeNow} }

// IsReserved reports whether no server may have an id.
func IsReserved(server string) bool { return slices.Contains(reserved, server) }

// AtProvider returns what a tool is called at providers of models, whose names have no dots: "docs__search".
func AtProvider(name string) string { return strings.ReplaceAll(name, ".", "__") }

// Server returns what stands before the first dot of a name or pattern: the id of a server, or the group of
// built-in tools.
func Server(name string) string {
	server, _, _ := strings.Cut(name, ".")
	return server
}

// Match reports whether one of the patterns names a tool.
func Match(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		start, isPrefix := strings.CutSuffix(p, "*")
		if !isPrefix {
			return p == name
		}
		return strings.Contains(start, ".") && strings.HasPrefix(name, start)
	})
}

// Check finds what is wrong with a list of patterns on its own, by "[0]" and so on. Whether their servers exist is
// for References.
func Check(patterns []string) (found problem.Fields) {
	for i, p := range patterns {
		path := fmt.Sprintf("[%d]", i)
		switch {
		case !pattern.MatchString(p):
			found.Add(path, "must be a tool such as docs.search, or docs.* for all tools of the server docs, not %q",
				problem.Shorten(p))
		case slices.Contains(patterns[:i], p):
			found.Add(path, "%s is there twice", p)
		case IsReserved(Server(p)) &&
			!slices.ContainsFunc(BuiltIn(), func(name string) bool { return Match([]string{p}, name) }):
			found.Add(path,
				"there is no built-in tool %s; there are %s", problem.Shorten(p), strings.Join(BuiltIn(), ", "))
		}
	}
	return found
}

// References are the servers that the patterns of a field name.
func References(field string, patterns []string) (list []catalog.Reference) {
	for i, p := range patterns {
		if server := Server(p); !IsReserved(server) && pattern.MatchString(p) {
			list = append(list, catalog.Reference{Path: fmt.Sprintf("%s[%d]", field, i), To: Section, ID: server})
		}
	}
	return list
}
