package web

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"beckon/internal/problem"
)

// labelled is the path of a field and its label.
type labelled struct{ path, label string }

// Label returns the label of the field with a path: "Timeout for calls" for "syncTimeout". A path without
// a field is its own label.
func (f nounForm[F]) Label(path string) string { return labelOf(f.One, path) }

func labelOf(one, path string) string {
	if label := stepLabel(path); one == "flow" && label != "" {
		return label
	}
	labels := labelsOf(one)
	if label := labels[path]; label != "" {
		return label
	}
	field := fieldOf(path)
	label := cmp.Or(labels[field], field)
	if rest, ok := strings.CutPrefix(path, field+"."); ok { // "headers.X-Env"
		label += ", " + rest
	}
	return label
}

// fieldSentence returns the error of a field in one line, with the label of the field.
func fieldSentence(one string, wrong problem.Field) string {
	if wrong.Path == "" {
		return wrong.Message
	}
	return labelOf(one, wrong.Path) + ": " + wrong.Message
}

// labelsOf returns the labels of a noun's fields by their paths. A test compares them with the pages.
func labelsOf(one string) map[string]string {
	labels := map[string]string{}
	for _, f := range fieldsOf(one) {
		labels[f.path] = f.label
	}
	return labels
}

// fieldsOf returns the fields of a noun's form, in order.
func fieldsOf(one string) []labelled {
	return append([]labelled{{"name", "Name"}, {"id", "ID"}}, formOf(one).fields...)
}

var (
	stepPath = regexp.MustCompile(`^root((?:\.steps\[\d+\])*)(?:\.(\w+))?`)
	indexes  = regexp.MustCompile(`\d+`)
)

// stepLabel says "Step 1.2, agent or flow" for "root.steps[0].steps[1].agentId"; empty for other paths.
func stepLabel(path string) string {
	m := stepPath.FindStringSubmatch(path)
	if m == nil {
		return ""
	}
	var numbers []string
	for _, index := range indexes.FindAllString(m[1], -1) {
		n, _ := strconv.Atoi(index) // digits
		numbers = append(numbers, strconv.Itoa(n+1))
	}
	step := "The flow"
	if len(numbers) > 0 {
		step = "Step " + strings.Join(numbers, ".")
	}
	if m[2] == "" {
		return step
	}
	return fmt.Sprintf("%s, %s", step, stepFieldLabel(m[2]))
}

// stepFieldLabel is the label of a step's field within a sentence.
func stepFieldLabel(field string) string {
	names := map[string]string{
		"type":          "type",
		"agentId":       "agent or flow",
		"prompt":        "prompt",
		"outputKey":     "output name",
		"maxIterations": "max rounds",
		"until":         "until",
		"onError":       "continue if this step fails",
		"steps":         "steps",
		"events":        "event names",
		"responseAgent": "use its output as the answer",
	}
	return cmp.Or(names[field], field)
}
