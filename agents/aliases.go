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
const EventNameForm = "must be lower-case words with dots, hyphens or underscores between them, " +
	"such as lead.completed, and at most 128 characters"

// WildcardNameForm says to a person what a wildcard can be renamed to.
const WildcardNameForm = "must be such a name with one * in it, which takes the end of the event's own: " +
	"video.* makes video.completed of run.completed"

var eventName = regexp.MustCompile(`^[a-z][a-z0-9]*([._-][a-z0-9]+)*$`)

// ValidEventName reports whether an event can be called so outside.
func ValidEventName(name string) bool {
	return len(name) <= MaxEventName && eventName.MatchString(name)
}

// What can be renamed. The names are those of the package events; a step has nodes alone, and leaves the "node." out.
var (
	agentEvents = []string{
		"run.created", "run.queued", "run.started", "run.waiting", "run.completed",
		"run.failed", "run.canceled", "run.viewed",
		nodePrefix + "started", nodePrefix + "progress", nodePrefix + "completed",
		nodePrefix + "failed", nodePrefix + "canceled",
	}
	stepEvents = []string{"started", "progress", "completed", "failed", "canceled"}

	agentWildcards = []string{"run.*", nodePrefix + "*"}
	stepWildcards  = []string{"*"}
)

const nodePrefix = "node."

// RenamedEvents returns what an agent or a flow can rename: events, and behind them the wildcards for several.
func RenamedEvents() []string { return slices.Concat(agentEvents, agentWildcards) }

// RenamedStepEvents is the same for a step of a flow.
func RenamedStepEvents() []string { return slices.Concat(stepEvents, stepWildcards) }

// expandNames returns the new names of single events. A name of a wildcard takes the end of the event's own where
// it has its *: with {"run.*": "video.*"} run.failed becomes video.failed. The name of an event itself wins over
// that of a wildcard. It is nil where nothing has a new name.
func expandNames(names map[string]string, known []string) map[string]string {
	var all map[string]string
	for _, event := range known {
		name := names[event]
		if name == "" {
			prefix, end, ok := strings.Cut(event, ".")
			if wildcard := prefix + ".*"; ok {
				name = names[wildcard]
			} else {
				end, name = event, names["*"]
			}
			name = strings.Replace(name, "*", end, 1)
		}
		if name == "" {
			continue
		}
		if all == nil {
			all = make(map[string]string, len(known))
		}
		all[event] = name
	}
	return all
}

// NodeNames says what the events of a step's nodes are called outside, in the form of Node.Names: as the step says,
// else as the agent or flow that it asks, else as the flow that it stands in. It is nil when none of them says
// anything.
func NodeNames(step Step, agent *Entry, flow Flow) map[string]string {
	var names map[string]string
	ofStep, ofFlow := expandNames(step.Events, stepEvents), expandNames(flow.Events, agentEvents)
	for _, event := range stepEvents {
		kind := nodePrefix + event
		for _, name := range []string{ofStep[event], agent.Events[kind], ofFlow[kind]} {
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
func checkEvents(events map[string]string, known, wildcards []string) (found problem.Fields) {
	for _, event := range slices.Sorted(maps.Keys(events)) {
		switch {
		case slices.Contains(wildcards, event):
			if name, ok := oneStar(events[event]); !ok || !ValidEventName(name) {
				found.Add(event, "%s", WildcardNameForm)
			}
		case !slices.Contains(known, event):
			found.Add(event, "there is no such event here; %s", knownEvents(event, slices.Concat(known, wildcards)))
		case !ValidEventName(events[event]):
			found.Add(event, "%s", EventNameForm)
		}
	}
	return found
}

// oneStar reports whether a name has one *, and returns it with the longest end that can stand there.
func oneStar(name string) (string, bool) {
	return strings.Replace(name, "*", "completed", 1), strings.Count(name, "*") == 1
}

// knownEvents names those that were probably meant, else all.
func knownEvents(event string, known []string) string {
	last := func(name string) string { return name[strings.LastIndex(name, ".")+1:] }
	meant := func(name string) bool { return strings.EqualFold(last(name), last(event)) }
	if likely := slices.DeleteFunc(slices.Clone(known), func(name string) bool {
		return !meant(name)
	}); len(likely) > 0 {
		return "did you mean " + strings.Join(likely, " or ") + "?"
	}
	return "there are " + strings.Join(known, ", ")
}

// stepNames returns the new names that the steps of a flow give to events.
func stepNames(s Step) []string {
	names := slices.Collect(maps.Values(expandNames(s.Events, stepEvents)))
	for _, child := range s.Within("") {
		names = append(names, stepNames(child)...)
	}
	return names
}
