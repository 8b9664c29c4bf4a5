package render_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/render"
)

// TestRenderIsBounded gives every bad template 64 KiB; those that would go on for ever get 100 ms.
func TestRenderIsBounded(t *testing.T) {
	double := `{{$x := list 1 2}}{{range 60}}{{$x = list $x $x}}{{end}}`
	doubleDict := `{{$x := dict "a" 1}}{{range 60}}{{$x = dict "a" $x "b" $x}}{{end}}`
	grow := `{{$s := "12345678"}}{{range 100}}{{$s = `
	for _, c := range []struct {
		name, template string
		kind           render.Kind
	}{
		{"empty range", "{{range $i := 1000000000}}{{end}}", render.TooSlow},
		{"nested ranges", "{{range 100000}}{{range 100000}}{{end}}{{end}}", render.TooSlow},
		{"range within if", "{{range 1000000000}}{{if true}}{{else}}{{end}}{{end}}", render.TooSlow},
		{"range with continue", "{{range 1000000000}}{{continue}}{{end}}", render.TooSlow},
		{"range over an assignment", "{{$x := 0}}{{range $x = 1000000000}}{{end}}", render.TooSlow},
		{"range over a number of the data", "{{range .n}}{{end}}", render.TooSlow},
		{"recursion", `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, render.TooLarge},
		{"recursion by the root", `{{define "a"}}{{template "b"}}{{end}}{{define "b"}}{{template "a"}}{{end}}{{template "b"}}`, render.TooLarge},
		{"a tree of calls", tree(40), render.TooSlow},
		{"output", "{{range 1000000}}0123456789{{end}}", render.TooLarge},
		{"output of values", "{{range 1000000}}{{.}}{{end}}", render.TooLarge},
		{"output of a large value", "{{.text}}{{.text}}", render.TooLarge},
		{"printing a doubled list", double + "{{$x}}", render.TooLarge},
		{"json of a doubled list", double + "{{json $x | len}}", render.TooLarge},
		{"yaml of a doubled list", double + "{{yaml $x | len}}", render.TooLarge},
		{"json of a doubled map", doubleDict + "{{json $x | len}}", render.TooLarge},
		{"yaml of a doubled map", doubleDict + "{{yaml $x | len}}", render.TooLarge},
		{"join of a doubled list", double + `{{join "" $x | len}}`, render.TooLarge},
		{"upper of a doubled list", double + `{{upper $x | len}}`, render.TooLarge},
		{"truncate of a doubled list", double + `{{truncate 3 $x}}`, render.TooLarge},
		{"key of a doubled list", double + `{{dict $x 1 | len}}`, render.TooLarge},
		{"growing by join", grow + `join "" (list $s $s)}}{{end}}`, render.TooLarge},
		{"growing by the separator", grow + `join $s (list 1 1 1)}}{{end}}`, render.TooLarge},
		{"growing by replace", grow + `replace "1" $s $s}}{{end}}`, render.TooLarge},
		{"growing by replacing nothing", grow + `replace "" $s $s}}{{end}}`, render.TooLarge},
		{"growing by json", grow + `json (list $s $s)}}{{end}}`, render.TooLarge},
		{"growing by yaml", grow + `yaml (list $s $s)}}{{end}}`, render.TooLarge},
		{"growing by date", grow + `date "Monday January 2006 .000000000" 1 | replace "1" "Monday" | replace "y" $s}}{{end}}`, render.TooLarge},
		{"nesting lists", "{{$x := list}}{{range 1000000}}{{$x = list $x}}{{end}}", render.TooSlow},
		{"printing a deep list", "{{$x := list}}{{range 20000}}{{$x = list $x}}{{end}}{{$x}}", render.TooLarge},
		{"indentation", `{{$x := dict "a" 1}}{{range 5000}}{{$x = dict "a" $x}}{{end}}{{yaml $x}}`, render.TooLarge},
		{"upper in a loop", `{{range 1000000000}}{{if upper $.text}}{{end}}{{end}}`, render.TooSlow},
	} {
		t.Run(c.name, func(t *testing.T) {
			parsed, err := render.Parse(c.template)
			require.NoError(t, err)
			data := map[string]any{"n": int64(1e15), "text": strings.Repeat("text ", 10_000)}
			limits := render.Limits{MaxBytes: 64 << 10, Time: time.Minute}
			if c.kind == render.TooSlow {
				limits.Time = 100 * time.Millisecond
			}
			start := time.Now()
			got, err := parsed.Render(data, limits)
			require.Empty(t, got)
			failed := &render.Error{}
			require.ErrorAs(t, err, &failed)
			require.Equal(t, c.kind, failed.Kind, err)
			require.Less(t, time.Since(start), 5*time.Second)
		})
	}
}

// tree defines n templates that each call the next one twice.
func tree(n int) string {
	var b strings.Builder
	name := func(i int) string { return `"` + strings.Repeat("t", i+1) + `"` }
	for i := range n {
		b.WriteString("{{define " + name(i) + "}}{{template " + name(i+1) + "}}{{template " + name(i+1) + "}}{{end}}")
	}
	return b.String() + "{{define " + name(n) + "}}{{end}}{{template " + name(0) + "}}"
}

func TestLimitsAreExact(t *testing.T) {
	for template, size := range map[string]int{"12345": 5, "{{.}}": 2, `{{json "äb"}}`: 5, `{{yaml (list 1 2)}}`: 7, `{{join "," (list 1 2)}}`: 3, `{{"aa" | replace "a" "bb"}}`: 4} {
		parsed, err := render.Parse(template)
		require.NoError(t, err)
		got, err := parsed.Render(nil, render.Limits{MaxBytes: size, Time: time.Second})
		require.NoError(t, err, template)
		require.Len(t, got, size, template)
		_, err = parsed.Render(nil, render.Limits{MaxBytes: size - 1, Time: time.Second})
		require.ErrorContains(t, err, "is larger than", template)
	}
}

// TestSmallTemplatesDoNotMeetTheClock: on a busy machine a call may lose the processor for longer than its limit.
func TestSmallTemplatesDoNotMeetTheClock(t *testing.T) {
	parsed, err := render.Parse("{{range .items}}{{.}} {{end}}")
	require.NoError(t, err)
	_, err = parsed.Render(map[string]any{"items": []any{1, 2, 3}}, render.Limits{MaxBytes: 100})
	require.NoError(t, err)
}

func TestHugeMaps(t *testing.T) {
	huge := make(map[string]any, 1<<18)
	for i := range 1 << 18 {
		huge[strings.Repeat("k", 3)+string(rune(i%50_000+0x4e00))+string(rune(i/50_000+'a'))] = i
	}
	for _, template := range []string{"{{range .m}}{{end}}", "{{range $k, $v := .m}}{{end}}", "{{.m}}", "{{yaml .m}}"} {
		parsed, err := render.Parse(template)
		require.NoError(t, err)
		start := time.Now()
		_, err = parsed.Render(map[string]any{"m": huge}, render.Limits{MaxBytes: 64 << 20, Time: time.Millisecond})
		require.ErrorContains(t, err, "rendering takes longer than the 1ms", template)
		require.Less(t, time.Since(start), 5*time.Second, template)
	}
}

// TestMemory: a template that explodes is refused before the memory is taken.
func TestMemory(t *testing.T) {
	parsed, err := render.Parse(`{{.text | replace "e" .text | len}}`)
	require.NoError(t, err)
	data := map[string]any{"text": strings.Repeat("text", 1<<18)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = parsed.Render(data, render.Limits{MaxBytes: 1 << 20, Time: time.Second})
	runtime.ReadMemStats(&after)
	require.ErrorContains(t, err, "larger than the 1048576 bytes")
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func BenchmarkRender(b *testing.B) {
	parsed, err := render.Parse(`Triage {{.body.name | default "?"}}: {{range .body.alerts}}- {{.labels.alertname}} {{.labels.severity | default "none"}} {{.n}}
{{end}}{{json .body.alerts | truncate 200}}`)
	require.NoError(b, err)
	body, err := render.JSON([]byte(`{"name":"x","alerts":[{"n":1,"labels":{"alertname":"Disk","severity":"high"}},{"n":2,"labels":{"alertname":"CPU"}}]}`))
	require.NoError(b, err)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := parsed.Render(map[string]any{"body": body}, render.Limits{MaxBytes: 1 << 20, Time: 100 * time.Millisecond}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
