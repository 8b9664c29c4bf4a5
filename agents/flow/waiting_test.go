package flow_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/flow"
)

// asker waits for a person where its prompt says so, and answers else.
type asker struct {
	mu    sync.Mutex
	asked []string
}

func (a *asker) Invoke(_ context.Context, call agents.Call) (agents.Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, call.Prompt)
	if strings.Contains(call.Prompt, "wait") {
		return agents.Result{}, agents.ErrWaiting
	}
	return agents.Result{Output: "ok"}, nil
}

// A flow waits when one of its agents does, whatever onError says, and after what is beside that has finished.
func TestAFlowWaitsForAPerson(t *testing.T) {
	step := func(prompt string) agents.Step {
		return agents.Step{Type: agents.StepAgent, AgentID: "a", Prompt: prompt}
	}
	list := agents.Step{Type: agents.StepForeach, Over: `["x", "wait", "y"]`, OnError: "continue", Steps: []agents.Step{step("{{ .item }}")}}
	for name, test := range map[string]struct {
		root  agents.Step
		asked int
	}{
		"sequential": {agents.Step{Type: agents.StepSequential, Steps: []agents.Step{step("wait"), step("x")}}, 1},
		"parallel":   {agents.Step{Type: agents.StepParallel, OnError: "continue", Steps: []agents.Step{step("wait"), step("x"), step("y")}}, 3},
		"foreach":    {list, 3},
	} {
		t.Run(name, func(t *testing.T) {
			a := &asker{}
			entry := &agents.Entry{ID: "a", Timeout: time.Minute, Invoker: a}
			invoker, wrong := flow.New()(agents.Flow{ID: "f", Root: test.root}, func(string) *agents.Entry { return entry })
			require.Empty(t, wrong)
			_, err := invoker.Invoke(t.Context(), agents.Call{Prompt: "p"})
			require.ErrorIs(t, err, agents.ErrWaiting)
			require.Len(t, a.asked, test.asked)
		})
	}
}
