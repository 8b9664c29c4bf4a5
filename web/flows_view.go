package web

import (
	"slices"

	"beckon/agents"
)

// stepView is a step for the template that draws its fields and, within it, those of its steps.
type stepView struct {
	stepForm
	form    nounForm[flowForm]
	Address string
}

// Tree is the form of all the steps.
func (f nounForm[F]) Tree(root stepForm) stepView {
	return stepView{root, nounForm[flowForm]{Path: f.Path, ID: f.ID, Errors: f.Errors}, f.Address()}
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

// IsAgent, IsLoop and IsRoot are for the template.
func (v stepView) IsAgent() bool { return v.Type == agents.StepAgent }

func (v stepView) IsLoop() bool { return v.Type == agents.StepLoop }

func (v stepView) IsForeach() bool { return v.Type == agents.StepForeach }

func (v stepView) IsSet() bool { return v.Type == agents.StepSet }

// IsGroup reports whether it has steps of its own.
func (v stepView) IsGroup() bool { return !v.IsAgent() && !v.IsSet() }

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
	names := v.Names()
	return v.Prompt != "" || v.OutputKey != "" || names.Open || v.ErrorOf("prompt") != "" || v.ErrorOf("outputKey") != "" || v.ErrorOf("events") != ""
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
