package deliveries

import (
	"encoding/json"
	"slices"

	"gopkg.in/yaml.v3"

	"beckon/internal/problem"
	"beckon/internal/units"
)

// Retry says when to try again: a policy by name, or the waits themselves. The zero value is the default policy.
type Retry struct {
	Policy string
	Waits  []units.Duration
}

var policies = []string{"", "svix", "exponential", "fast"}

// IsZero reports whether nothing was said.
func (r Retry) IsZero() bool { return r.Policy == "" && len(r.Waits) == 0 }

// Check finds what is wrong with it.
func (r Retry) Check() (found problem.Fields) {
	if !slices.Contains(policies, r.Policy) {
		found.Add("", "must be svix, exponential, fast or a list of durations, not %q", r.Policy)
	}
	return found
}

func (r Retry) value() any {
	if len(r.Waits) > 0 {
		return r.Waits
	}
	return r.Policy
}

// MarshalYAML writes the name or the list.
func (r Retry) MarshalYAML() (any, error) { return r.value(), nil }

// MarshalJSON writes the name or the list.
func (r Retry) MarshalJSON() ([]byte, error) { return json.Marshal(r.value()) }

// UnmarshalYAML reads a name or a list.
func (r *Retry) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode(&r.Waits)
	}
	return node.Decode(&r.Policy)
}

// UnmarshalJSON reads a name or a list.
func (r *Retry) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, &r.Waits)
	}
	return json.Unmarshal(data, &r.Policy)
}
