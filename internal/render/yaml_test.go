package render_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"beckon/internal/render"
)

func TestYAML(t *testing.T) {
	require.Equal(t, strings.TrimSpace(`
a: Disk full on /dev/sda1
b:
  - 1
  - 2.5
  - null
  - - x
    - "y"
  - k: "true"
    l: "2026"
c: {}
d: []
e: |-
  first: line

    second
f: |
  ends
  here
g: "no: #plain "
"on": false
`), asYAML(t, `{"a":"Disk full on /dev/sda1","b":[1,2.5,null,["x","y"],{"k":"true","l":"2026"}],"c":{},"d":[],`+
		`"e":"first: line\n\n  second","f":"ends\nhere\n","g":"no: #plain ","on":false}`))
}

func asYAML(t *testing.T, text string) string {
	t.Helper()
	v, err := render.JSON([]byte(text))
	require.NoError(t, err)
	parsed, err := render.Parse("{{yaml .v}}")
	require.NoError(t, err)
	out, err := parsed.Render(map[string]any{"v": v}, roomy())
	require.NoError(t, err)
	return out
}

// FuzzYAML: a YAML library reads back what was written.
func FuzzYAML(f *testing.F) {
	for _, text := range []string{`"a"`, `"a\nb"`, `"\na"`, `" a\nb"`, `"a\n\n"`, `["a\n"]`, `{"a\nb":"\u0085\u2028"}`, `[[[{"a":[{}]}]]]`, `"\u007f\ufeff"`,
		`{"y":"~","null":"=","<<":"<<","a b":"- x"}`, `[1.5,1e21,1e-7,-0.0,12345678901234567890]`, `"é\t\n x\n\n  y"`, `"a \nb "`, `"---\n..."`, `"a\n---\nb"`, `{"a":"\t\nb"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := render.JSON([]byte(text))
		if err != nil || tooMuchForYAML(want, 0) {
			return
		}
		out := asYAML(t, text)
		var got any
		require.NoError(t, yaml.Unmarshal([]byte(out), &got), out)
		require.Equal(t, numbersAsFloats(want), numbersAsFloats(got), out)
	})
}

// tooMuchForYAML finds what the library doesn't read, whoever writes it: keys of more than 1024 bytes, deep nesting.
func tooMuchForYAML(v any, depth int) bool {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if tooMuchForYAML(item, depth+1) {
				return true
			}
		}
	case map[string]any:
		for key, item := range v {
			if len(key) > 100 || tooMuchForYAML(item, depth+1) {
				return true
			}
		}
	}
	return depth > 100
}

func numbersAsFloats(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case float64:
		return v + 0 // YAML has no minus zero
	case fmt.Stringer: // a number that keeps its digits
		f, _ := strconv.ParseFloat(v.String(), 64)
		return f
	case []any:
		for i := range v {
			v[i] = numbersAsFloats(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = numbersAsFloats(v[key])
		}
	}
	return v
}
