package config

import (
	"context"

	"beckon/internal/skills"
)

// Skills says where the skills are that agents may load.
type Skills struct {
	Path string `yaml:"path"` // of a folder; empty: there are none
}

// SkillLibrary returns the skills that were there when the configuration was loaded.
func (c *Config) SkillLibrary() *skills.Library { return c.skills }

// readSkills reads the folder. Its fingerprint is taken before, so that a change meanwhile is seen afterwards.
func (c *Config) readSkills(found *findings) {
	if c.Skills.Path == "" {
		return
	}
	var err error
	if c.print, err = skills.Fingerprint(c.Skills.Path); err == nil {
		c.skills, err = skills.Read(c.Skills.Path)
	}
	if err != nil {
		c.wrong(found, "skills.path", "%s", err)
	}
}

// fingerprint is that of the folder of skills now.
func (s Skills) fingerprint() (string, error) {
	if s.Path == "" {
		return "", nil
	}
	return skills.Fingerprint(s.Path)
}

// skillsChanged reports whether the folder can be read and is not what it was.
func (c *Config) skillsChanged() bool {
	now, err := c.Skills.fingerprint()
	return err == nil && now != c.print
}

// SkillsSource watches the folder of skills that the configuration in force names. A change counts once two looks
// have seen the same files: several of them are written one after the other.
func SkillsSource(inForce func() *Config) Source {
	settled := inForce().print
	last := settled
	return Source{Name: "skills", Known: settled, Look: func(context.Context) (string, error) {
		now, err := inForce().Skills.fingerprint()
		if err != nil {
			return "", err
		}
		if now == last {
			settled = now
		}
		last = now
		return settled, nil
	}}
}
