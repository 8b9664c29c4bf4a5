package agents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"beckon/internal/problem"
	"beckon/internal/skills"
)

// skillTool is what the tool skill.load is called at providers, whose names have no dots.
const skillTool = "skill__load"

const skillSchema = `{"type":"object","properties":{"name":{"type":"string","description":"The name of the skill."},` +
	`"file":{"type":"string",` +
	`"description":"Another file of the skill, by its path; left out, its instructions are returned."}},` +
	`"required":["name"]}`

// skillsOf returns the skills that a configuration file names, where it knows any.
func skillsOf(file any) *skills.Library {
	if f, ok := file.(interface{ SkillLibrary() *skills.Library }); ok {
		return f.SkillLibrary()
	}
	return nil
}

// checkSkills finds the skills of an agent that do not exist.
func checkSkills(a Agent, library *skills.Library) (found problem.Fields) {
	for i, name := range a.Skills {
		path := fmt.Sprintf("skills[%d]", i)
		switch {
		case slices.Contains(a.Skills[:i], name):
			found.Add(path, "%q is there twice", problem.Shorten(name))
		case library.Get(name) == nil && len(library.Names()) == 0:
			found.Add(path, "there is no skill %q: skills.path names no folder with skills", problem.Shorten(name))
		case library.Get(name) == nil:
			found.Add(path,
				"there is no skill %q; there are %s", problem.Shorten(name), strings.Join(library.Names(), ", "))
		}
	}
	return found
}

// withSkills returns the agent with its skills in its system prompt.
func (a Agent) withSkills(library *skills.Library) Agent {
	var list strings.Builder
	fmt.Fprintf(&list,
		"You have skills. Before you begin a task that one of them is about, load it with the tool %s.\n", skillTool)
	for _, name := range a.Skills {
		// A description is no template, even where the prompt is one.
		fmt.Fprintf(&list, "\n- %s: %s", name, strings.ReplaceAll(library.Get(name).Description, "{{", `{{"{{"}}`))
	}
	a.SystemPrompt = strings.TrimPrefix(strings.TrimRight(a.SystemPrompt, "\n")+"\n\n"+list.String(), "\n\n")
	return a
}

// skilled is an agent that may load skills.
type skilled struct {
	Invoker
	tool Tool
}

func newSkilled(invoker Invoker, a Agent, library *skills.Library) skilled {
	known := map[string]*skills.Skill{}
	for _, name := range a.Skills {
		known[name] = library.Get(name)
	}
	return skilled{invoker, Tool{
		Name:        skillTool,
		Parameters:  json.RawMessage(skillSchema),
		Description: "Returns the instructions of one of your skills, or another file of it.",
		Use: func(_ context.Context, arguments json.RawMessage) (string, error) {
			return loadSkill(known, arguments)
		},
	}}
}

// Invoke offers the tool besides those of the call.
func (s skilled) Invoke(ctx context.Context, call Call) (Result, error) {
	call.Tools = append(slices.Clip(call.Tools), s.tool)
	return s.Invoker.Invoke(ctx, call)
}

// Notes implements Noted.
func (s skilled) Notes() []string {
	if noted, ok := s.Invoker.(Noted); ok {
		return noted.Notes()
	}
	return nil
}

func loadSkill(known map[string]*skills.Skill, arguments json.RawMessage) (string, error) {
	var args struct{ Name, File string }
	if json.Unmarshal(arguments, &args) != nil {
		return "", errors.New(`the arguments must be an object like {"name": "refunds"}`)
	}
	skill := known[args.Name]
	if skill == nil {
		return "", fmt.Errorf("you have no skill %.64q; the names stand in your instructions", args.Name)
	}
	files := strings.Join(skill.Files(), ", ")
	if args.File != "" && args.File != "SKILL.md" {
		if text, ok := skill.File(args.File); ok {
			return text, nil
		}
		if files == "" {
			files = "none but its instructions"
		}
		return "", fmt.Errorf("the skill %s has no file %.128q; there is %s", skill.Name, args.File, files)
	}
	if files == "" {
		return skill.Text(), nil
	}
	return skill.Text() + "\n\nOther files of this skill, to be loaded by file: " + files, nil
}
