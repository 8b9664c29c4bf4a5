package expression_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/stretchr/testify/require"

	"beckon/internal/expression"
)

func TestMapsComeInTheOrderOfTheirKeys(t *testing.T) {
	many := map[string]any{}
	texts := map[string]string{}
	var keys, values []any
	for i := range 40 {
		key := fmt.Sprintf("k%02d", i)
		many[key], texts[key] = map[string]any{"n": float64(i)}, key
		keys, values = append(keys, key), append(values, float64(i))
	}
	data := map[string]any{"state": map[string]any{"many": many, "list": []any{many}}, "texts": texts, "json": `{"b":{"y":1,"x":2},"a":3}`}
	for text, want := range map[string]any{
		"state.many.map(k, k)":                                        keys,
		"state.many.map(k, state.many[k].n)":                          values,
		"state.list[0].map(k, k)":                                     keys,
		"texts.map(k, texts[k])":                                      keys,
		"fromJson(json).map(k, k)":                                    []any{"a", "b"},
		"fromJson(json).b.map(k, k)":                                  []any{"x", "y"},
		"{3: 'c', 'b': 1, 'a': 2, 1: 'x', true: 0}.map(k, string(k))": []any{"true", "1", "3", "a", "b"},
		"fromJson(json) == fromJson(' ' + json)":                      true,
		"size(state.many) == 40 && 'k07' in state.many":               true,
		"has(state.many.k01) && !has(state.many.k99)":                 true,
		"state.list": []any{many},
	} {
		e, err := expression.Compile(text, "", expression.FromJSON(), cel.Variable("json", cel.StringType),
			cel.Variable("state", cel.MapType(cel.StringType, cel.DynType)), cel.Variable("texts", cel.MapType(cel.StringType, cel.StringType)))
		require.NoError(t, err, text)
		for range 5 {
			value, err := e.Value(context.Background(), data)
			require.NoError(t, err, text)
			require.Equal(t, want, value, text)
		}
	}
}

func TestWhyAnExpressionHasNoValue(t *testing.T) {
	for text, tooLong := range map[string]bool{
		"fromJson('{')":          false,
		"list.map(a, missing.x)": false,
		"list.map(a, a * 2.0)":   true,
	} {
		e, err := expression.Compile(text, "", expression.FromJSON(), cel.Variable("list", cel.ListType(cel.DoubleType)), cel.Variable("missing", cel.DynType))
		require.NoError(t, err, text)
		list := make([]any, 1000)
		for i := range list {
			list[i] = float64(i)
		}
		ctx, cancel := context.WithCancel(context.Background())
		if tooLong {
			cancel()
		}
		_, err = e.Value(ctx, map[string]any{"list": list, "missing": map[string]any{}})
		require.Error(t, err, text)
		require.Equal(t, tooLong, expression.TookTooLong(err), "%s: %v", text, err)
		cancel()
	}
}
