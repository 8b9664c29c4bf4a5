package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"beckon/agents"
	"beckon/agents/chat/completion"
	"beckon/internal/problem"
)

const (
	listTime  = 10 * time.Second // somebody waits for the answer in front of a page
	maxModels = 2000
)

// Models asks a provider which models it has, which is also the test of its connection. It asks once, for 10 s at most,
// and returns the names in order. Its errors are problems: Invalid for settings that cannot be used, Upstream for what
// the provider did; only their causes have words of the provider's, without secrets. The transport must not follow
// redirects.
func Models(ctx context.Context, transport http.RoundTripper, p agents.Provider) ([]string, error) {
	return models(ctx, transport, p, listTime)
}

func models(
	ctx context.Context, transport http.RoundTripper, p agents.Provider, limit time.Duration,
) ([]string, error) {
	found := p.Check()
	var unusable problem.Fields
	wire := wireOf(p)
	base, headers := address(p, wire, &unusable)
	for _, f := range unusable {
		found.Add(strings.TrimPrefix(f.Path, "provider."), "%s", f.Message)
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	limit = min(limit, p.Timeout.Or(limit))
	list := base.JoinPath("models") // with the query of the base
	if wire.list != "" && list.RawQuery == "" {
		list.RawQuery = wire.list
	}
	s := &sender{
		transport: transport,
		method:    http.MethodGet,
		url:       list,
		plain:     headersFor(headers, "application/json"),
		timeout:   limit,
	}
	var body []byte
	failed := s.exchange(ctx, nil, false, func(_ context.Context, response *http.Response, _ *time.Timer) (err error) {
		body, err = io.ReadAll(io.LimitReader(response.Body, completion.MaxBytes))
		return err
	})
	if failed != nil {
		asked := &model{
			wire:     wire,
			provider: p.ID,
			url:      withoutQuery(list),
			timeout:  limit,
			secrets:  secretsOf(p, list),
		}
		return nil, asked.explainList(ctx, failed)
	}
	names, ok := completion.ParseModels(body)
	if !ok {
		return nil, problem.New(problem.Upstream, codeInvalid,
			"The provider %q answered, but not with a list of models. Check its url: it is the base URL, "+
				"often with /v1 at its end. "+
				"A server may have no list: then enter the name of the model in the agent.", p.ID)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), maxModels)], nil
}

// explainList is explain for the list of models. Not every provider has one.
func (m *model) explainList(ctx context.Context, f *failure) error {
	if ctx.Err() != nil { // nobody waits any more
		return fmt.Errorf("list the models of provider %q: %w", m.provider, context.Cause(ctx))
	}
	cause := errors.New("list the models: " + strings.TrimPrefix(m.cause(f, nil).Error(), "POST "))
	switch f.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return problem.New(problem.Upstream, "provider_no_models",
			"The provider %q has no list of models at its URL (status %d). "+
				"Check the URL: it is the base URL, often with /v1 at its end. "+
				"Some providers have no list but still work: then type the name of the model in the agent.",
			m.provider, f.status).Because(cause)
	}
	return problem.Of(m.explain(ctx, f, nil)).Because(cause)
}
