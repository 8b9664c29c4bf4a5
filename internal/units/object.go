package units

import (
	"bytes"
	"encoding/json"
	"errors"
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

// ReadJSON reads JSON as templates and CEL take it, and as it can be written again: whole numbers stay whole.
func ReadJSON(text []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if decoder.More() {
		return nil, errors.New("read JSON: there is more than one value")
	}
	return plainNumbers(value), nil
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

// MergedWith returns the members with those of another over them.
func (o Object) MergedWith(over Object) Object {
	joined := maps.Clone(o)
	if joined == nil {
		return over
	}
	maps.Copy(joined, over)
	return joined
}

// Names returns the names in order.
func (o Object) Names() []string { return slices.Sorted(maps.Keys(o)) }
