package agents

import (
	"fmt"
	"time"

	"beckon/internal/problem"
	"beckon/internal/spend"
	"beckon/internal/units"
)

// DefaultTimeout is how long an agent or a flow may take unless it says otherwise.
const DefaultTimeout = 5 * time.Minute

// maxFallbacks bounds how many providers may answer for one agent.
const maxFallbacks = 8

// Fallback is another provider, and its model, that answers for an agent. Without a model it is asked for the agent's.
type Fallback struct {
	Provider string `json:"provider" yaml:"provider"`
	Model    string `json:"model,omitempty" yaml:"model,omitempty"`
}

// fallbackPath returns the path of the i-th fallback in the agent's document.
func fallbackPath(i int) string { return fmt.Sprintf("fallbacks[%d]", i) }

// Agent is one model with its instructions, or something else that answers: see Kind.
type Agent struct {
	ID   string `json:"id" yaml:"id"`
	Name string `json:"name,omitempty" yaml:"name,omitempty"`
	// one of Kinds; chat
	Kind string `json:"kind,omitempty" yaml:"kind,omitempty"`
	// none for kind http
	Provider     string `json:"provider,omitempty" yaml:"provider,omitempty"`
	Model        string `json:"model,omitempty" yaml:"model,omitempty"`
	SystemPrompt string `json:"systemPrompt,omitempty" yaml:"systemPrompt,omitempty"`
	// what it does when a call brings no prompt
	Prompt string `json:"prompt,omitempty" yaml:"prompt,omitempty"`
	// 0 to 2; nil leaves it to the provider
	Temperature *float64 `json:"temperature,omitempty" yaml:"temperature,omitempty"`
	// of the answer; 0 leaves it to the provider
	MaxTokens int `json:"maxTokens,omitempty" yaml:"maxTokens,omitempty"`
	// members of the request, over those of the provider
	Params Object `json:"params,omitempty" yaml:"params,omitempty"`
	// for the whole invocation, retries included; 5m
	Timeout units.Duration `json:"timeout,omitempty" yaml:"timeout,omitempty"`
	// names its output within a flow
	OutputKey string `json:"outputKey,omitempty" yaml:"outputKey,omitempty"`
	// false: a run that a crash interrupts fails; true
	RetryOnCrash *bool `json:"retryOnCrash,omitempty" yaml:"retryOnCrash,omitempty"`
	// false: a flow offers it none of its tools, for models that know none; true
	FlowTools *bool `json:"flowTools,omitempty" yaml:"flowTools,omitempty"`
	// its runs have pages for recipients
	Share bool `json:"share,omitempty" yaml:"share,omitempty"`
	// of its requests to models; nil is none
	Budget *spend.Budget `json:"budget,omitempty" yaml:"budget,omitempty"`
	// Skills are the names of those that it may load while it works; see Factories.
	Skills []string `json:"skills,omitempty" yaml:"skills,omitempty"`
	// Fallbacks answer in its place, in order, when its provider does not.
	Fallbacks []Fallback `json:"fallbacks,omitempty" yaml:"fallbacks,omitempty"`
	// what its answer has to be, or where it is; nil is any text
	Output *Output `json:"output,omitempty" yaml:"output,omitempty"`
	// what is sent; of kind image and speech nil is the default
	Request *Request `json:"request,omitempty" yaml:"request,omitempty"`
	// of kind http, where the answer comes later
	Poll *Poll `json:"poll,omitempty" yaml:"poll,omitempty"`
	// of kind http
	Cancel *Cancel `json:"cancel,omitempty" yaml:"cancel,omitempty"`
	// of kind http: CEL over answer, to the URLs of its files
	Artifacts string `json:"artifacts,omitempty" yaml:"artifacts,omitempty"`
	// Tools are what it may use, where the client of the run allows them too: "docs.search", "docs.*". Empty is none.
	Tools []string `json:"tools,omitempty" yaml:"tools,omitempty"`
	// the tools of which a person has to allow each call
	Approve []string `json:"approve,omitempty" yaml:"approve,omitempty"`
	// how long a call waits for that; 24h
	ApproveWithin units.Duration `json:"approveWithin,omitempty" yaml:"approveWithin,omitempty"`
	// how often its model is asked in one turn; 20
	MaxSteps int `json:"maxSteps,omitempty" yaml:"maxSteps,omitempty"`
	// it takes part in conversations; nil knows each call alone
	Session *Session `json:"session,omitempty" yaml:"session,omitempty"`
	// Events renames its events as they go out: run.completed to lead.completed.
	Events map[string]string `json:"events,omitempty" yaml:"events,omitempty"`

	isFallback    bool
	hadFormerKeys bool // it was read from a document of 0.1
}

// IsFallback reports whether this is a copy of the agent for a fallback provider. Parameters that only make sense
// for the model of the first provider are left out of it.
func (a Agent) IsFallback() bool { return a.isFallback }

// Key returns the id.
func (a Agent) Key() string { return a.ID }

// RetriesOnCrash reports whether a run that a crash of the gateway interrupts is run again. Where the configuration
// does not say, it is true until an agent begins whose tools may change something; see Entry.RetryIsSet.
func (a Agent) RetriesOnCrash() bool { return retriesOnCrash(a.RetryOnCrash) }

func retriesOnCrash(set *bool) bool { return set == nil || *set }

// TakesFlowTools reports whether a flow offers its tools to the agent.
func (a Agent) TakesFlowTools() bool { return a.FlowTools == nil || *a.FlowTools }

// FormerKey implements catalog.Former: in 0.1 tools was what flowTools is now, a boolean.
func (a *Agent) FormerKey(key string, isBoolean bool) (now string) {
	if key != "tools" || !isBoolean {
		return key
	}
	a.hadFormerKeys = true
	return "flowTools"
}

// cautions says what should be changed about the agent although it can be used.
func (a Agent) cautions() (found problem.Fields) {
	if a.hadFormerKeys {
		found.Add("tools",
			"lists the tools that the agent may use; true or false is called flowTools now, "+
				"and is read as that. Rename it")
	}
	return found
}

// Check returns the mistakes in the agent, without looking at other resources.
func (a Agent) Check() (found problem.Fields) {
	found = a.checkKind()
	if a.Temperature != nil && (*a.Temperature < 0 || *a.Temperature > 2) {
		found.Add("temperature", "must be between 0 and 2")
	}
	if a.MaxTokens < 0 {
		found.Add("maxTokens", "must not be negative")
	}
	for i, f := range a.Fallbacks {
		if f.Provider == "" {
			found.Add(fallbackPath(i)+".provider", "is required: the id of a provider")
		}
	}
	if len(a.Fallbacks) > maxFallbacks {
		found.Add("fallbacks", "has %d providers; %d are allowed", len(a.Fallbacks), maxFallbacks)
	}
	found.Under("budget", a.Budget.Check())
	found.Under("session", a.Session.check())
	if a.Output != nil {
		found.Under("output", a.Output.check())
	}
	found = append(found, a.checkTools()...)
	found.Under("params", checkParams(a.Params))
	found.Under("events", checkEvents(a.Events, agentEvents, agentWildcards))
	return found
}
