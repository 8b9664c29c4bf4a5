package web

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"beckon/agents"
	"beckon/internal/problem"
)

// maxFormSteps is how many steps a form can have; the page would be too large with more.
const maxFormSteps = 60

// stepForm is a step as its form has it, and as it is drawn.
type stepForm struct {
	Path, Number               string // "root.steps[0].steps[1]" and "1.2"
	Type                       string
	AgentID, Prompt, OutputKey string
	MaxIterations, Until       string
	Over, As                   string
	MaxItems, MaxParallel      string
	When                       string // within a router
	Set                        []setLine
	ResponseAgent, Lenient     bool
	Events                     map[string]string
	Steps                      []stepForm
	Otherwise                  *stepForm
	First, Last                bool   // among its siblings
	Parent                     string // the type of the step around it
	States                     []stepState
	picked, leaves             bool // while a button is handled: it is to be chosen, or goes from here
}

func stepFormOf(s agents.Step) stepForm {
	f := stepForm{
		Type:          s.Type,
		AgentID:       s.AgentID,
		Prompt:        s.Prompt,
		OutputKey:     s.OutputKey,
		Until:         s.Until,
		ResponseAgent: s.ResponseAgent,
		Lenient:       s.OnError == "continue",
		Events:        s.Events,
		MaxIterations: writeCount(s.MaxIterations),
		Over:          s.Over,
		As:            s.As,
		MaxItems:      writeCount(s.MaxItems),
		MaxParallel:   writeCount(s.MaxParallel),
		When:          s.When,
		Set:           setLinesOf(s.Set),
	}
	if s.Otherwise != nil {
		otherwise := stepFormOf(*s.Otherwise)
		f.Otherwise = &otherwise
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
	case agents.StepForeach:
		s.Over, s.As, s.OutputKey = f.Over, f.As, f.OutputKey
		s.MaxItems = readCount(wrong, f.Path+".maxItems", f.MaxItems, 0)
		s.MaxParallel = readCount(wrong, f.Path+".maxParallel", f.MaxParallel, 0)
	case agents.StepSet:
		s.Set = f.setOf(wrong)
	case agents.StepRouter:
		if f.Otherwise != nil {
			otherwise := f.Otherwise.step(wrong)
			s.Otherwise = &otherwise
		}
	}
	if f.Parent == agents.StepRouter && !f.IsOtherwise() {
		s.When = f.When
	}
	for _, child := range f.Steps {
		s.Steps = append(s.Steps, child.step(wrong))
	}
	return s
}

// readStep takes the step at a path, and those within it, as long as some are left.
func readStep(sent url.Values, path string, left *int) stepForm {
	*left--
	f := stepForm{
		Type:          trimmed(sent, path+".type"),
		AgentID:       trimmed(sent, path+".agentId"),
		Prompt:        sent.Get(path + ".prompt"),
		OutputKey:     trimmed(sent, path+".outputKey"),
		MaxIterations: trimmed(sent, path+".maxIterations"),
		Until:         trimmed(sent, path+".until"),
		ResponseAgent: sent.Has(path + ".responseAgent"),
		Over:          trimmed(sent, path+".over"),
		As:            trimmed(sent, path+".as"),
		MaxItems:      trimmed(sent, path+".maxItems"),
		MaxParallel:   trimmed(sent, path+".maxParallel"),
		When:          trimmed(sent, path+".when"),
		Set:           typedSet(sent[path+".setKey"], sent[path+".setValue"]),
		Lenient:       sent.Has(path + ".onError"),
		Events:        aliasesIn(sent, path+".events", stepEvents),
	}
	if other := agents.OtherwisePath(path); *left >= 0 && sent.Has(other+".type") {
		otherwise := readStep(sent, other, left)
		f.Otherwise = &otherwise
	}
	for i := 0; *left >= 0 && sent.Has(agents.StepPath(path, i)+".type"); i++ {
		f.Steps = append(f.Steps, readStep(sent, agents.StepPath(path, i), left))
	}
	return f.retyped(trimmed(sent, path+".was"))
}

// retyped keeps what was typed when a step gets another type: an agent becomes the first step of the group, the only
// agent of a group takes its place, and what a router does otherwise becomes the last step of another group.
func (f stepForm) retyped(was string) stepForm {
	if was == agents.StepRouter && f.Type != was && f.Otherwise != nil {
		f.Steps, f.Otherwise = append(f.Steps, *f.Otherwise), nil
	}
	switch {
	case was == agents.StepAgent && f.isGroup() && len(f.Steps) == 0:
		child := f
		child.Type, child.When = agents.StepAgent, ""
		return stepForm{Type: f.Type, When: f.When, Steps: []stepForm{child}}
	case was != "" && was != agents.StepAgent && f.Type == agents.StepAgent && len(f.Steps) == 1 && f.Steps[0].Type == agents.StepAgent:
		child := f.Steps[0]
		child.When = f.When
		return child
	}
	return f
}

// place gives the step and those within it their paths and numbers.
func (f *stepForm) place(path string) {
	f.Path = path
	for i := range f.Steps {
		child := &f.Steps[i]
		child.Number = strings.TrimPrefix(fmt.Sprintf("%s.%d", f.Number, i+1), ".")
		child.First, child.Last, child.Parent = i == 0, i == len(f.Steps)-1, f.Type
		child.place(agents.StepPath(path, i))
	}
	if f.Otherwise != nil {
		f.Otherwise.Number = strings.TrimPrefix(f.Number+".otherwise", ".")
		f.Otherwise.First, f.Otherwise.Last, f.Otherwise.Parent = true, true, f.Type
		f.Otherwise.place(agents.OtherwisePath(path))
	}
}

// isGroup reports whether it has steps of its own.
func (f stepForm) isGroup() bool { return f.Type != agents.StepAgent && f.Type != agents.StepSet }

// IsChoice reports whether it is one of the steps of a router, with a condition.
func (f stepForm) IsChoice() bool { return f.Parent == agents.StepRouter && !f.IsOtherwise() }

// Within are the steps directly within it, in the order in which they are drawn.
func (f stepForm) Within() []stepForm {
	if f.Otherwise == nil {
		return f.Steps
	}
	return append(slices.Clone(f.Steps), *f.Otherwise)
}

// IsOtherwise reports whether it is what a router does when it chooses nothing else.
func (f stepForm) IsOtherwise() bool { return strings.HasSuffix(f.Path, ".otherwise") }

func (f stepForm) count() int {
	n := 1
	for _, child := range f.Within() {
		n += child.count()
	}
	return n
}

var stepIndex = regexp.MustCompile(`^\.(?:otherwise|steps\[(\d{1,4})\])`)

// at finds the step of a path; nil when there is none.
func (f *stepForm) at(path string) *stepForm {
	rest, ok := strings.CutPrefix(path, "root")
	if !ok {
		return nil
	}
	for rest != "" && f != nil {
		m := stepIndex.FindStringSubmatch(rest)
		if m == nil {
			return nil
		}
		rest = rest[len(m[0]):]
		if m[1] == "" {
			f = f.Otherwise
			continue
		}
		i, err := strconv.Atoi(m[1])
		if err != nil || i >= len(f.Steps) {
			return nil
		}
		f = &f.Steps[i]
	}
	return f
}
