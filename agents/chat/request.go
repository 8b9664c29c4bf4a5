package chat

import (
	"log/slog"
	"math"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/sashabaranov/go-openai"
	"golang.org/x/net/http/httpguts"

	"beckon/agents"
	"beckon/internal/problem"
)

const (
	defaultURL  = "https://api.openai.com/v1"
	completions = "/chat/completions"
	userAgent   = "Beckon"
)

type target struct {
	base string   // as configured, without its query
	url  *url.URL // of the completions, with the query
}

// address finds where the provider's completions are and which headers they get beside go-openai's own. Azure's older
// style needs the query: …/openai/deployments/NAME?api-version=2024-10-21.
func address(p agents.Provider, found *problem.Fields) (target, http.Header) {
	base := p.URL
	if base == "" {
		base = defaultURL
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		found.Add("provider.url", "must be an http or https URL")
		return target{}, nil
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if strings.HasSuffix(strings.TrimRight(u.Path, "/"), completions) {
		found.Add("provider.url", "must be the base URL, without %s", completions)
	}
	if !httpguts.ValidHeaderFieldValue(p.APIKey.Reveal()) {
		found.Add("provider.apiKey", "must not hold a line break or another control character")
	}
	headers := http.Header{"User-Agent": {userAgent}}
	for name, value := range p.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value.Reveal()) {
			found.Add("provider.headers", "%q is not a header that can be sent", name)
			continue
		}
		headers[textproto.CanonicalMIMEHeaderKey(name)] = []string{value.Reveal()}
	}
	if u.Path == "" {
		u.Path = "/" // or JoinPath makes a path that doesn't begin with one
	}
	full := u.JoinPath(completions)
	u.RawQuery, u.ForceQuery = "", false
	return target{base: strings.TrimRight(u.String(), "/"), url: full}, headers
}

// withoutQuery is an address as the log may have it: some providers want their key in the query.
func withoutQuery(u *url.URL) string {
	shown := *u
	shown.RawQuery, shown.ForceQuery = "", false
	return shown.String()
}

// newRequest prepares what is the same in every call of the agent: all but the messages.
func newRequest(a agents.Agent, log *slog.Logger) openai.ChatCompletionRequest {
	r := openai.ChatCompletionRequest{Model: a.Model}
	if reasons(a.Model) {
		r.MaxCompletionTokens = a.MaxTokens
		if a.Temperature != nil && *a.Temperature != 1 {
			log.Warn("temperature is left out: reasoning models do not take one", "model", a.Model)
		}
		return r
	}
	//lint:ignore SA1019 OpenAI's newer models want the other field, everybody else knows only this one
	r.MaxTokens = a.MaxTokens
	if a.Temperature != nil {
		// go-openai omits a zero, and a provider's default is far from it.
		r.Temperature = max(float32(*a.Temperature), math.SmallestNonzeroFloat32)
	}
	return r
}

// reasons reports whether the model is one of OpenAI's that take max_completion_tokens, and no temperature: those for
// which go-openai would refuse a temperature. It lists the names of GPT-6 one by one.
func reasons(model string) bool {
	probe := openai.ChatCompletionRequest{Model: model, Temperature: 0.5}
	return openai.NewReasoningValidator().Validate(probe) != nil || strings.HasPrefix(model, "gpt-6")
}
