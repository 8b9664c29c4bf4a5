package render_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"beckon/internal/render"
)

// FuzzRender: whatever the template and the data, there is either a text within the limits or an *Error that doesn't
// show the data, and it doesn't take for ever.
func FuzzRender(f *testing.F) {
	for _, template := range []string{
		"{{.body.a | default `x`}}{{range $k, $v := .body}}{{$k}}={{json $v}}{{end}}", "{{yaml .body}}{{.body}}{{len .body}}",
		`{{define "t"}}{{range .}}{{template "t" .}}{{end}}{{end}}{{template "t" .body}}`, "{{slice .body 1 2}}{{index .body 0 `a`}}{{first .body}}",
		"{{.body | truncate 3 | upper | replace `A` .body | join .body}}", "{{range 100}}{{range .}}{{break}}{{end}}{{continue}}{{end}}",
		"{{$x := list 1}}{{range 99}}{{$x = list $x $x}}{{end}}{{json $x}}", "{{date `Mon` .body}}{{.at.Format .canary}}{{dict .body .body}}",
		"{{if and .body (eq .body 1) (lt .body 2)}}{{end}}{{not .body}}{{(.body).x.y | default .body | default (.z)}}", "{{.at.In nil}}{{printf .canary}}", "{{1i}}{{'a'}}{{0x1p-2}}{{nil}}",
	} {
		for _, body := range []string{`{"a":[1,{"b":"c"}],"d":null}`, `[1,"two",[3.5,true]]`, `"text"`, "12", "null"} {
			f.Add(template, body)
		}
	}
	const canary, limit = "canary-of-the-data", 4 << 10
	f.Fuzz(func(t *testing.T, text, body string) {
		failed := &render.Error{}
		parsed, err := render.Parse(text)
		if err != nil {
			require.ErrorAs(t, err, &failed)
			require.Equal(t, render.Syntax, failed.Kind)
			return
		}
		v, err := render.JSON([]byte(body))
		if err != nil {
			v = canary
		}
		data := map[string]any{"body": v, "canary": canary, "at": time.Unix(0, 0), "headers": map[string]string{canary: canary}}
		start := time.Now()
		got, err := parsed.Render(data, render.Limits{MaxBytes: limit, Time: 20 * time.Millisecond})
		require.Less(t, time.Since(start), 5*time.Second)
		if err != nil {
			require.ErrorAs(t, err, &failed)
			require.Empty(t, got)
			require.NotEmpty(t, failed.Message)
			require.True(t, strings.Contains(text, "canary") || !strings.Contains(err.Error(), canary), err)
			return
		}
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, len(got), limit)
	})
}
