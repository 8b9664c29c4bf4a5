package web

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"beckon/agents"
)

// editFlow changes the steps as a button says: "add root", "up root.steps[1]", or "move root.steps[1] root.steps[0].steps[2]" to
// where the step is dropped. "rewrite" writes the YAML anew. Whatever else it says only draws the form again.
func editFlow(_ context.Context, do string, f *nounForm[flowForm], _, _ agents.Flow) error {
	what, path, _ := strings.Cut(do, " ")
	root := &f.Form.Root
	if what == "rewrite" || what != "draw" && len(f.Form.YAML.Mistakes) == 0 {
		f.Form.YAML = flowYAML{} // it is written anew
	}
	switch what {
	case "add":
		if at := root.at(path); at != nil && at.isGroup() && root.count() < maxFormSteps {
			at.Steps = append(at.Steps, stepForm{Type: agents.StepAgent, picked: true})
		}
	case "otherwise":
		if at := root.at(path); at != nil && at.Otherwise == nil && root.count() < maxFormSteps {
			at.Otherwise = &stepForm{Type: agents.StepAgent, picked: true}
		}
	case "copy":
		root.duplicate(path)
	case "remove":
		root.remove(path)
		f.Form.Chosen = strings.TrimSuffix(stepAtEnd.ReplaceAllString(path, ""), ".otherwise")
	case "up":
		root.move(path, -1)
	case "down":
		root.move(path, 1)
	case "move":
		from, to, _ := strings.Cut(path, " ")
		root.drop(from, to)
	}
	root.place("root")
	if picked := root.pickedPath(); picked != "" {
		f.Form.Chosen = picked
	}
	return nil
}

// siblings finds the steps that a step is among, and its place there; nil for the root and for what a router does otherwise.
func (f *stepForm) siblings(path string) (parent *stepForm, i int) {
	cut := strings.LastIndex(path, ".")
	if cut < 0 || f.at(path) == nil {
		return nil, 0
	}
	i, err := strconv.Atoi(stepIndex.FindStringSubmatch(path[cut:])[1]) // at has read it
	if err != nil {
		return nil, 0
	}
	return f.at(path[:cut]), i
}

func (f *stepForm) remove(path string) {
	if parent := f.at(strings.TrimSuffix(path, ".otherwise")); parent != nil && strings.HasSuffix(path, ".otherwise") {
		parent.Otherwise = nil
		return
	}
	if parent, i := f.siblings(path); parent != nil {
		parent.Steps = append(parent.Steps[:i:i], parent.Steps[i+1:]...)
	}
}

func (f *stepForm) move(path string, by int) {
	parent, i := f.siblings(path)
	if parent == nil {
		return
	}
	parent.Steps[i].picked = true
	if i+by >= 0 && i+by < len(parent.Steps) {
		parent.Steps[i], parent.Steps[i+by] = parent.Steps[i+by], parent.Steps[i]
	}
}

// duplicate puts a copy of a step below it.
func (f *stepForm) duplicate(path string) {
	parent, i := f.siblings(path)
	if parent == nil || f.count()+parent.Steps[i].count() > maxFormSteps {
		return
	}
	twin := parent.Steps[i].clone()
	twin.picked = true
	parent.Steps = slices.Insert(parent.Steps, i+1, twin)
}

// clone copies a step with those within it.
func (f stepForm) clone() stepForm {
	f.Steps = slices.Clone(f.Steps)
	for i := range f.Steps {
		f.Steps[i] = f.Steps[i].clone()
	}
	if f.Otherwise != nil {
		otherwise := f.Otherwise.clone()
		f.Otherwise = &otherwise
	}
	return f
}

var stepAtEnd = regexp.MustCompile(`\.steps\[(\d{1,4})\]$`)

// drop moves a step to another place, which may be behind the last step of a group: the index is then any larger one. A step
// cannot be dropped within itself.
func (f *stepForm) drop(from, to string) {
	m := stepAtEnd.FindStringSubmatch(to)
	step := f.at(from)
	if m == nil || step == nil || from == "root" || strings.HasPrefix(to, from+".") {
		return
	}
	group := f.at(strings.TrimSuffix(to, m[0]))
	if group == nil || !group.isGroup() {
		return
	}
	i, err := strconv.Atoi(m[1])
	if err != nil {
		return
	}
	moved := *step
	moved.picked, step.leaves = true, true
	group.Steps = slices.Insert(slices.Clone(group.Steps), min(i, len(group.Steps)), moved)
	f.dropLeaving()
}

// dropLeaving removes the step that was moved from its former place.
func (f *stepForm) dropLeaving() {
	f.Steps = slices.DeleteFunc(f.Steps, func(s stepForm) bool { return s.leaves })
	for i := range f.Steps {
		f.Steps[i].dropLeaving()
	}
	if f.Otherwise != nil && f.Otherwise.leaves {
		f.Otherwise = nil
	} else if f.Otherwise != nil {
		f.Otherwise.dropLeaving()
	}
}

// pickedPath is where the step is now that a button has moved or made; empty where there is none.
func (f stepForm) pickedPath() string {
	if f.picked {
		return f.Path
	}
	for _, child := range f.Within() {
		if path := child.pickedPath(); path != "" {
			return path
		}
	}
	return ""
}
