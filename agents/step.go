package agents

import (
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"beckon/internal/problem"
)

// MaxStateKey bounds the length of a key of a flow's state, in bytes.
const MaxStateKey = 128

var itemName = regexp.MustCompile(`^[a-z][A-Za-z0-9_]{0,62}$`)

// reservedNames are what templates and conditions know by themselves.
var reservedNames = []string{
	"agent", "client", "index", "input", "metadata", "outputs", "prompt", "receivedAt", "runId", "sessionId", "state",
	"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
	"package", "namespace", "null", "return", "true", "var", "void", "while",
	"bool", "bytes", "double", "dyn", "int", "list", "map", "string", "type", "uint",
}

// stepField is a field that belongs in steps of some types only.
type stepField struct {
	name  string
	isSet bool
	types []string
}

func (s Step) fields() []stepField {
	return []stepField{
		{"agentId", s.AgentID != "", []string{StepAgent}},
		{"prompt", s.Prompt != "", []string{StepAgent}},
		{"outputKey", s.OutputKey != "", []string{StepAgent, StepForeach}},
		{"responseAgent", s.ResponseAgent, []string{StepAgent}},
		{"events", len(s.Events) > 0, []string{StepAgent}},
		{"maxIterations", s.MaxIterations != 0, []string{StepLoop}},
		{"until", s.Until != "", []string{StepLoop}},
		{"over", s.Over != "", []string{StepForeach}},
		{"as", s.As != "", []string{StepForeach}},
		{"maxItems", s.MaxItems != 0, []string{StepForeach}},
		{"maxParallel", s.MaxParallel != 0, []string{StepForeach}},
		{"otherwise", s.Otherwise != nil, []string{StepRouter}},
		{"set", len(s.Set) > 0, []string{StepSet}},
		{"steps", len(s.Steps) > 0, []string{StepSequential, StepParallel, StepLoop, StepRouter, StepForeach}},
	}
}

// Within goes through the steps directly within s, by their paths.
func (s Step) Within(path string) iter.Seq2[string, Step] {
	return func(yield func(string, Step) bool) {
		for i, child := range s.Steps {
			if !yield(StepPath(path, i), child) {
				return
			}
		}
		if s.Otherwise != nil {
			yield(OtherwisePath(path), *s.Otherwise)
		}
	}
}

// StepPath returns the path of the i-th step within the one at parent.
func StepPath(parent string, i int) string { return fmt.Sprintf("%s.steps[%d]", parent, i) }

// OtherwisePath returns the path of the step that a router runs when it chooses none of its steps.
func OtherwisePath(parent string) string { return parent + ".otherwise" }

// check finds what is wrong with the shape of a step and of those within it; parent is the step around it.
func (s Step) check(parent Step, depth int, steps *int) (found problem.Fields) {
	if *steps++; depth > MaxFlowDepth {
		found.Add("", "is nested more than %d levels deep", MaxFlowDepth)
		return found
	}
	known := []string{StepAgent, StepSequential, StepParallel, StepLoop, StepRouter, StepForeach, StepSet}
	if !slices.Contains(known, s.Type) {
		found.Add("type", "must be agent, sequential, parallel, loop, router, foreach or set, not %q", s.Type)
		return found
	}
	for _, f := range s.fields() {
		if f.isSet && !slices.Contains(f.types, s.Type) {
			found.Add(f.name,
				"does not belong in a step of type %s, but in one of type %s", s.Type, strings.Join(f.types, ", "))
		}
	}
	s.checkType(&found)
	if s.OnError != "" && s.OnError != "continue" {
		found.Add("onError", "must be continue or left out")
	}
	if s.When != "" && parent.Type != StepRouter {
		found.Add("when", "belongs in the steps directly within a step of type router")
	}
	for path, child := range s.Within("") {
		found.Under(strings.TrimPrefix(path, "."), child.check(s, depth+1, steps))
	}
	return found
}

func (s Step) checkType(found *problem.Fields) {
	switch s.Type {
	case StepAgent:
		if s.AgentID == "" {
			found.Add("agentId", "is required in a step of type agent")
		}
		found.Under("events", checkEvents(s.Events, stepEvents, stepWildcards))
		return
	case StepSet:
		s.checkSet(found)
		return
	case StepLoop:
		checkCount(found, "maxIterations", s.MaxIterations, MaxLoopIterations)
	case StepForeach:
		s.checkForeach(found)
	case StepRouter:
		s.checkRouter(found)
	}
	if len(s.Steps) == 0 {
		found.Add("steps", "must not be empty")
	}
}

func (s Step) checkSet(found *problem.Fields) {
	if len(s.Set) == 0 {
		found.Add("set", "is required in a step of type set: keys of the state with CEL expressions")
	}
	for _, key := range slices.Sorted(maps.Keys(s.Set)) {
		if key == "" || len(key) > MaxStateKey {
			found.Add("set", "a key must be a text of 1 to %d bytes", MaxStateKey)
		}
	}
}

func (s Step) checkForeach(found *problem.Fields) {
	if s.Over == "" {
		found.Add("over", "is required in a step of type foreach: a CEL expression that is a list")
	}
	if s.As != "" && (!itemName.MatchString(s.As) || slices.Contains(reservedNames, s.As)) {
		found.Add("as",
			"must be a name such as ticket, which begins with a small letter and means nothing else: not %q", s.As)
	}
	if s.MaxItems != 0 {
		checkCount(found, "maxItems", s.MaxItems, MaxForeachItems)
	}
	if s.MaxParallel != 0 {
		checkCount(found, "maxParallel", s.MaxParallel, MaxForeachAtOnce)
	}
}

func (s Step) checkRouter(found *problem.Fields) {
	for i, child := range s.Steps {
		if child.When == "" {
			found.Add(StepPath("", i)[1:]+".when",
				"is required within a step of type router; the step for everything else is its otherwise")
		}
	}
	if s.Otherwise != nil && s.Otherwise.When != "" {
		found.Add("otherwise.when", "does not belong here: otherwise runs when none of the steps is chosen")
	}
}

func checkCount(found *problem.Fields, field string, value, most int) {
	if value < 1 || value > most {
		found.Add(field, "must be between 1 and %d", most)
	}
}
