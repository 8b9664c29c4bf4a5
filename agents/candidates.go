package agents

import (
	"fmt"
	"strings"

	"beckon/internal/problem"
)

// Local is an Invoker that may need no network, and next to no time.
type Local interface {
	IsLocal() bool
}

// servedBy returns the agent as a fallback serves it.
func (a Agent) servedBy(f Fallback) Agent {
	a.isFallback, a.Provider = true, f.Provider
	if f.Model != "" {
		a.Model = f.Model
	}
	return a
}

// invoker makes the invoker of an agent with its fallbacks. The mistakes that it finds are those of the agent or of
// its provider.
func (b *builder) invoker(a Agent) (_ Invoker, fields, ofProvider problem.Fields) {
	fields = a.Check()
	if a.Kind == KindHTTP {
		if b.factories.HTTP == nil || len(fields) > 0 {
			return nil, fields, nil
		}
		invoker, fields := b.factories.HTTP(a)
		return invoker, fields, nil
	}
	wrong := checkSkills(a, b.factories.Skills)
	fields = append(fields, wrong...)
	hasSkills := len(a.Skills) > 0 && len(wrong) == 0
	if hasSkills {
		a = a.withSkills(b.factories.Skills)
	}
	c := &chain{agent: a.ID}
	p, ok := b.providers[a.Provider]
	if a.Provider != "" && !ok {
		fields.Add("provider", "there is no usable provider %q", a.Provider)
	}
	if ok {
		c.session = a.Session
		for _, f := range append(b.candidate(c, p, a), b.summarizer(c, p, a)...) {
			if path, ok := strings.CutPrefix(f.Path, "provider."); ok {
				ofProvider = append(ofProvider, problem.Field{Path: path, Message: f.Message})
			} else {
				fields = append(fields, f)
			}
		}
	}
	for i, f := range a.Fallbacks {
		at := fallbackPath(i)
		p, ok := b.providers[f.Provider]
		if f.Provider != "" && !ok {
			fields.Add(at+".provider", "there is no usable provider %q", f.Provider)
		}
		if !ok {
			continue
		}
		for _, wrong := range b.candidate(c, p, a.servedBy(f)) {
			switch {
			case strings.HasPrefix(wrong.Path, "provider."):
				fields.Add(at+".provider", "the provider %q cannot be used: its %s %s",
					f.Provider, strings.TrimPrefix(wrong.Path, "provider."), wrong.Message)
			case wrong.Path == "model", wrong.Path == "provider":
				fields.Add(at+"."+wrong.Path, "%s", wrong.Message)
			}
		}
	}
	if a.Output != nil && len(fields) == 0 {
		c.schema, _ = NewSchema(a.Output.Schema) // it was checked
	}
	if hasSkills {
		return newSkilled(c, a, b.factories.Skills), fields, ofProvider
	}
	return c, fields, ofProvider
}

// summarizer has the agent's own model sum up what no longer fits of its conversations.
func (b *builder) summarizer(c *chain, p Provider, a Agent) (found problem.Fields) {
	if a.Session == nil || !a.Session.Summarize || a.KindOrChat() != KindChat {
		return nil
	}
	invoker, wrong := b.factories.Providers[p.Type](p, a.summarizer())
	if len(wrong) > 0 {
		return nil // the agent's own invoker has the same mistakes
	}
	if local, ok := invoker.(Local); ok && local.IsLocal() {
		found.Add("session.summarize", "needs a model, which the provider %q is not", p.ID)
		return found
	}
	c.summarizer = invoker
	return nil
}

// breaker is that of a provider, for all agents of the Set.
func (b *builder) breaker(p Provider) *breaker {
	if b.set.breakers[p.ID] == nil {
		b.set.breakers[p.ID] = b.factories.Breakers.of(p)
	}
	return b.set.breakers[p.ID]
}

// typeOpenAI is the type of the providers that can do more than chat.
const typeOpenAI = "openai"

// candidate adds a provider to those that may answer for an agent.
func (b *builder) candidate(c *chain, p Provider, a Agent) problem.Fields {
	newInvoker := b.factories.Providers[p.Type]
	if kind := a.KindOrChat(); kind != KindChat {
		if newInvoker = b.factories.Media[kind]; newInvoker == nil {
			return problem.Fields{{Path: "kind", Message: fmt.Sprintf("%q cannot be used here", kind)}}
		}
		if p.Type != typeOpenAI {
			return problem.Fields{{
				Path: "provider",
				Message: fmt.Sprintf("must be of type openai for an agent of kind %s; %q is of type %s",
					kind, p.ID, p.Type),
			}}
		}
	}
	invoker, wrong := newInvoker(p, a)
	one := candidate{provider: p.ID, model: a.Model, invoker: invoker, breaker: b.breaker(p)}
	if local, ok := invoker.(Local); ok && local.IsLocal() {
		one.isLocal, one.model = true, "" // it has none
	}
	c.candidates = append(c.candidates, one)
	return wrong
}
