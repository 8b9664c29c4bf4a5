package agents_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/problem"
)

// speaker is a provider that the test speaks for.
type speaker func(ctx context.Context, call agents.Call) (agents.Result, error)

func (s speaker) Invoke(ctx context.Context, call agents.Call) (agents.Result, error) {
	return s(ctx, call)
}

// local is one that needs no network.
type local struct{ speaker }

func (local) IsLocal() bool { return true }

// cast makes agents of speakers, by their providers' ids.
type cast struct {
	t        *testing.T
	how      agents.Factories
	speakers map[string]agents.Invoker
	seen     []agents.Agent
}

func newCast(t *testing.T, speakers map[string]agents.Invoker) *cast {
	c := &cast{t: t, speakers: speakers}
	c.how = agents.Factories{Breakers: agents.NewBreakersAfter(time.Hour), Providers: map[string]agents.Factory{
		"spoken": func(p agents.Provider, a agents.Agent) (agents.Invoker, problem.Fields) {
			c.seen = append(c.seen, a)
			return c.speakers[p.ID], nil
		}}}
	return c
}

// agent is one on the first provider, with the others as its fallbacks.
func (c *cast) agent(change func(*agents.Agent), providers ...string) agents.Invoker {
	c.t.Helper()
	a := agents.Agent{ID: "a", Provider: providers[0], Model: "m"}
	list := []agents.Provider{{ID: providers[0], Type: "spoken"}}
	for _, id := range providers[1:] {
		list = append(list, agents.Provider{ID: id, Type: "spoken"})
		a.Fallbacks = append(a.Fallbacks, agents.Fallback{Provider: id})
	}
	if change != nil {
		change(&a)
	}
	set, found := agents.NewSet(c.how, list, []agents.Agent{a}, nil)
	require.Empty(c.t, found)
	c.how.Breakers.Use(set)
	return set.Get("a").Invoker
}

func says(text string) speaker {
	return func(context.Context, agents.Call) (agents.Result, error) {
		return agents.Result{Output: text, Usage: agents.Usage{TotalTokens: 1}}, nil
	}
}

func fails(code string) speaker {
	return func(context.Context, agents.Call) (agents.Result, error) {
		return agents.Result{Usage: agents.Usage{TotalTokens: 10}}, problem.New(problem.Upstream, code, "It failed.")
	}
}

func outcome(result agents.Result, err error) string {
	text := result.By.Provider + " " + result.Output
	if err != nil {
		text = result.By.Provider + " " + problem.Of(err).Code
	}
	if result.By.Degraded {
		text += " degraded"
	}
	for _, a := range result.By.Attempts {
		code := "ok"
		if a.Error != nil {
			code = a.Error.Code
		}
		text += fmt.Sprintf(" [%s %s]", a.Provider, code)
	}
	return text
}

func TestFallbacks(t *testing.T) {
	own := errors.New("the program's own mistake")
	for _, c := range []struct {
		name  string
		first speaker
		rest  []agents.Invoker
		want  string
		usage int
	}{
		{"the first answers", says("yes"), []agents.Invoker{says("no")}, "p0 yes", 1},
		{"the second answers", fails("provider_error"), []agents.Invoker{says("yes")}, "p1 yes degraded [p0 provider_error] [p1 ok]", 11},
		{"an answer that is none", fails("completion_refused"), []agents.Invoker{says("yes")}, "p1 yes degraded [p0 completion_refused] [p1 ok]", 11},
		{"the last one fails too", fails("provider_error"), []agents.Invoker{fails("provider_quota")}, "p1 provider_quota [p0 provider_error] [p1 provider_quota]", 20},
		{"the last one needs no network", fails("provider_error"), []agents.Invoker{fails("provider_timeout"), local{says("later")}},
			"p2 later degraded [p0 provider_error] [p1 provider_timeout] [p2 ok]", 21},
		{"no fallback", fails("provider_error"), nil, "p0 provider_error [p0 provider_error]", 10},
		{"the settings are wrong", fails("prompt_template_failed"), []agents.Invoker{says("no")}, "p0 prompt_template_failed [p0 prompt_template_failed]", 10},
		{"something else is wrong", func(context.Context, agents.Call) (agents.Result, error) { return agents.Result{}, own }, []agents.Invoker{says("no")},
			"p0 internal_error [p0 internal_error]", 0},
		{"somebody has read a part of it", func(ctx context.Context, call agents.Call) (agents.Result, error) {
			call.Text("half")
			return fails("provider_unreachable")(ctx, call)
		}, []agents.Invoker{says("no")}, "p0 provider_unreachable [p0 provider_unreachable]", 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			speakers, names := map[string]agents.Invoker{"p0": c.first}, []string{"p0"}
			for i, s := range c.rest {
				id := fmt.Sprintf("p%d", i+1)
				speakers[id], names = s, append(names, id)
			}
			result, err := newCast(t, speakers).agent(nil, names...).Invoke(t.Context(), agents.Call{Text: func(string) {}})
			require.Equal(t, c.want, outcome(result, err))
			require.Equal(t, c.usage, result.Usage.TotalTokens)
		})
	}
}

func TestAFallbackHasItsModel(t *testing.T) {
	c := newCast(t, map[string]agents.Invoker{"p0": fails("provider_error"), "p1": says("yes"), "p2": local{says("no")}})
	result, err := c.agent(func(a *agents.Agent) { a.Fallbacks[0].Model = "n" }, "p0", "p1", "p2").Invoke(t.Context(), agents.Call{})
	require.NoError(t, err)
	require.Equal(t, "n", result.By.Model)
	require.Equal(t, []string{"m", "n", "m"}, []string{c.seen[0].Model, c.seen[1].Model, c.seen[2].Model})
	require.Equal(t, []bool{false, true, true}, []bool{c.seen[0].IsFallback(), c.seen[1].IsFallback(), c.seen[2].IsFallback()})
}

// A provider that hangs leaves time for those behind it.
func TestFallbacksShareTheTime(t *testing.T) {
	hangs := speaker(func(ctx context.Context, _ agents.Call) (agents.Result, error) {
		<-ctx.Done()
		return agents.Result{}, context.Cause(ctx)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	c := newCast(t, map[string]agents.Invoker{"p0": hangs, "p1": hangs, "p2": local{says("later")}})
	result, err := c.agent(nil, "p0", "p1", "p2").Invoke(ctx, agents.Call{})
	require.NoError(t, ctx.Err())
	require.Equal(t, "p2 later degraded [p0 provider_timeout] [p1 provider_timeout] [p2 ok]", outcome(result, err))

	stopped, stop := context.WithCancel(t.Context())
	c = newCast(t, map[string]agents.Invoker{"p0": speaker(func(ctx context.Context, _ agents.Call) (agents.Result, error) {
		stop()
		return agents.Result{}, ctx.Err()
	}), "p1": local{says("no")}})
	_, err = c.agent(nil, "p0", "p1").Invoke(stopped, agents.Call{})
	require.ErrorIs(t, err, context.Canceled, "nobody wants an answer any more")
}

func TestABreakerOpensAndCloses(t *testing.T) {
	var asked atomic.Int64
	var well atomic.Bool
	first := speaker(func(ctx context.Context, call agents.Call) (agents.Result, error) {
		asked.Add(1)
		if well.Load() {
			return says("well")(ctx, call)
		}
		return fails("provider_error")(ctx, call)
	})
	c := newCast(t, map[string]agents.Invoker{"p0": first, "p1": says("instead")})
	c.how.Breakers = agents.NewBreakersAfter(50 * time.Millisecond)
	agent := c.agent(nil, "p0", "p1")
	ask := func() string { return outcome(agent.Invoke(t.Context(), agents.Call{})) }
	for range 5 {
		require.Equal(t, "p1 instead degraded [p0 provider_error] [p1 ok]", ask())
	}
	state := c.how.Breakers.States()[0]
	require.Equal(t, "p0", state.Provider)
	require.NotEqual(t, agents.BreakerClosed, state.State)
	require.Equal(t, "provider_error", state.Code)
	require.Eventually(t, func() bool { return strings.Contains(ask(), "[p0 provider_error]") }, 5*time.Second, time.Millisecond, "it is tried again after a while")

	well.Store(true)
	require.Eventually(t, func() bool { return ask() == "p0 well" }, 5*time.Second, time.Millisecond)
	require.Equal(t, agents.BreakerClosed, c.how.Breakers.States()[0].State)
}

func TestAnOpenBreaker(t *testing.T) {
	var asked atomic.Int64
	first := speaker(func(ctx context.Context, call agents.Call) (agents.Result, error) {
		if asked.Add(1) > 2 {
			return says("well")(ctx, call)
		}
		return fails("provider_quota")(ctx, call)
	})
	c := newCast(t, map[string]agents.Invoker{"p0": first, "p1": says("instead")})
	agent := c.agent(nil, "p0", "p1")
	require.Equal(t, "p1 instead degraded [p0 provider_quota] [p1 ok]", outcome(agent.Invoke(t.Context(), agents.Call{})), "a used-up quota opens it at once")
	require.Equal(t, agents.BreakerOpen, c.how.Breakers.States()[0].State)
	require.WithinDuration(t, time.Now().Add(time.Hour), c.how.Breakers.States()[0].Until, time.Minute)
	require.Equal(t, "p1 instead degraded [p0 provider_skipped] [p1 ok]", outcome(agent.Invoke(t.Context(), agents.Call{})))
	require.EqualValues(t, 1, asked.Load())

	alone := c.agent(nil, "p0") // a breaker never makes a call fail: nobody else could answer
	require.Equal(t, "p0 provider_quota [p0 provider_quota]", outcome(alone.Invoke(t.Context(), agents.Call{})))
	require.Equal(t, "p0 well", outcome(alone.Invoke(t.Context(), agents.Call{})))
	require.Equal(t, []agents.BreakerState{{Provider: "p0", State: agents.BreakerClosed}}, c.how.Breakers.States(), "an answer closes it, and p1 is not in force any more")
}

// What is wrong with a request or an answer says nothing against the provider.
func TestWhatDoesNotOpenABreaker(t *testing.T) {
	for _, code := range []string{"completion_refused", "context_too_long", "provider_rejected", "parameter_rejected", "model_not_found", "output_invalid"} {
		c := newCast(t, map[string]agents.Invoker{"p0": fails(code)})
		agent := c.agent(nil, "p0")
		for range 10 {
			_, err := agent.Invoke(t.Context(), agents.Call{})
			require.Error(t, err)
		}
		require.Equal(t, agents.BreakerClosed, c.how.Breakers.States()[0].State, code)
	}
}

// New settings of a provider are a new start; the same ones keep what is known. What is only tried changes nothing.
func TestBreakersOutliveASet(t *testing.T) {
	c := newCast(t, map[string]agents.Invoker{"p0": fails("provider_quota")})
	_, err := c.agent(nil, "p0").Invoke(t.Context(), agents.Call{})
	require.Error(t, err)
	c.agent(nil, "p0")
	require.Equal(t, agents.BreakerOpen, c.how.Breakers.States()[0].State)
	set, found := agents.NewSet(c.how, []agents.Provider{{ID: "p0", Type: "spoken", APIKey: "new"}}, []agents.Agent{{ID: "a", Provider: "p0"}}, nil)
	require.Empty(t, found)
	require.Equal(t, agents.BreakerOpen, c.how.Breakers.States()[0].State, "that set is not in force")
	c.how.Breakers.Use(set)
	require.Equal(t, agents.BreakerClosed, c.how.Breakers.States()[0].State)
}

func TestAttemptsAreBounded(t *testing.T) {
	many := speaker(func(context.Context, agents.Call) (agents.Result, error) {
		r := agents.Result{}
		for i := range 100 {
			r.By.Attempts = append(r.By.Attempts, agents.Attempt{Status: i, Error: &agents.Failure{Code: "x"}})
		}
		return r, problem.New(problem.Upstream, "x", "x")
	})
	result, _ := newCast(t, map[string]agents.Invoker{"p0": many}).agent(nil, "p0").Invoke(t.Context(), agents.Call{})
	require.Len(t, result.By.Attempts, 32)
	require.Equal(t, 0, result.By.Attempts[0].Status)
	require.Equal(t, 99, result.By.Attempts[31].Status)
}

// A provider that an agent falls back to is one that it refers to.
func TestFallbacksAreReferences(t *testing.T) {
	a := agents.Agent{ID: "a", Provider: "p", Fallbacks: []agents.Fallback{{Provider: "q"}}}
	require.Equal(t, []catalog.Reference{{Path: "provider", To: "providers", ID: "p"}, {Path: "fallbacks[0].provider", To: "providers", ID: "q"}},
		agents.AgentNoun().References(a))
}

func TestFallbacksThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		fallback agents.Fallback
		want     string
	}{
		{agents.Fallback{}, "agents a fallbacks[0].provider: is required: the id of a provider"},
		{agents.Fallback{Provider: "gone"}, `agents a fallbacks[0].provider: there is no usable provider "gone"`},
		{agents.Fallback{Provider: "p", Model: "refused"}, "agents a fallbacks[0].model: is refused"},
		{agents.Fallback{Provider: "bad"}, `agents a fallbacks[0].provider: the provider "bad" cannot be used: its template is refused`},
	} {
		_, found := agents.NewSet(factories(), []agents.Provider{{ID: "p", Type: "echo"}, {ID: "bad", Type: "echo", Template: "refused"}},
			[]agents.Agent{{ID: "a", Provider: "p", Fallbacks: []agents.Fallback{c.fallback}}}, nil)
		require.Len(t, found, 1)
		require.Equal(t, c.want, fmt.Sprintf("%s %s %s: %s", found[0].Section, found[0].ID, found[0].Fields[0].Path, found[0].Fields[0].Message))
	}
}

// The answer of an invoker that knows of no schema is checked too.
func TestOutputOfATemplate(t *testing.T) {
	schema := &agents.Output{Schema: agents.OutputSchema{"type": "object", "required": []any{"ok"}}}
	for answer, want := range map[string]string{`{"ok": true}`: `p0 {"ok": true}`, "no": "p0 output_invalid [p0 output_invalid]", `{"no":1}`: "p0 output_invalid [p0 output_invalid]"} {
		result, err := newCast(t, map[string]agents.Invoker{"p0": local{says(answer)}}).agent(func(a *agents.Agent) { a.Output = schema }, "p0").Invoke(t.Context(), agents.Call{})
		require.Equal(t, want, outcome(result, err))
		require.Equal(t, err == nil, result.By.IsData)
	}
}
