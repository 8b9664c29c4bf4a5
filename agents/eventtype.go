package agents

import (
	"maps"
	"slices"
)

// EventType returns the type of the events that an agent or a flow has given a name. It is empty if none has, also
// if a step of a flow has. If several have, the one whose id sorts first counts.
func (s *Set) EventType(name string) (kind string) {
	var owner string
	for id, entry := range s.entries {
		for _, candidate := range slices.Sorted(maps.Keys(entry.Events)) {
			if entry.Events[candidate] == name && (owner == "" || id < owner) {
				owner, kind = id, candidate
				break
			}
		}
	}
	return kind
}
