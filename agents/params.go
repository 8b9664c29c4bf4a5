package agents

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"beckon/internal/problem"
)

// Params are members of the request to a provider, which are sent as they stand: {"top_p": 0.9}. null removes a member
// that would be sent otherwise.
type Params map[string]any

// UnmarshalJSON keeps whole numbers whole, however large they are.
func (p *Params) UnmarshalJSON(data []byte) error {
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil {
		return fmt.Errorf("read parameters: %w", err)
	}
	plain, _ := plainNumbers(members).(map[string]any)
	*p = plain
	return nil
}

// plainNumbers replaces each json.Number by the type that YAML reads it as.
func plainNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		n, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return n
	case map[string]any:
		for key, member := range v {
			v[key] = plainNumbers(member)
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	}
	return value
}

// Under returns the parameters with those of another joined over them.
func (p Params) Under(over Params) Params {
	joined := maps.Clone(p)
	if joined == nil {
		return over
	}
	maps.Copy(joined, over)
	return joined
}

// Names returns the names in order.
func (p Params) Names() []string { return slices.Sorted(maps.Keys(p)) }

// check finds what cannot be sent.
func (p Params) check() (found problem.Fields) {
	for _, name := range p.Names() {
		switch _, err := json.Marshal(p[name]); {
		case name == "messages":
			found.Add("messages", "cannot be set: they are made of the prompt")
		case err != nil:
			found.Add(name, "cannot be written as JSON")
		}
	}
	return found
}
