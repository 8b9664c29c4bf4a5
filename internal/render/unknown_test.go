package render_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/render"
)

func TestFromJSON(t *testing.T) {
	data := map[string]any{"text": `{"title":"Hot","tags":["a",1],"none":null}`, "bad": `{"title":`, "twice": `{} {}`, "object": map[string]any{"a": 1}, "null": nil}
	for template, want := range map[string]string{
		`{{(.text | fromJson).title}} {{(fromJson .text).tags}}`:                                    `Hot ["a",1]`,
		`{{with .text | fromJson}}{{json .}}{{end}}`:                                                `{"none":null,"tags":["a",1],"title":"Hot"}`,
		`{{range (fromJson .text).tags}}<{{.}}>{{end}}`:                                             `<a><1>`,
		`{{.bad | fromJson | default "none"}}{{.nope | fromJson | default 1}}`:                      `none1`,
		`{{default "x" (fromJson .twice)}}{{fromJson .nope.at.all | default "y"}}`:                  `xy`,
		`{{(.bad | fromJson).title | default "z"}}{{(fromJson .text).nope | default "q"}}`:          `zq`,
		`{{.object | fromJson | default "no text"}}{{.null | fromJson | default "-"}}`:              `no text-`,
		`{{"12" | fromJson}}{{"\"s\"" | fromJson}}{{"null" | fromJson | default "d"}}{{len .text}}`: `12sd42`,
	} {
		parsed, err := render.Parse(template)
		require.NoError(t, err)
		got, err := parsed.Render(data, roomy())
		require.NoError(t, err, template)
		require.Equal(t, want, got, template)
	}
	for template, says := range map[string]string{
		`{{fromJson .bad}}`:                  "that is JSON",
		`{{fromJson .twice}}`:                "that is JSON",
		`{{fromJson .object}}`:               "needs a text",
		`{{fromJson .null}}`:                 "needs a text",
		`{{(fromJson .text).nope}}`:          `there is no "nope"`,
		`{{fromJson .nope}}`:                 `there is no "nope"`,
		`{{fromJson .nope.at | upper}}`:      `there is no "nope"`,
		`{{.bad | fromJson | upper}}`:        "that is JSON",
		`{{.text | fromJson | fromJson}}`:    "needs a text",
		`{{.bad | fromJson | json | upper}}`: "that is JSON",
	} {
		parsed, err := render.Parse(template)
		require.NoError(t, err)
		_, err = parsed.Render(data, roomy())
		require.ErrorContains(t, err, says, template)
	}
}

// What is unknown has what the template asks for, and what is printed of it is JSON; all else stays strict.
func TestUnknown(t *testing.T) {
	for template, want := range map[string]string{
		`{"a": {{.u.a.b.c}}, "b": "{{.u.d}}", "c": {{json .u}}}`:                                      `{"a": 0, "b": "0", "c": 0}`,
		`{{with .u}}{{.order.id}}{{end}}{{if .u.x}}yes{{end}}{{range .u.items}}<{{.name}}>{{end}}`:    `0yes<0>`,
		`{{range $k, $v := .u}}{{$k}}:{{$v}},{{end}}{{index .u "no-name" "b"}}{{.u.a | default "d"}}`: `00`,
		`{{(.t | fromJson).title.sub}}{{.t}} {{upper .u.a}}{{first .u.list}}{{(first .u.l).name}}`:    `00 000`,
		`{{date "2006" .u.at}}{{join "," .u.tags}}{{truncate 3 .u.text}}{{$x := .u}}{{$x.y.z}}`:       `1970000`,
	} {
		parsed, err := render.Parse(template)
		require.NoError(t, err)
		u := parsed.Unknown()
		got, err := parsed.Render(map[string]any{"u": u, "t": u.Text()}, roomy())
		require.NoError(t, err, template)
		require.Equal(t, want, got, template)
	}
	for _, template := range []string{`{{.u.a}}{{.nope.a}}`, `{{.t.title}}`, `{{with .u}}{{$.nope}}{{end}}`} {
		parsed, err := render.Parse(template)
		require.NoError(t, err)
		u := parsed.Unknown()
		_, err = parsed.Render(map[string]any{"u": u, "t": u.Text()}, roomy())
		var failed *render.Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, render.MissingKey, failed.Kind, template)
	}
}
