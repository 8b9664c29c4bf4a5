package web

import (
	"cmp"
	"slices"
	"strings"

	"beckon/agents"
)

// stepView is a step for the templates of the editor: its place in the tree, and its fields.
type stepView struct {
	stepForm
	form    nounForm[flowForm]
	Address string
}

// Tree is the step that all others are in.
func (f nounForm[F]) Tree(root stepForm, chosen string, yaml flowYAML) stepView {
	known := slices.Concat(f.Errors, yaml.Problems, f.Warnings)
	return stepView{
		root, nounForm[flowForm]{Path: f.Path, ID: f.ID, Managed: f.Managed, Errors: known, Form: flowForm{Chosen: chosen, YAML: yaml}},
		f.Address(),
	}
}

// Children are the steps within it.
func (v stepView) Children() []stepView {
	within := v.Within()
	list := make([]stepView, len(within))
	for i, child := range within {
		list[i] = stepView{child, v.form, v.Address}
	}
	return list
}

// All are the step and those below it, each with its fields, in the order of the tree.
func (v stepView) All() []stepView {
	list := []stepView{v}
	for _, child := range v.Children() {
		list = append(list, child.All()...)
	}
	return list
}

// IsChosen reports whether its fields are shown.
func (v stepView) IsChosen() bool { return v.Path == v.form.Form.Chosen }

// Line is where it begins in the YAML; 0 where that is not known.
func (v stepView) Line() int { return v.form.Form.YAML.Line(v.Path) }

// Managed reports whether the flow is in the configuration file.
func (v stepView) Managed() bool { return v.form.Managed }

// Problems are what is wrong with the step itself, and not with those within it.
func (v stepView) Problems() (list []string) {
	for _, e := range v.form.Errors {
		field, ok := strings.CutPrefix(e.Path, v.Path)
		if !ok || stepIndex.MatchString(field) {
			continue
		}
		text := e.Message
		if field = strings.TrimPrefix(field, "."); field != "" {
			label := stepFieldLabel(field)
			if strings.HasPrefix(text, `"`) {
				text = label + " " + text // "agent or flow "x" does not exist"
			} else {
				text = label + afterLabel(label, text)
			}
		}
		if text = capitalized(text); !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// Trouble says how many steps have problems.
func (v stepView) Trouble() string {
	n := 0
	for _, step := range v.All() {
		n += len(step.Problems())
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "1 problem"
	}
	return number(int64(n)) + " problems"
}

// Icon is that of its type.
func (v stepView) Icon() string {
	return map[string]string{
		agents.StepAgent:      "bot",
		agents.StepSequential: "arrow-down",
		agents.StepParallel:   "columns-3",
		agents.StepLoop:       "repeat",
		agents.StepRouter:     "git-branch",
		agents.StepForeach:    "rows-3",
		agents.StepSet:        "braces",
	}[v.Type]
}

// Heading is what the panel of its fields is called.
func (v stepView) Heading() string {
	if v.IsAgent() {
		return cmp.Or(v.AgentID, "Agent or flow")
	}
	return map[string]string{
		agents.StepSequential: "One after the other",
		agents.StepParallel:   "In parallel",
		agents.StepLoop:       "Repeat",
		agents.StepRouter:     "Choose one",
		agents.StepForeach:    "For each item",
		agents.StepSet:        "Set values",
	}[v.Type]
}

// IsAgent, IsLoop and IsRoot are for the template.
func (v stepView) IsAgent() bool { return v.Type == agents.StepAgent }

func (v stepView) IsLoop() bool { return v.Type == agents.StepLoop }

func (v stepView) IsForeach() bool { return v.Type == agents.StepForeach }

func (v stepView) IsSet() bool { return v.Type == agents.StepSet }

// IsGroup reports whether it has steps of its own.
func (v stepView) IsGroup() bool { return v.isGroup() }

// IsBeside reports whether its steps are drawn side by side: all of them, or one of them, run at the same time.
func (v stepView) IsBeside() bool {
	return v.Type == agents.StepParallel || v.Type == agents.StepRouter
}

// MayHaveOtherwise reports whether it is a router to which what it does otherwise can be added.
func (v stepView) MayHaveOtherwise() bool { return v.Type == agents.StepRouter && v.Otherwise == nil }

// Assignments are the lines of a step of type set, and one to fill in.
func (v stepView) Assignments() []setLine { return append(slices.Clone(v.Set), setLine{}) }

func (v stepView) IsRoot() bool { return v.Path == "root" }

// ErrorOf is what is wrong with one of the fields, or with the step as a whole where name is empty.
func (v stepView) ErrorOf(name string) string {
	if name != "" {
		name = "." + name
	}
	return v.form.Text(v.Path+name, "", "", "").Error
}

// Text, Area and Check are fields of the step.
func (v stepView) Text(name, label, value, help string) field {
	return v.form.Text(v.Path+"."+name, label, value, help)
}

func (v stepView) Area(name, label, value string, rows int, help string) field {
	return v.form.Area(v.Path+"."+name, label, value, rows, help)
}

func (v stepView) Check(name, label string, checked bool, help string) field {
	return v.form.Check(v.Path+"."+name, label, checked, help)
}

// Names are the other names of its events.
func (v stepView) Names() aliasLines {
	return v.form.Names(aliasesOf(v.Events, v.Path+".events", stepEvents))
}

// HasFoldedValues reports whether one of the fields that are folded up says something.
func (v stepView) HasFoldedValues() bool {
	return v.Names().Open || v.ErrorOf("events") != ""
}

// Types are what a step can be.
func (v stepView) Types() []stepType {
	list := []stepType{
		{Type: agents.StepAgent, Title: "asks an agent or a flow"},
		{Type: agents.StepSequential, Title: "runs its steps one after the other"},
		{Type: agents.StepParallel, Title: "runs its steps at the same time"},
		{Type: agents.StepLoop, Title: "runs its steps again and again"},
		{Type: agents.StepRouter, Title: "chooses one of its steps"},
		{Type: agents.StepForeach, Title: "runs its steps for each item of a list"},
		{Type: agents.StepSet, Title: "puts values into the state"},
	}
	for i := range list {
		list[i].Chosen = list[i].Type == v.Type
	}
	return list
}

// stepType is one of them.
type stepType struct {
	Type, Title string
	Chosen      bool
}
