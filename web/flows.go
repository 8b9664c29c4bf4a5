package web

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// flowFields are the fields of the form, in its order.
var flowFields = []labelled{
	{"prompt", "Default prompt"},
	{"timeout", "Timeout"},
	{"retryOnCrash", "Retry after a crash"},
	{"gate", "Gate"},
	{"events", "Event names"},
	{"yaml", "The flow"},
}

// flowForm is a flow as its form has it.
type flowForm struct {
	ID, Name, Timeout string
	Prompt            string
	RetryOnCrash      string // yes, no, or empty for the default
	Aliases           []alias
	Root              stepForm
	Share             bool
	Gate              string
	TooLarge          bool // for a form; it is edited as YAML
}

// flowPages are those of the flows: each is drawn as boxes, and edited as a form or as YAML.
func (w *Web) flowPages() []page {
	form := nounPages[agents.Flow, flowForm]{
		form: formOf("flows"), web: w,
		newItem: w.blankFlow, formFor: flowFormOf, read: readFlow, choices: w.invocables, onButton: editFlow, listNote: agentsOf, invocable: true,
	}
	text := nounPages[agents.Flow, flowText]{
		form: form.form, web: w, template: "flow-yaml", suffix: "/yaml",
		newItem: w.sampleFlow, formFor: w.flowTextOf, read: w.readFlowText, arrangeErrors: w.explainFlow, onButton: summarizeMistakes,
	}
	form.switchPage, text.switchPage = w.switchToYAML(text), w.switchToForm(form)
	return append(form.pages(), text.formPages()...)
}

// blankFlow asks one agent: the only one, where there is no choice.
func (w *Web) blankFlow(ctx context.Context, asked url.Values) (agents.Flow, error) {
	ids, err := w.invocables(ctx)
	agent := asked.Get("agentId")
	if len(ids) == 1 && agent == "" {
		agent = ids[0]
	}
	return agents.Flow{Root: agents.Step{Type: agents.StepSequential, Steps: []agents.Step{{Type: agents.StepAgent, AgentID: agent}}}}, err
}

func flowFormOf(f agents.Flow) flowForm {
	form := flowForm{ID: f.ID, Name: f.Name, Prompt: f.Prompt, Timeout: writeDuration(f.Timeout), RetryOnCrash: writeYesNo(f.RetryOnCrash), Share: f.Share, Gate: f.Gate, Aliases: aliasesOf(f.Events, "events", runEvents),
		Root: stepFormOf(f.Root)}
	form.Root.place("root")
	form.TooLarge = form.Root.count() > maxFormSteps
	return form
}

func readFlow(sent url.Values, _ agents.Flow) (flowForm, agents.Flow, problem.Fields) {
	var wrong problem.Fields
	f := flowForm{ID: trimmed(sent, "id"), Name: trimmed(sent, "name"), Prompt: sent.Get("prompt"), Timeout: trimmed(sent, "timeout"), RetryOnCrash: trimmed(sent, "retryOnCrash"), Share: sent.Has("share"), Gate: trimmed(sent, "gate")}
	left := maxFormSteps
	if f.Root = readStep(sent, "root", &left); left < 0 {
		wrong.Add("root", "has more than %d steps, which are too many for a form: edit it as YAML", maxFormSteps)
	}
	f.Root.place("root")
	flow := agents.Flow{ID: f.ID, Name: catalog.OmitDefault(f.Name, f.ID), Prompt: f.Prompt, Timeout: typedDuration(&wrong, "timeout", f.Timeout), RetryOnCrash: typedYesNo(&wrong, "retryOnCrash", f.RetryOnCrash),
		Share: f.Share, Gate: f.Gate, Events: aliasesIn(sent, "events", runEvents), Root: f.Root.step(&wrong)}
	f.Aliases = aliasesOf(flow.Events, "events", runEvents)
	return f, flow, wrong
}

// editFlow changes the steps as a button says: "add root", "up root.steps[1]". Whatever else it says only draws the form
// again.
func editFlow(_ context.Context, do string, f *nounForm[flowForm], _, _ agents.Flow) error {
	what, path, _ := strings.Cut(do, " ")
	root := &f.Form.Root
	switch what {
	case "add":
		if at := root.at(path); at != nil && root.count() < maxFormSteps {
			at.Steps = append(at.Steps, stepForm{Type: agents.StepAgent})
		}
	case "otherwise":
		if at := root.at(path); at != nil && at.Otherwise == nil && root.count() < maxFormSteps {
			at.Otherwise = &stepForm{Type: agents.StepAgent}
		}
	case "remove":
		root.remove(path)
	case "up":
		root.move(path, -1)
	case "down":
		root.move(path, 1)
	}
	root.place("root")
	return nil
}

// agentsOf names what a flow asks, each once, in the order of the steps.
func agentsOf(f agents.Flow) string {
	var ids []string
	var walk func(s agents.Step)
	walk = func(s agents.Step) {
		if s.AgentID != "" && !slices.Contains(ids, s.AgentID) {
			ids = append(ids, s.AgentID)
		}
		for _, child := range s.Within("") {
			walk(child)
		}
	}
	walk(f.Root)
	return strings.Join(ids, ", ")
}
