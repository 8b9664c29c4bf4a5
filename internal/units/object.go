package units

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Object is a JSON object that goes out as it stands: the parameters of a model, a schema, metadata.
type Object map[string]any

// UnmarshalJSON keeps whole numbers whole, however large they are.
func (o *Object) UnmarshalJSON(data []byte) error {
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&members); err != nil {
		return fmt.Errorf("read a JSON object: %w", err)
	}
	plain, _ := plainNumbers(members).(map[string]any)
	*o = plain
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

// Under returns the members with those of another over them.
func (o Object) Under(over Object) Object {
	joined := maps.Clone(o)
	if joined == nil {
		return over
	}
	maps.Copy(joined, over)
	return joined
}

// Names returns the names in order.
func (o Object) Names() []string { return slices.Sorted(maps.Keys(o)) }
