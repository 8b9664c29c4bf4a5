package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"

	"beckon/agents"
	"beckon/internal/spend"
)

// functions are what templates can call.
func functions(files assets) template.FuncMap {
	return template.FuncMap{
		"asset":    files.url,
		"icon":     files.icon,
		"word":     word,
		"reason":   codeInWords,
		"number":   number,
		"cost":     costText,
		"models":   countModels,
		"duration": duration,
		"clock":    clock,
		"stamp":    stamp,
		"json":     inJSON,
		"pretty":   inLines,
		"kinds":    agents.Kinds,
	}
}

// acronyms are the parts of codes that are written in capitals.
var acronyms = regexp.MustCompile(`\b(api|id|json|utf8)\b`)

// codeInWords writes the code of a problem in words: "Queue full" for queue_full.
func codeInWords(code string) string {
	return capitalized(acronyms.ReplaceAllStringFunc(strings.ReplaceAll(code, "_", " "), strings.ToUpper))
}

// icon draws an icon of the vendor's sheet; words stand beside it, or its button has a label.
func (a assets) icon(name string) template.HTML {
	return template.HTML(`<svg class="i" aria-hidden="true"><use href="` + template.HTMLEscapeString(a.url("icons.svg")+"#"+
		name) + `"></use></svg>`)
}

// word writes a status as a word: "Completed" for COMPLETED.
func word(status any) string {
	text := fmt.Sprint(status)
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.ToLower(text[1:])
}

// number writes 1234567 as 1,234,567.
func number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return sign + strings.Join(append([]string{digits}, groups...), ",")
}

// costText writes a cost; empty where nothing has a price.
func costText(c spend.Cost) string {
	if !c.IsKnown {
		return ""
	}
	return c.Amount.String()
}

// countModels says "1 model" or "2 models".
func countModels(names []string) string {
	if len(names) == 1 {
		return "1 model"
	}
	return number(int64(len(names))) + " models"
}

// percent doesn't round to 100% what isn't.
func percent(share float64) string {
	if share < 1 && share > 0.999 {
		return "99.9%"
	}
	return strconv.FormatFloat(float64(int(share*1000+0.5))/10, 'f', -1, 64) + "%"
}

// unknown is the duration of what has not begun or not ended.
const unknown time.Duration = -1

// duration writes a duration in two or three digits. Below a millisecond it is "< 1 ms", as the clock is no finer; unknown is a
// dash.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "–"
	case d < time.Millisecond:
		return "< 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute-50*time.Millisecond: // what is left would be written as 60.0 s
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}

// clock is a time for people, stamp the same for programs.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// inLines lays JSON out in lines.
func inLines(value json.RawMessage) (string, error) {
	var lines bytes.Buffer
	err := json.Indent(&lines, value, "", "  ")
	return lines.String(), err
}

func inJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}
