package web

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"beckon/internal/problem"
)

// labelled is a field and what is called beside it.
type labelled struct{ path, label string }

// Label is what a field is called beside it, by the path that its mistakes have: "How long a call waits for its answer"
// for "syncTimeout". A path that no field has is its own label.
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

// said is what is wrong with a field, where only one line is for it.
func said(one string, wrong problem.Field) string {
	if wrong.Path == "" {
		return wrong.Message
	}
	return labelOf(one, wrong.Path) + ": " + wrong.Message
}

// labelsOf are those of the fields of one noun. A test compares them with the pages.
func labelsOf(one string) map[string]string {
	labels := map[string]string{}
	for _, f := range fieldsOf(one) {
		labels[f.path] = f.label
	}
	return labels
}

// fieldsOf are those of one noun that can be wrong, in the order of its form.
func fieldsOf(one string) []labelled {
	identity := []labelled{{"id", "Id"}, {"name", "Name"}}
	switch one {
	case "provider":
		return append(identity, []labelled{{"type", "Type"}, {"url", "URL"}, {"apiKey", "API key"}, {"headers", "Headers"}, {"timeout", "Time for one attempt"},
			{"maxRetries", "Attempts after the first"}, {"stream", "Streams"}, {"reasoning", "Thoughts in the answer"}, {"params", "Parameters"}, {"template", "Template"}}...)
	case "agent":
		return append(identity, []labelled{{"provider", "Provider"}, {"model", "Model"}, {"systemPrompt", "Instructions"}, {"temperature", "Temperature"},
			{"maxTokens", "Most tokens of an answer"}, {"params", "Parameters"}, {"fallbacks", "Fallbacks"}, {"output", "What the answer has to be"}, {"timeout", "Time"}, {"retryOnCrash", "Run it again after a crash"}, {"outputKey", "Name of its output"}, {"events", "Names of its events"}}...)
	case "command":
		return append(identity, []labelled{{"description", "What it is for"}, {"prompt", "Prompt"}, {"agentId", "Agent or flow"}}...)
	case "flow":
		return append(identity, []labelled{{"timeout", "Time"}, {"retryOnCrash", "Run it again after a crash"}, {"events", "Names of its events"}, {"yaml", "The flow"}}...)
	case "client":
		return append(identity, []labelled{{"kind", "Where the prompt comes from"}, {"template", "Template"}, {"commandId", "Command"},
			{"allowedAgents", "Which agents and flows may answer"}, {"syncTimeout", "How long a call waits for its answer"}, {"maxBodyBytes", "Largest request"},
			{"maxConcurrent", "Calls at the same time"}, {"rateLimit", "Rate limit"}, {"webhookSecret", "Secret for callbacks"}}...)
	case "endpoint":
		return append(identity, []labelled{{"url", "URL"}, {"events", "Events"}, {"otherEvents", "Other events"}, {"agents", "Agents and flows"}, {"clients", "Clients"},
			{"format", "What an event looks like"}, {"template", "Template"}, {"headers", "Headers"}, {"signature", "Signature"}, {"vendor", "Vendor"}, {"secret", "Secret"},
			{"retry", "When to try again"}, {"waits", "My own waits"}, {"timeout", "Time for an answer"}, {"rateLimit", "Most attempts in a second"},
			{"since", "Everything that was made since"}}...)
	}
	return nil
}

var (
	stepPath = regexp.MustCompile(`^root((?:\.steps\[\d+\])*)(?:\.(\w+))?`)
	indexes  = regexp.MustCompile(`\d+`)
)

// stepLabel says "Step 1.2, agent or flow" for "root.steps[0].steps[1].agentId"; nothing for what is no step's.
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
	names := map[string]string{"type": "what it does", "agentId": "agent or flow", "prompt": "prompt", "outputKey": "name of its output", "maxIterations": "how often at most",
		"until": "until", "onError": "go on when it fails", "steps": "steps", "events": "names of its events", "responseAgent": "its output is the flow's answer"}
	return fmt.Sprintf("%s, %s", step, cmp.Or(names[m[2]], m[2]))
}
