package web

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"beckon/agents"
	"beckon/internal/problem"
)

// maxFormSteps is how many steps a form can have; the page would be too large with more.
const maxFormSteps = 90

// stepForm is a step as its form has it, and as it is drawn.
type stepForm struct {
	Path, Number               string // "root.steps[0].steps[1]" and "1.2"
	Type                       string
	AgentID, Prompt, OutputKey string
	MaxIterations, Until       string
	ResponseAgent, Lenient     bool
	Events                     map[string]string
	Steps                      []stepForm
	First, Last                bool // among its siblings
}

func stepFormOf(s agents.Step) stepForm {
	f := stepForm{Type: s.Type, AgentID: s.AgentID, Prompt: s.Prompt, OutputKey: s.OutputKey, Until: s.Until, ResponseAgent: s.ResponseAgent,
		Lenient: s.OnError == "continue", Events: s.Events}
	if s.MaxIterations != 0 {
		f.MaxIterations = strconv.Itoa(s.MaxIterations)
	}
	for _, child := range s.Steps {
		f.Steps = append(f.Steps, stepFormOf(child))
	}
	return f
}

// step reads what was typed: of a type, what belongs to it.
func (f stepForm) step(wrong *problem.Fields) agents.Step {
	s := agents.Step{Type: f.Type}
	if f.Lenient {
		s.OnError = "continue"
	}
	switch f.Type {
	case agents.StepAgent:
		s.AgentID, s.Prompt, s.OutputKey, s.ResponseAgent, s.Events = f.AgentID, f.Prompt, f.OutputKey, f.ResponseAgent, f.Events
	case agents.StepLoop:
		s.MaxIterations, s.Until = readCount(wrong, f.Path+".maxIterations", f.MaxIterations, 1), f.Until
	}
	for _, child := range f.Steps {
		s.Steps = append(s.Steps, child.step(wrong))
	}
	return s
}

// readStep takes the step at a path, and those within it, as long as some are left.
func readStep(sent url.Values, path string, left *int) stepForm {
	*left--
	f := stepForm{Type: trimmed(sent, path+".type"), AgentID: trimmed(sent, path+".agentId"), Prompt: sent.Get(path + ".prompt"), OutputKey: trimmed(sent, path+".outputKey"),
		MaxIterations: trimmed(sent, path+".maxIterations"), Until: trimmed(sent, path+".until"), ResponseAgent: sent.Has(path + ".responseAgent"),
		Lenient: sent.Has(path + ".onError"), Events: aliasesIn(sent, path+".events", stepEvents)}
	for i := 0; *left >= 0 && sent.Has(agents.StepPath(path, i)+".type"); i++ {
		f.Steps = append(f.Steps, readStep(sent, agents.StepPath(path, i), left))
	}
	return f.retyped(trimmed(sent, path+".was"))
}

// retyped keeps what was typed when a step gets another type: an agent becomes the first step of the group, and the only
// agent of a group takes its place.
func (f stepForm) retyped(was string) stepForm {
	switch {
	case was == agents.StepAgent && f.Type != agents.StepAgent && len(f.Steps) == 0:
		child := f
		child.Type, child.MaxIterations, child.Until = agents.StepAgent, "", ""
		return stepForm{Type: f.Type, MaxIterations: f.MaxIterations, Until: f.Until, Steps: []stepForm{child}}
	case was != "" && was != agents.StepAgent && f.Type == agents.StepAgent && len(f.Steps) == 1 && f.Steps[0].Type == agents.StepAgent:
		return f.Steps[0]
	}
	return f
}

// place gives the step and those within it their paths and numbers.
func (f *stepForm) place(path string) {
	f.Path = path
	for i := range f.Steps {
		child := &f.Steps[i]
		child.Number = strings.TrimPrefix(fmt.Sprintf("%s.%d", f.Number, i+1), ".")
		child.First, child.Last = i == 0, i == len(f.Steps)-1
		child.place(agents.StepPath(path, i))
	}
}

func (f stepForm) count() int {
	n := 1
	for _, child := range f.Steps {
		n += child.count()
	}
	return n
}

var stepIndex = regexp.MustCompile(`^\.steps\[(\d{1,4})\]`)

// at finds the step of a path; nil when there is none.
func (f *stepForm) at(path string) *stepForm {
	rest, ok := strings.CutPrefix(path, "root")
	if !ok {
		return nil
	}
	for rest != "" {
		m := stepIndex.FindStringSubmatch(rest)
		if m == nil {
			return nil
		}
		i, err := strconv.Atoi(m[1])
		if err != nil || i >= len(f.Steps) {
			return nil
		}
		f, rest = &f.Steps[i], rest[len(m[0]):]
	}
	return f
}

// siblings finds the steps that a step is among, and its place there.
func (f *stepForm) siblings(path string) (parent *stepForm, i int) {
	cut := strings.LastIndex(path, ".steps[")
	if cut < 0 || f.at(path) == nil {
		return nil, 0
	}
	i, _ = strconv.Atoi(stepIndex.FindStringSubmatch(path[cut:])[1]) // at has read it
	return f.at(path[:cut]), i
}

func (f *stepForm) remove(path string) {
	if parent, i := f.siblings(path); parent != nil {
		parent.Steps = append(parent.Steps[:i:i], parent.Steps[i+1:]...)
	}
}

func (f *stepForm) move(path string, by int) {
	parent, i := f.siblings(path)
	if parent != nil && i+by >= 0 && i+by < len(parent.Steps) {
		parent.Steps[i], parent.Steps[i+by] = parent.Steps[i+by], parent.Steps[i]
	}
}
