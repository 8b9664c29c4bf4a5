// Package skills reads instructions that agents load when they need them: folders of Markdown.
//
//	skills/
//	  refunds/
//	    SKILL.md      begins with its name and description, in YAML between lines of ---
//	    policy.md     another file, which SKILL.md may speak of
//
// A Library is read as a whole and never changes. It reads nothing outside its folder: symbolic links are refused,
// and names that lead out of a skill are those of no file.
package skills

import (
	"maps"
	"slices"
)

// The limits of a library, so that a folder that was named by mistake does not fill the memory.
const (
	maxSkills      = 100
	maxFiles       = 50        // of one skill
	maxFileBytes   = 256 << 10 // what a model is given at once
	maxBytes       = 16 << 20  // of all of them
	maxName        = 64
	maxDescription = 1024 // characters
)

// mainFile is the file that a skill begins with.
const mainFile = "SKILL.md"

// Skill is one folder.
type Skill struct {
	Name        string // that of its folder
	Description string // in one line, when it is to be loaded
	text        string // of SKILL.md, without its head
	files       map[string]string
}

// Text returns what SKILL.md says.
func (s *Skill) Text() string { return s.text }

// File returns the text of another file, by its path within the skill with slashes: "tables/prices.md".
func (s *Skill) File(path string) (text string, ok bool) {
	text, ok = s.files[path]
	return text, ok
}

// Files returns the paths of the other files, in order.
func (s *Skill) Files() []string { return slices.Sorted(maps.Keys(s.files)) }

// Library are the skills of a folder. The nil Library has none.
type Library struct {
	skills map[string]*Skill
}

// Get returns the skill of a name, or nil.
func (l *Library) Get(name string) *Skill {
	if l == nil {
		return nil
	}
	return l.skills[name]
}

// Names returns the names of all skills, in order.
func (l *Library) Names() []string {
	if l == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(l.skills))
}
