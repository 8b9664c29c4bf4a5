package render_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/render"
)

// roomy never stands in the way of a test that isn't about limits.
func roomy() render.Limits { return render.Limits{MaxBytes: 1 << 20, Time: 10 * time.Second} }

// event is what most tests render over.
func event(t *testing.T) map[string]any {
	t.Helper()
	body, err := render.JSON([]byte(`{
		"title": "Disk <full> & \"hot\"", "count": 12345678901, "ratio": 0.25, "big": 1e21, "huge": 12345678901234567890, "zero": 0, "off": false,
		"nothing": null, "empty": "", "none": {}, "a": {"b": {"c": "deep"}, "n": null, "s": "text"},
		"tags": ["red", "green"], "mixed": [1, "two", null, true, {"k": [3]}], "labels": {"sev-1": "high", "alpha": "z"},
		"at": "2026-02-18T12:00:00+02:00", "unix": 1771408800, "lines": "one\ntwo\n"}`))
	require.NoError(t, err)
	return map[string]any{"body": body, "headers": map[string]string{"x-event": "push"}, "list": []string{"x", "y"},
		"at": time.Date(2026, 2, 18, 12, 30, 0, 5e6, time.FixedZone("", 3600)), "raw": json.RawMessage(`{"a":1}`), "nil": nil}
}

func TestRender(t *testing.T) {
	for _, c := range []struct{ template, want string }{
		{"", ""},
		{"plain", "plain"},
		{"{{.body.title}}", `Disk <full> & "hot"`},
		{"{{.body.count}} {{.body.ratio}} {{.body.zero}} {{.body.off}}", "12345678901 0.25 0 false"},
		{"{{.body.big}} {{.body.huge}}", "1e21 12345678901234567890"},
		{"[{{.body.nothing}}][{{.nil}}]", "[][]"},
		{"{{if .body.nothing}}yes{{else}}no{{end}}", "no"},
		{"{{range .body.nothing}}x{{else}}none{{end}}", "none"},
		{"{{.body.tags}} {{.body.labels}}", `["red","green"] {"alpha":"z","sev-1":"high"}`},
		{"{{.at}}", "2026-02-18T11:30:00.005Z"},
		{"{{.at.Year}} {{.at.Month}}", "2026 February"},
		{"{{json .body.title}} {{json .body.mixed}} {{json .at}}", `"Disk <full> & \"hot\"" [1,"two",null,true,{"k":[3]}] "2026-02-18T11:30:00.005Z"`},
		{"{{.headers | json}} {{json .list}} {{json nil}} {{json .raw}}", `{"x-event":"push"} ["x","y"] null "{\"a\":1}"`},
		{`{{.body.tags | join ", "}}|{{join "-" .list}}|{{join "," .body.title}}|{{join "," .body.nothing}}|{{join "," .body.mixed}}`,
			`red, green|x-y|Disk <full> & "hot"||1,two,,true,{"k":[3]}`},
		{`{{"äöü" | truncate 2}} {{truncate 9 "abc"}} {{truncate 0 "abc"}}{{12345 | truncate 3}}`, "äö abc 123"},
		{`{{upper "aä"}} {{"ÄB" | lower}} [{{trim "  x\n"}}]`, "AÄ äb [x]"},
		{`{{"a.b.c" | replace "." "::"}} {{"abc" | replace "b" ""}} {{"ab" | replace "" "-"}}`, "a::b::c ac -a-b-"},
		{`{{.body.at | date "2006-01-02 15:04"}} {{.body.unix | date "2006-01-02T15:04Z07:00"}} {{date "15:04" .at}} {{1.5 | date "05.000"}}`,
			"2026-02-18 12:00 2026-02-18T10:00Z 12:30 01.500"},
		{"{{first .body.tags}} [{{first list}}] [{{first .body.nothing}}] {{(first .body.mixed)}}", "red [] [] 1"},
		{`{{$d := dict "k" 1 "l" (list 1 "b" nil)}}{{$d.k}} {{json $d}}`, `1 {"k":1,"l":[1,"b",null]}`},
		{`{{index .headers "x-event"}}[{{index .headers "x-none"}}]{{index .body.labels "sev-1"}}{{index .body.tags 1}}{{index .body "a" "b" "c"}}`,
			"push[]highgreendeep"},
		{"{{len .body.tags}} {{slice .body.title 0 4}} {{eq .body.off false}} {{lt 1 2}} {{and 1 0}} {{or 0 2}} {{not 1}}", "2 Disk true true 0 2 false"},
		{"{{range .body.tags}}<{{.}}>{{end}}", "<red><green>"},
		{"{{range $i, $t := .body.tags}}{{$i}}{{$t}}{{end}}", "0red1green"},
		{"{{range $k, $v := .body.labels}}{{$k}}={{$v}};{{end}}{{range .body.labels}}{{.}};{{end}}", "alpha=z;sev-1=high;z;high;"},
		{"{{range $i := 3}}{{$i}}{{if eq $i 1}}{{break}}{{end}},{{end}}", "0,1"},
		{"{{range $k, $v := .body.labels}}{{if eq $k \"alpha\"}}{{continue}}{{end}}{{$k}}{{end}}", "sev-1"},
		{"{{range $k, $v := .body.none}}x{{else}}empty{{end}}", "empty"},
		{`{{define "row"}}({{.}}){{end}}{{range .body.tags}}{{template "row" .}}{{end}}`, "(red)(green)"},
		{`{{block "b" .body.a}}{{.s}}{{end}}`, "text"},
		{`{{define "tree"}}{{range $k, $v := .}}{{$k}}{{end}}{{end}}{{template "tree" .body.a.b}}`, "c"},
		{"{{with .body.a}}{{.b.c}}{{end}}{{with .body.nothing}}x{{else}}-{{end}}", "deep-"},
		{`{{"a{{b"}} {{/* nothing */}}{{- "x" -}}  `, "a{{b x"},
		{`{{slice "é!" 1}}`, "!"},
		{"{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"},
	} {
		t.Run(c.template, func(t *testing.T) {
			parsed, err := render.Parse(c.template)
			require.NoError(t, err)
			for range 2 { // the second one runs on a used state
				got, err := parsed.Render(event(t), roomy())
				require.NoError(t, err)
				require.Equal(t, c.want, got)
			}
		})
	}
}

func TestDefault(t *testing.T) {
	for _, c := range []struct{ template, want string }{
		{`{{.body.nope | default "x"}}`, "x"},
		{`{{default "x" .body.nope}}`, "x"},
		{`{{.nope.at.all | default "x"}}`, "x"},
		{`{{.body.a.nope.deeper | default "x"}}`, "x"},
		{`{{.body.nothing | default "x"}}{{.body.a.n.below | default "x"}}{{.body.a.s.below | default "x"}}`, "xxx"},
		{`{{.body.title | default "x" | upper}}`, `DISK <FULL> & "HOT"`},
		{`{{.body.empty | default "x"}}{{.body.none | default "x"}}{{list | default "x"}}`, "xxx"},
		{`{{.body.zero | default 7}}{{.body.off | default true}}`, "0false"},
		{`{{$.body.nope | default "x"}}{{$b := .body}}{{$b.nope | default "y"}}{{$b.a.s | default "z"}}`, "xytext"},
		{`{{(.body).nope | default "x"}}{{(index .body "a").s | default "x"}}{{(.body.nope).deeper | default "x"}}`, "xtextx"},
		{`{{(.body.nope) | default "x"}}{{default "x" (.body.nope)}}`, "xx"},
		{`{{.body.nope | default .body.nor | default "z"}}{{default (default "q" .body.nope) .body.nor}}`, "zq"},
		{`{{index .body "no-pe" | default "x"}}{{index .body.nope "a" | default "x"}}{{index .body.tags 9 | default "x"}}{{default "x" (index .body "a" "q" "r")}}`, "xxxx"},
		{`{{index .headers "x-none" | default "none"}}{{.headers.nope | default "x"}}`, "nonex"},
		{`{{if (.body.nope | default false)}}a{{else}}b{{end}}{{range .body.nope | default list}}{{else}}c{{end}}`, "bc"},
		{`{{with .body.nope | default "w"}}{{.}}{{end}}{{$v := .body.nope | default 3}}{{$v}}`, "w3"},
		{`{{range .body.tags}}{{$.body.nope | default .}}{{end}}`, "redgreen"},
		{`{{join "," (list (.body.nope | default "x") (default "y" .body.a.s))}}`, "x,text"},
		{`{{define "t"}}{{.nope | default "x"}}{{end}}{{template "t" .body}}{{template "t" .body.nope | default dict}}`, "xx"},
	} {
		t.Run(c.template, func(t *testing.T) {
			parsed, err := render.Parse(c.template)
			require.NoError(t, err)
			got, err := parsed.Render(event(t), roomy())
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestRenderFails(t *testing.T) {
	for _, c := range []struct {
		template string
		kind     render.Kind
		message  string
	}{
		{"{{.body.nope}}", render.MissingKey, `line 1, column 8: there is no "nope"`},
		{"one\n  {{ .nope }}", render.MissingKey, `line 2, column 6: there is no "nope"`},
		{"{{.body.nothing.deeper}}", render.MissingKey, `there is no "deeper"`},
		{"{{.nil.deeper}}", render.MissingKey, `there is no "deeper"`},
		{"{{.body.title.deeper}}", render.MissingKey, `there is no "deeper"`},
		{"{{.body.nope | upper | default 1}}", render.MissingKey, `there is no "nope"`},
		{"{{.headers.nope}}", render.MissingKey, `there is no "nope"`},
		{`{{index .body "no-pe"}}`, render.MissingKey, `there is no "no-pe"`},
		{`{{index .body .body.title}}`, render.MissingKey, "index finds nothing there"},
		{`{{index .body.tags 2}}`, render.MissingKey, "index finds nothing there"},
		{`{{index .body.tags true}}`, render.Failed, "index needs a number"},
		{`{{index .body 1}}`, render.Failed, "index needs a text"},
		{`{{"x" | date .body.title}}`, render.Failed, "date needs a time"},
		{`{{.body.big | date "2006"}}`, render.Failed, "date needs a time"},
		{"{{range .body.title}}{{end}}", render.Failed, "range needs a list"},
		{"{{range $a, $b := 3}}{{end}}", render.Failed, "range with two variables"},
		{"{{first .body.title}}", render.Failed, "first needs a list"},
		{"{{truncate -1 .body.title}}", render.Failed, "truncate needs a number"},
		{"{{truncate .body.title .body.title}}", render.Failed, "truncate needs a number"},
		{"{{dict 1}}", render.Failed, "dict needs a value for every key"},
		{"{{upper}}", render.Failed, "upper has too few or too many arguments"},
		{"{{eq .body.title .body.ratio}}", render.Failed, "eq cannot compare"},
		{"{{len .body.count}}", render.Failed, "len cannot be used on this value"},
		{"{{slice .body.tags 5}}", render.Failed, "slice cannot be used on this value"},
		{"{{.at.In nil}}", render.Failed, "In cannot be used on this value"},
		{"{{1i}}", render.Failed, "a value of this type cannot be used here"},
		{"{{.body.title 1}}", render.Failed, "this cannot be evaluated"},
	} {
		t.Run(c.template, func(t *testing.T) {
			parsed, err := render.Parse(c.template)
			require.NoError(t, err)
			got, err := parsed.Render(event(t), roomy())
			require.Empty(t, got)
			failed := &render.Error{}
			require.ErrorAs(t, err, &failed)
			require.Equal(t, c.kind, failed.Kind, err)
			require.ErrorContains(t, err, c.message)
			require.Positive(t, failed.Line)
			require.NotContains(t, err.Error(), "Disk", "the data must not be in the error")
			require.NotContains(t, err.Error(), "_", "names of the inside must not be in the error")
		})
	}
}

func TestParseRefuses(t *testing.T) {
	nested := func(open, end string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(end, n) }
	for _, c := range []struct{ name, template, message string }{
		{"printf", "a\n{{printf \"%s\" .}}", `line 2, column 3: there is no function "printf"; there are and, date, default, dict, eq`},
		{"print", "{{print 1}}", `no function "print"`},
		{"println", "{{println 1}}", `no function "println"`},
		{"html", "{{. | html}}", `no function "html"`},
		{"js", "{{if js .}}{{end}}", `no function "js"`},
		{"urlquery", `{{define "a"}}{{range urlquery .}}{{end}}{{end}}`, `no function "urlquery"`},
		{"call", "{{(call .f).x}}", `no function "call"`},
		{"env", "{{with env \"HOME\"}}{{end}}", `no function "env"`},
		{"in else", "{{if 1}}{{else if 2}}{{else}}{{html 1}}{{end}}", `no function "html"`},
		{"in the argument of a template", `{{define "a"}}{{end}}{{template "a" html 1}}`, `no function "html"`},
		{"ours", "{{_print 1}}", `no function "_print"`},
		{"undefined template", "{{template \"nope\"}}", `line 1, column 12: template "nope" is not defined`},
		{"unclosed", "a\nb {{.x", "line 2: unclosed action"},
		{"unended", "{{if .x}}", "line 1: unexpected EOF"},
		{"unknown variable", "{{$x}}", `line 1: undefined variable "$x"`},
		{"too large", strings.Repeat("x", render.MaxTemplateBytes+1), "larger than 262144 bytes"},
		{"deep ifs", nested("{{if 1}}", "{{end}}", 201), "nested more than 200 levels deep"},
		{"deep parentheses", "{{" + nested("(", ")", 300) + "}}", "nested more than 200 levels deep"},
		{"very deep ifs", nested("{{if 1}}", "{{end}}", 15_000), "nested more than 200 levels deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parsed, err := render.Parse(c.template)
			require.Nil(t, parsed)
			failed := &render.Error{}
			require.ErrorAs(t, err, &failed)
			require.Equal(t, render.Syntax, failed.Kind)
			require.ErrorContains(t, err, c.message)
			require.NotContains(t, err.Error(), "(template)")
		})
	}
}

func TestMentions(t *testing.T) {
	for _, c := range []struct {
		template      string
		text, headers bool
	}{
		{"{{.body.text}}", false, false},
		{"{{.text}}", true, false},
		{"{{range .body.x}}{{.text}}{{$.headers}}{{end}}", false, true},
		{"{{with .body}}{{.}}{{else}}{{.text}}{{end}}", true, false},
		{"{{json .}}", true, true},
		{"{{$all := $}}{{$all.x}}", true, true},
		{`{{define "t"}}{{.text}}{{$.text}}{{.}}{{end}}{{template "t" .body}}`, false, false},
		{`{{define "t"}}{{.text}}{{end}}{{template "t" .}}`, true, true},
		{`{{(index .headers "a") | default (upper $.text)}}`, true, true},
	} {
		parsed, err := render.Parse(c.template)
		require.NoError(t, err)
		require.Equal(t, c.text, parsed.Mentions("text"), c.template)
		require.Equal(t, c.headers, parsed.Mentions("headers"), c.template)
	}
}

func TestRenderConcurrently(t *testing.T) {
	parsed, err := render.Parse(`{{define "n"}}{{.}}{{end}}{{range $i := .n}}{{template "n" $.id}}{{end}}{{.nope | default "."}}`)
	require.NoError(t, err)
	var all sync.WaitGroup
	for id := range 8 {
		all.Go(func() {
			for n := range 200 {
				got, err := parsed.Render(map[string]any{"id": id, "n": n % 7}, roomy())
				if want := strings.Repeat(fmt.Sprint(id), n%7) + "."; err != nil || got != want {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
		})
	}
	all.Wait()
}
