package repository

import (
	"regexp"
	"strings"
)

var pattern = regexp.MustCompile(`^[A-Za-z0-9_.*-]+(/[A-Za-z0-9_.*-]+)+$`)

// PatternForm says what a pattern may be, as a sentence has it.
const PatternForm = "must be owner/name; * stands for any part of a name, as in acme/*, " +
	"and ** for names with groups in them, as in acme/**"

// Patterns are repositories by their names: acme/app, acme/*, acme/**.
type Patterns struct{ all []*regexp.Regexp }

// Parse reads patterns; wrong is the index of the first that is none, or -1.
func Parse(texts []string) (p Patterns, wrong int) {
	for i, text := range texts {
		if !pattern.MatchString(text) || dots.MatchString(text) {
			return p, i
		}
		expression := strings.NewReplacer(`\*\*`, `.+`, `\*`, `[^/]*`).Replace(regexp.QuoteMeta(text))
		compiled, err := regexp.Compile(`(?i)^` + expression + `$`) // hosts do not tell cases apart
		if err != nil {
			return p, i
		}
		p.all = append(p.all, compiled)
	}
	return p, -1
}

// Match reports whether a repository is among those that the patterns name.
func (p Patterns) Match(repository string) bool {
	for _, one := range p.all {
		if one.MatchString(repository) {
			return true
		}
	}
	return false
}
