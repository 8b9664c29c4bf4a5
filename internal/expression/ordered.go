package expression

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// FromJSON declares the function fromJson, which reads a text as JSON.
func FromJSON() cel.EnvOption {
	read := func(text ref.Val) ref.Val {
		var value any
		if err := json.Unmarshal([]byte(text.(types.String)), &value); err != nil {
			return types.NewErr("fromJson was given a text that is not JSON")
		}
		return values.NativeToValue(value)
	}
	return cel.Function("fromJson",
		cel.Overload("from_json_string", []*cel.Type{cel.StringType}, cel.DynType, cel.UnaryBinding(read)))
}

// values makes expressions give the same value for the same data each time: they go through maps in the order of
// their keys.
var values = ordered{types.DefaultTypeAdapter}

// ordered turns what JSON decodes to into values of CEL.
type ordered struct{ types.Adapter }

func (a ordered) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case []any:
		return types.NewDynamicList(a, v)
	case map[string]any:
		return orderedMap{types.NewStringInterfaceMap(a, v)}
	case map[string]string:
		return orderedMap{types.NewStringStringMap(a, v)}
	}
	return a.Adapter.NativeToValue(value)
}

// orderLiterals does the same for maps that stand in an expression themselves.
func orderLiterals(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if c, ok := i.(interpreter.InterpretableConstructor); ok && c.Type() == types.MapType {
		return orderedLiteral{c}, nil
	}
	return i, nil
}

type orderedLiteral struct {
	interpreter.InterpretableConstructor
}

func (l orderedLiteral) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return orderOf(l.InterpretableConstructor.Exec(frame))
}

func (l orderedLiteral) Eval(activation interpreter.Activation) ref.Val {
	return orderOf(l.InterpretableConstructor.Eval(activation))
}

func orderOf(v ref.Val) ref.Val {
	if m, ok := v.(traits.Mapper); ok {
		return orderedMap{m}
	}
	return v // an error
}

// orderedMap is a map whose keys come in order.
type orderedMap struct{ traits.Mapper }

func (m orderedMap) Iterator() traits.Iterator {
	var keys []ref.Val
	for i := m.Mapper.Iterator(); i.HasNext() == types.True; {
		keys = append(keys, i.Next())
	}
	slices.SortFunc(keys, func(a, b ref.Val) int {
		if order := cmp.Compare(a.Type().TypeName(), b.Type().TypeName()); order != 0 {
			return order
		}
		if c, ok := a.(traits.Comparer); ok {
			order, _ := c.Compare(b).(types.Int)
			return int(order)
		}
		return 0
	})
	return types.NewRefValList(types.DefaultTypeAdapter, keys).Iterator()
}
