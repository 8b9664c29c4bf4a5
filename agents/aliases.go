package agents

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"beckon/internal/problem"
)

// MaxEventName is how many characters the name of an event may have.
const MaxEventName = 128

// EventNameForm says to a person what ValidEventName takes.
const EventNameForm = "must be lower-case words with dots, hyphens or underscores between them, such as lead.completed, and at most 128 characters"

var eventName = regexp.MustCompile(`^[a-z][a-z0-9]*([._-][a-z0-9]+)*$`)

// ValidEventName reports whether an event can be called so outside.
func ValidEventName(name string) bool {
	return len(name) <= MaxEventName && eventName.MatchString(name)
}

// What can be renamed. The names are those of the package events; a step has nodes alone, and leaves the "node." out.
var (
	agentEvents = []string{"run.queued", "run.started", "run.completed", "run.failed", "run.canceled", "run.viewed", nodePrefix + "started", nodePrefix + "progress", nodePrefix + "completed", nodePrefix + "failed"}
	stepEvents  = []string{"started", "progress", "completed", "failed"}
)

const nodePrefix = "node."

// NodeNames says what the events of a step's nodes are called outside, in the form of Node.Names: as the step says,
// else as the agent or flow that it asks, else as the flow that it stands in. It is nil when none of them says anything.
func NodeNames(step Step, agent *Entry, flow Flow) map[string]string {
	var names map[string]string
	for _, event := range stepEvents {
		kind := nodePrefix + event
		for _, name := range []string{step.Events[event], agent.Events[kind], flow.Events[kind]} {
			if name == "" {
				continue
			}
			if names == nil {
				names = make(map[string]string, len(stepEvents))
			}
			names[kind] = name
			break
		}
	}
	return names
}

// checkEvents finds what is wrong with new names for events.
func checkEvents(events map[string]string, known []string) (found problem.Fields) {
	for _, event := range slices.Sorted(maps.Keys(events)) {
		switch {
		case !slices.Contains(known, event):
			found.Add(event, "there is no such event here; %s", knownEvents(event, known))
		case !ValidEventName(events[event]):
			found.Add(event, "%s", EventNameForm)
		}
	}
	return found
}

// knownEvents names those that were probably meant, else all.
func knownEvents(event string, known []string) string {
	last := func(name string) string { return name[strings.LastIndex(name, ".")+1:] }
	meant := func(name string) bool { return strings.EqualFold(last(name), last(event)) }
	if likely := slices.DeleteFunc(slices.Clone(known), func(name string) bool { return !meant(name) }); len(likely) > 0 {
		return "did you mean " + strings.Join(likely, " or ") + "?"
	}
	return "there are " + strings.Join(known, ", ")
}

// stepNames returns the new names that the steps of a flow give to events.
func stepNames(s Step) []string {
	names := slices.Collect(maps.Values(s.Events))
	for _, child := range s.Steps {
		names = append(names, stepNames(child)...)
	}
	return names
}
