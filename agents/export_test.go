package agents

import (
	"maps"
	"slices"
)

// IDs returns the ids of all that can be invoked, in order.
func (s *Set) IDs() []string { return slices.Sorted(maps.Keys(s.entries)) }
