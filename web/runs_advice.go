package web

import (
	"context"
	"fmt"
	"slices"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/problem"
	"beckon/runs"
)

// advice is what to do about a run that has failed.
type advice struct {
	Steps []string
	Links []link
}

type link struct{ Address, Title string }

// failureAdvice says what to do about a failure, and which pages it leads to.
type failureAdvice struct {
	steps           []string
	agent, provider bool
}

// adviceByCode is about the codes that runs fail with.
var adviceByCode = map[string]failureAdvice{
	problem.CodeProviderUnauthorized: {
		[]string{"Test the connection on the provider's page. When it is refused there as well, enter a new API key."}, false, true,
	},
	problem.CodeProviderRateLimited: {
		[]string{"Wait a while, then run it again. If it happens often, raise the limits with the provider, " +
			"or limit the client's own rate."}, false, true,
	},
	problem.CodeProviderQuota: {
		[]string{"Raise the limit with the provider, or pay its bill. Until then a fallback on the agent can answer in its place."},
		true, true,
	},
	problem.CodeModelNotFound: {
		[]string{"Choose one of the models that the provider has: the agent's page lists them."}, true, true,
	},
	problem.CodeParameterRejected: {
		[]string{"Remove the parameter from the agent's or provider's settings, or change it. The attempt in the timeline shows what the " +
			"provider said."}, true, true,
	},
	problem.CodeContextTooLong: {
		[]string{"Ask with less text, lower the agent's maxTokens, or choose a model with a larger context."}, true, false,
	},
	problem.CodeOutputInvalid: {
		[]string{"Say more clearly in the agent's instructions what is wanted, give it an example, or loosen its schema."}, true, false,
	},
	problem.CodeArtifactUnavailable: {
		[]string{"The message says which host did not give the file, and why. A private address has to be listed in egress.allowPrivate."},
		true, false,
	},
	problem.CodeNoSound: {
		[]string{"Name an artifact in the input, or put a step that makes a sound in front of this agent."}, true, false,
	},
	problem.CodeJobFailed: {
		[]string{"The attempt in the timeline shows what the API said about the job. " +
			"Change the input or the agent's request, then run it again."}, true, false,
	},
	problem.CodeProviderRejected: {
		[]string{
			"Compare the agent's model with those that the provider has: the test of its connection lists them.",
			"If the model is right, check the agent's other settings. The attempt in the timeline shows what the provider said.",
		}, true, true,
	},
	problem.CodeProviderError: {
		[]string{
			"Run it again: most of these pass.",
			"If it keeps failing, test the connection on the provider's page. The attempt in the timeline shows what the provider said.",
		}, false, true,
	},
	problem.CodeProviderInvalidResponse: {
		[]string{"Check the provider's URL: it is the base, such as https://api.openai.com/v1, without /chat/completions, and its type. " +
			"Then test the connection."}, false, true,
	},
	problem.CodeProviderUnreachable: {
		[]string{"Test the connection on the provider's page. When it fails there too, check the URL, that the server is running, " +
			"and the firewalls in between."}, false, true,
	},
	problem.CodeProviderTimeout: {
		[]string{"Test the connection on the provider's page. When that is quick, the model takes long for its answers: " +
			"raise the provider's timeout per attempt, or ask for less."}, false, true,
	},
	problem.CodeCompletionRefused: {[]string{"Reword the prompt, or the agent's system prompt. Another model may answer."}, true, false},
	problem.CodeCompletionTruncated: {
		[]string{"Raise the agent's maxTokens, or ask for a shorter answer. Models that think before they write use tokens for that, too."},
		true, false,
	},
	problem.CodeCompletionEmpty: {
		[]string{"Run it again. When it stays empty, try another model, or say in the system prompt that it should answer with text."},
		true, false,
	},
	problem.CodeAgentTimeout: {
		[]string{
			"Raise the timeout of the agent or flow, or ask for less.",
			"When it is usually quick, the provider was slow: the timeline shows how long each step took.",
		}, true, true,
	},
	problem.CodeAgentUnavailable: {
		[]string{"The agent's page says what is wrong with its configuration. Fix it, then run it again."}, true, false,
	},
	problem.CodePromptTemplateFailed: {
		[]string{"The message above says where. Correct the prompt of that step on the flow's page; " +
			"an output that may be missing needs a default."}, false, false,
	},
	problem.CodeToolLimit: {
		[]string{"The model called tools again and again. Say in the agent's instructions when to stop, " +
			"or give it a model that is better with tools."}, true, false,
	},
	problem.CodeFlowNoAnswer: {
		[]string{"Mark the step that gives the answer as the flow's answer, and look in the timeline for steps that did not complete."},
		false, false,
	},
	problem.CodeFlowExpressionFailed: {
		[]string{"The message names the step and its expression. Ask with has() for what may not be there, " +
			"or look at what the steps before it have answered."}, false, false,
	},
	problem.CodeFlowStateTooLarge: {
		[]string{"Have the flow's agents keep less: shorter answers, or fewer rounds of a loop."}, false, false,
	},
	problem.CodeFlowOutputTooLarge: {
		[]string{"Have the flow's agents write less: shorter answers, or fewer rounds of a loop."}, false, false,
	},
	problem.CodeArtifactTooLarge: {
		[]string{"Ask for a smaller file: fewer pixels, a shorter text to speak. Or raise artifacts.maxBytes."}, true, false,
	},
	problem.CodeArtifactsUnavailable: {
		[]string{"Look at the log, and at the folder or bucket that artifacts.url names: its free space, " +
			"and whether Beckon may write there. Then run it again."}, false, false,
	},
	problem.CodeInterrupted: {
		[]string{
			"Run it again: Beckon was stopped, or its process ended, while the agent was working. " +
				"Where the agent has tools that may change something, look at their calls on the timeline first.",
			"Beckon retries such a run by itself, at most twice, where all tools of its agents only read, " +
				"or where the agent or flow says retryOnCrash: true.",
		}, true, false,
	},
	problem.CodeContentUnreadable: {
		[]string{"Set server.secretsKey to the key that the run was accepted under, and have the call sent again: " +
			"what was sealed for its work does not open with this one."}, false, false,
	},
	problem.CodeBudgetExhausted: {
		[]string{"Raise the budget, if it is to pay for more: the page of the client or agent, or Settings, shows what is used and left. " +
			"Lower maxTokens, or send less, so that one request costs less."}, false, false,
	},
	problem.CodeNoPrice: {
		[]string{"Give the model a price in prices of the configuration file; 0 for one that costs nothing. " +
			"Or let the budget count tokens, as in {tokens: 200000}."}, false, false,
	},
	problem.CodeMemoryFull: {
		[]string{"Run it again. There was no memory for the answer for half a minute: raise server.maxMemory if it happens often, " +
			"or have clients and agents write less."}, false, false,
	},
	problem.CodeShuttingDown:       {[]string{"Run it again: Beckon was being stopped."}, false, false},
	problem.CodeStorageUnavailable: {[]string{"Look at the disk's free space and at the log, then run it again."}, false, false},
}

// adviseOnRun says what to do about a run that has failed; there is none on others.
func (w *Web) adviseOnRun(ctx context.Context, run *runs.Run) (advice, error) {
	if run.Status != runs.Failed || run.Error == nil {
		return advice{}, nil
	}
	of, ok := adviceByCode[run.Error.Code]
	if !ok {
		of = failureAdvice{[]string{"The message above says why. If it is not enough, look for the run's id in the log."}, true, false}
	}
	shown := advice{Steps: slices.Clone(of.steps)}
	if run.IsFlow {
		err := addLink(ctx, &shown, resources[agents.Flow](w), run.WorkflowID, "/admin/flows", "Flow")
		if err != nil {
			return shown, err
		}
	}
	return shown, w.addAgentLinks(ctx, &shown, of, failedAgent(run))
}

// addAgentLinks adds the pages of an agent and of its provider, as far as there are any.
func (w *Web) addAgentLinks(ctx context.Context, shown *advice, of failureAdvice, agentID string) error {
	if agentID == "" || !of.agent && !of.provider {
		return nil
	}
	record, err := resources[agents.Agent](w).Get(ctx, agentID)
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if of.agent {
		shown.Links = append(shown.Links, link{addressOf("/admin/agents", agentID), "Agent " + agentID})
	}
	if !of.provider {
		return nil
	}
	n := len(shown.Links)
	err = addLink(ctx, shown, resources[agents.Provider](w), record.Item.Provider, "/admin/providers", "Provider")
	if len(shown.Links) > n {
		shown.Links[n].Address += "#found" // the test of its connection
	}
	return err
}

// addLink adds the page of something that there is.
func addLink[T catalog.Resource](ctx context.Context, shown *advice, kept catalog.Section[T], id, path, kind string) error {
	_, err := kept.Get(ctx, id)
	if problem.Is(err, problem.NotFound) {
		return nil
	}
	if err == nil {
		shown.Links = append(shown.Links, link{addressOf(path, id), fmt.Sprintf("%s %s", kind, id)})
	}
	return err
}

// failedAgent is the one that the failure of a run comes from, where that is known.
func failedAgent(run *runs.Run) string {
	if !run.IsFlow {
		return run.WorkflowID
	}
	for _, n := range slices.Backward(run.Nodes) {
		if n.Status == agents.NodeFailed {
			return n.Type
		}
	}
	return ""
}
