package agents

import (
	"maps"
	"slices"
)

// EventType returns the type of the events that an agent or a flow calls by a name; empty where that is a step of a
// flow, or nobody. Where several do, it is that of the one whose id comes first.
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
