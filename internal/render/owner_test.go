package render_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/render"
)

// What a template prints stands in brackets here where it is not only its owner's.
func TestRenderSpans(t *testing.T) {
	data := map[string]any{
		"body":   map[string]any{"name": "Ada", "empty": "", "list": []any{"x", "y"}, "n": 7, "json": `{"a":"b"}`, "e": "é"},
		"client": map[string]any{"id": "ci", "names": []any{"a", "b"}},
		"run":    "r1",
	}
	for text, want := range map[string]string{
		`Hello.`:                                                          `Hello.`,
		`Hello {{.body.name}}!`:                                           `Hello [Ada]!`,
		`{{.body.empty}}.`:                                                `.`,
		`{{.body.name}}{{.body.n}}`:                                       `[Ada7]`,
		`{{.client.id}} {{.run}}`:                                         `ci r1`,
		`{{$.client.id}}{{$.body.name}}`:                                  `ci[Ada]`,
		`{{upper .client.id}}`:                                            `CI`,
		`{{.body.name | upper | printf0}}`:                                ``,
		`{{upper .body.name}}`:                                            `[ADA]`,
		`{{join "-" (list .client.id "x")}}`:                              `ci-x`,
		`{{join "-" (list .client.id .run)}}`:                             `ci-r1`,
		`{{join "-" (list "x" .body.name)}}`:                              `[x-Ada]`,
		`{{"Ada"}}{{7}}`:                                                  `Ada7`,
		`{{.body.gone | default "none"}}`:                                 `[none]`,
		`{{.client.gone | default "none"}}`:                               `none`,
		`{{default .body.name .client.gone}}`:                             `[Ada]`,
		`{{if .body.name}}yes{{end}}`:                                     `yes`,
		`{{with .client}}{{.id}}{{end}}`:                                  `ci`,
		`{{with .body}}{{.name}}{{end}}`:                                  `[Ada]`,
		`{{with .client}}{{$.body.n}}{{end}}`:                             `[7]`,
		`{{with .client}}{{else}}{{end}}{{.body.n}}`:                      `[7]`,
		`{{range .client.names}}{{.}},{{end}}`:                            `a,b,`,
		`{{range .body.list}}{{.}},{{end}}`:                               `[x],[y],`,
		`{{range $i, $v := .body.list}}{{$i}}:{{$v}} {{end}}`:             `[0]:[x] [1]:[y] `,
		`{{range .client.names}}{{$.body.name}}{{end}}`:                   `[AdaAda]`,
		`{{with .body}}{{with $.client}}{{.id}}{{end}}{{.name}}{{end}}`:   `ci[Ada]`,
		`{{$x := .client.id}}{{$x}}`:                                      `[ci]`,
		`{{define "t"}}by {{.}}{{end}}{{template "t" .body.name}}`:        `by [Ada]`,
		`{{define "t"}}by {{.client.id}}{{end}}{{template "t" .}}`:        `by [ci]`,
		`{{index . "client" "id"}}`:                                       `[ci]`,
		`{{index .client "id"}}`:                                          `ci`,
		`{{(index .body "name")}}`:                                        `[Ada]`,
		`{{(dict "a" .body.name).a}}`:                                     `[Ada]`,
		`{{(fromJson .body.json).a}}`:                                     `[b]`,
		`{{eq .body.name "Ada"}}`:                                         `[true]`,
		`<{{slice .body.e 0 1}}{{slice .body.e 1 2}}>{{.body.name}}`:      `<[é]>[Ada]`,
		`<{{slice .body.e 0 1}}-{{slice .body.e 1 2}}>{{.body.name}} and`: `<->[Ada] and`,
		`{{- .body.name -}}  !`:                                           `[Ada]!`,
		`{{/* nothing */}}{{.body.list}}`:                                 `[["x","y"]]`,
	} {
		parsed, err := render.Parse(text, "client", "run")
		if want == "" {
			require.Error(t, err)
			continue
		}
		require.NoError(t, err, text)
		for range 2 { // the second time, nothing is left of the first
			got, spans, err := parsed.RenderSpans(data, render.Limits{MaxBytes: 1 << 20, Time: time.Second})
			require.NoError(t, err, text)
			var b strings.Builder
			at := 0
			for _, span := range spans {
				b.WriteString(got[at:span[0]] + "[" + got[span[0]:span[1]] + "]")
				at = span[1]
			}
			require.Equal(t, want, b.String()+got[at:], text)
		}
	}
}
