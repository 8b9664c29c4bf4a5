package render_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/render"
)

func TestJSON(t *testing.T) {
	for text, want := range map[string]any{
		`1`: int64(1), `-0`: 0.0, `9223372036854775807`: int64(math.MaxInt64), `0.25`: 0.25, `1e999`: math.MaxFloat64, `0.00`: 0.0,
		`true`: true, `null`: nil, ` "a\u00e4\n" `: "aä\n", `[]`: []any{}, `{}`: map[string]any{},
		`{"a":[1,{"b":null}],"":2}`: map[string]any{"a": []any{int64(1), map[string]any{"b": nil}}, "": int64(2)},
		`{"a":1,"b":2,"a":{"c":3}}`: map[string]any{"a": map[string]any{"c": int64(3)}, "b": int64(2)}, // the last one counts
	} {
		got, err := render.JSON([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", " ", "{", "[1,", `{"a"`, `{"a":`, `{"a":1,`, "[1}", "{]", "1 2", "{} x",
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

// Numbers are printed as they were sent, and compare as numbers.
func TestNumbersKeepTheirDigits(t *testing.T) {
	data, err := render.JSON([]byte(`{"n":[1.10, 1e3, 1E99, -0.5, 12345678901234567890, 9007199254740993, 100.00], "zero":0.00, "list":[2,10.50]}`))
	require.NoError(t, err)
	for template, want := range map[string]string{
		"{{json .n}}":           `[1.10,1e3,1E99,-0.5,12345678901234567890,9007199254740993,100.00]`,
		"{{yaml .n}}":           "- 1.10\n- 1e3\n- 1E99\n- -0.5\n- 12345678901234567890\n- 9007199254740993\n- 100.00",
		`{{join " " .n}}`:       "1.10 1e3 1E99 -0.5 12345678901234567890 9007199254740993 100.00",
		"{{index .n 0}}":        "1.10",
		"{{if .zero}}x{{end}}":  "",
		"{{gt (index .n 0) 1}}": "true",
		"{{lt (index .n 0) 1.2}} {{le 1000 (index .n 1)}} {{ge (index .n 1) 1000.5}}": "true true false",
		"{{eq (index .n 6) 100}} {{ne (index .n 6) 100.0}} {{eq 5 1 5}}":              "true false true",
		"{{range .list}}{{if gt . 2}}{{.}}{{end}}{{end}}":                             "10.50",
		`{{date "2006" (index .n 1)}}`:                                                "1970",
	} {
		parsed, err := render.Parse(template)
		require.NoError(t, err, template)
		got, err := parsed.Render(data.(map[string]any), render.Limits{MaxBytes: 1000, Time: time.Second})
		require.NoError(t, err, template)
		require.Equal(t, want, got, template)
	}
}
