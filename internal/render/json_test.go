package render_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/render"
)

func TestJSON(t *testing.T) {
	for text, want := range map[string]any{
		`1`: int64(1), `-0`: int64(0), `9223372036854775807`: int64(math.MaxInt64), `9223372036854775808`: 9223372036854775808.0,
		`1.0`: 1.0, `1e3`: 1000.0, `1e999`: math.MaxFloat64, `true`: true, `null`: nil, ` "a\u00e4\n" `: "aä\n", `[]`: []any{}, `{}`: map[string]any{},
		`{"a":[1,{"b":null}],"":2}`: map[string]any{"a": []any{int64(1), map[string]any{"b": nil}}, "": int64(2)},
	} {
		got, err := render.JSON([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", " ", "{", "[1,", `{"a"`, `{"a":`, `{"a":1,`, "[1}", "{]", "1 2", "{} x", `{"a":1,"a":2}`, `[{"a":1,"a":2}]`,
		"\"\xff\"", `"\ud800"`, "NaN", "'a'", "[1,]", "01", strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 100_000)} {
		got, err := render.JSON([]byte(text))
		require.Error(t, err, text)
		require.Nil(t, got, text)
	}
}

func TestJSONHasNothingBehindItsLists(t *testing.T) {
	body, err := render.JSON([]byte(`{"l":[1,2,3,4,5]}`))
	require.NoError(t, err)
	parsed, err := render.Parse("{{slice .body.l 0 6}}")
	require.NoError(t, err)
	_, err = parsed.Render(map[string]any{"body": body}, roomy())
	require.ErrorContains(t, err, "slice cannot be used on this value")
}
