package web

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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

// mistake is what is wrong with a field, as a sentence that begins with its label.
type mistake struct {
	Path, Label string // empty for what no field is about
	Text        string // what follows the label: " is required", ": there is no model x"
}

// Mistake returns an error of the form as a sentence.
func (f nounForm[F]) Mistake(wrong problem.Field) mistake { return mistakeOf(f.One, wrong) }

func mistakeOf(one string, wrong problem.Field) mistake {
	if wrong.Path == "" {
		return mistake{Text: capitalized(wrong.Message)}
	}
	label := labelOf(one, wrong.Path)
	return mistake{wrong.Path, label, afterLabel(label, wrong.Message)}
}

// fieldSentence returns the error of a field in one line, with the label of the field.
func fieldSentence(one string, wrong problem.Field) string {
	m := mistakeOf(one, wrong)
	return m.Label + m.Text
}

// predicate is the beginning of a message that continues a sentence: its subject is the field.
var predicate = regexp.MustCompile(`^(is|are|was|has|have|must|cannot|can|does|do|may|` +
	`needs|names|makes|takes|sets|nests|means|lists|belongs|holds|answers) `)

// plurals are the words that change after the label of several things.
var plurals = strings.NewReplacer("is ", "are ", "has ", "have ", "does ", "do ",
	"needs ", "need ", "names ", "name ", "makes ", "make ", "takes ", "take ")

// ofProvider is left out on a page, where a provider is chosen and not typed.
const ofProvider = ": the id of a provider"

// afterLabel makes a sentence of a label and a message. A message that is a sentence of its own follows a colon.
func afterLabel(label, message string) string {
	message = strings.TrimSuffix(message, ofProvider)
	verb := predicate.FindString(message + " ")
	if verb == "" {
		return ": " + message
	}
	rest := strings.TrimPrefix(message+" ", verb)
	if isPlural(label) {
		verb = plurals.Replace(verb)
	}
	return strings.TrimSuffix(" "+verb+rest, " ")
}

// isPlural reports whether a label names several things: "Headers" does, "Max concurrent calls" is a number.
func isPlural(label string) bool {
	if strings.HasPrefix(label, "Max ") || strings.Contains(label, " when ") || strings.Contains(label, ",") {
		return false
	}
	return strings.HasSuffix(label, "s") && !strings.HasSuffix(label, "ss")
}

// besideField is a message as it stands below its field, which needs no subject.
func besideField(message string) string {
	message = strings.TrimSuffix(message, ofProvider)
	if rest, ok := strings.CutPrefix(message, "is required"); ok {
		return "Required" + rest
	}
	return capitalized(message)
}

func capitalized(text string) string {
	if text == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
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
