package agents

import (
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

// invoker makes the invoker of an agent with its fallbacks. The mistakes that it finds are those of the agent or of its provider.
func (b *builder) invoker(a Agent) (_ Invoker, fields, ofProvider problem.Fields) {
	fields = a.Check()
	c := &chain{agent: a.ID}
	p, ok := b.providers[a.Provider]
	if a.Provider != "" && !ok {
		fields.Add("provider", "there is no usable provider %q", a.Provider)
	}
	if ok {
		for _, f := range b.candidate(c, p, a) {
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
			case wrong.Path == "model":
				fields.Add(at+".model", "%s", wrong.Message)
			}
		}
	}
	if a.Output != nil && len(fields) == 0 {
		c.schema, _ = NewSchema(a.Output.Schema) // it was checked
	}
	return c, fields, ofProvider
}

// breaker is that of a provider, for all agents of the Set.
func (b *builder) breaker(p Provider) *breaker {
	if b.set.breakers[p.ID] == nil {
		b.set.breakers[p.ID] = b.factories.Breakers.of(p)
	}
	return b.set.breakers[p.ID]
}

// candidate adds a provider to those that may answer for an agent.
func (b *builder) candidate(c *chain, p Provider, a Agent) problem.Fields {
	invoker, wrong := b.factories.Providers[p.Type](p, a)
	one := candidate{provider: p.ID, model: a.Model, invoker: invoker, breaker: b.breaker(p)}
	if local, ok := invoker.(Local); ok && local.IsLocal() {
		one.isLocal, one.model = true, "" // it has none
	}
	c.candidates = append(c.candidates, one)
	return wrong
}
