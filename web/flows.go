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
	{"yaml", "YAML"},
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
	Events            map[string]string
	Chosen            string // the path of the step whose fields are shown
	YAML              flowYAML
}

// flowPages are those of the flows: each is drawn as boxes, and edited as a form or as YAML.
func (w *Web) flowPages() []page {
	form := nounPages[agents.Flow, flowForm]{
		form:      formOf("flows"),
		web:       w,
		newItem:   w.blankFlow,
		formFor:   flowFormOf,
		read:      w.readFlow,
		choices:   w.invocables,
		onButton:  editFlow,
		screen:    w.flowScreen,
		listNote:  agentsOf,
		invocable: true,
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
	form := flowForm{
		ID:           f.ID,
		Name:         f.Name,
		Prompt:       f.Prompt,
		Timeout:      writeDuration(f.Timeout),
		RetryOnCrash: writeYesNo(f.RetryOnCrash),
		Share:        f.Share,
		Gate:         f.Gate,
		Events:       f.Events,
		Aliases:      aliasesOf(f.Events, "events", runEvents),
		Root:         stepFormOf(f.Root),
	}
	form.Root.place("root")
	form.TooLarge = form.Root.count() > maxFormSteps
	return form
}

// readFlow reads the form. The YAML beside it counts where somebody has changed that since it was drawn.
func (w *Web) readFlow(sent url.Values, have agents.Flow) (flowForm, agents.Flow, problem.Fields) {
	var wrong problem.Fields
	f := flowForm{
		ID:           trimmed(sent, "id"),
		Name:         trimmed(sent, "name"),
		Prompt:       sent.Get("prompt"),
		Timeout:      trimmed(sent, "timeout"),
		RetryOnCrash: trimmed(sent, "retryOnCrash"),
		Share:        sent.Has("share"),
		Gate:         trimmed(sent, "gate"),
		Events:       aliasesIn(sent, "events", runEvents),
		Chosen:       trimmed(sent, "step"),
	}
	left := maxFormSteps
	if f.Root = readStep(sent, "root", &left); left < 0 {
		wrong.Add("root", "has more than %d steps, which are too many for a form: edit it as YAML", maxFormSteps)
	}
	f.Root.place("root")
	f.Aliases = aliasesOf(f.Events, "events", runEvents)
	if sent.Has("yaml") && digest(sent.Get("yaml")) != sent.Get("yamlWas") {
		return w.readFlowBeside(sent, have, f)
	}
	flow := f.flow(&wrong)
	return f, flow, wrong
}

// flow is what the form says.
func (f flowForm) flow(wrong *problem.Fields) agents.Flow {
	return agents.Flow{
		ID:           f.ID,
		Name:         catalog.OmitDefault(f.Name, f.ID),
		Prompt:       f.Prompt,
		Timeout:      typedDuration(wrong, "timeout", f.Timeout),
		RetryOnCrash: typedYesNo(wrong, "retryOnCrash", f.RetryOnCrash),
		Share:        f.Share,
		Gate:         f.Gate,
		Events:       f.Events,
		Root:         f.Root.step(wrong),
	}
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
