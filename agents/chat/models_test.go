package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/agents/chat"
	"beckon/internal/egress"
	"beckon/internal/problem"
	"beckon/internal/secret"
)

func modelsOf(t *testing.T, p agents.Provider) ([]string, error) {
	transport := egress.NewProviders()
	t.Cleanup(transport.CloseIdleConnections)
	return chat.Models(context.Background(), transport, p)
}

func TestModelsAreListed(t *testing.T) {
	for name, row := range map[string]struct {
		path, want string
	}{
		"base":          {"/v1", "/v1/models"},
		"with a slash":  {"/v1/", "/v1/models"},
		"no path":       {"", "/models"},
		"with a query":  {"/openai?api-version=1", "/openai/models?api-version=1"},
		"escaped":       {"/a%2Fb", "/a%2Fb/models"},
		"several parts": {"/v1beta/openai", "/v1beta/openai/models"},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, reply(200, `{"object":"list","data":[{"id":"b"},{"id":"a"},{"id":" "},{"id":"b"}]}`))
			got, err := modelsOf(t, agents.Provider{ID: "acme", URL: p.URL + row.path, APIKey: key, Headers: map[string]secret.String{"x-team": "blue"}})
			require.NoError(t, err)
			require.Equal(t, []string{"a", "b"}, got)
			asked := p.seen()[0]
			require.Equal(t, row.want, asked.url)
			require.Equal(t, "Bearer "+key, asked.header.Get("Authorization"))
			require.Equal(t, "blue", asked.header.Get("X-Team"))
		})
	}
}

// Anthropic's list has 20 models unless more are asked for.
func TestModelsOfAnthropic(t *testing.T) {
	p := serve(t, reply(200, `{"data":[{"type":"model","id":"b","display_name":"B"},{"type":"model","id":"a"}],"has_more":false}`))
	got, err := modelsOf(t, agents.Provider{ID: "acme", Type: chat.TypeAnthropic, URL: p.URL + "/v1", APIKey: key})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, got)
	asked := p.seen()[0]
	require.Equal(t, "/v1/models?limit=1000", asked.url)
	require.Equal(t, key, asked.header.Get("X-Api-Key"))
	require.Equal(t, "2023-06-01", asked.header.Get("Anthropic-Version"))
	require.Empty(t, asked.header.Get("Authorization"))
}

func TestModelsAreBounded(t *testing.T) {
	type item struct {
		ID string `json:"id"`
	}
	var list struct {
		Data []item `json:"data"`
	}
	for i := range 5000 {
		list.Data = append(list.Data, item{fmt.Sprintf("m%04d", i)})
	}
	body, err := json.Marshal(list)
	require.NoError(t, err)
	got, err := modelsOf(t, agents.Provider{ID: "acme", URL: serve(t, reply(200, string(body))).URL})
	require.NoError(t, err)
	require.Len(t, got, 2000)
}

func TestModelsThatCannotBeListed(t *testing.T) {
	echo := fmt.Sprintf(`{"error":{"message":"the key %s is bad"}}`, key)
	for name, row := range map[string]struct {
		handler http.HandlerFunc
		code    string
		says    string
	}{
		"wrong key":     {reply(401, echo), "provider_unauthorized", "refused the API key (status 401)"},
		"no such path":  {reply(404, echo), "provider_no_models", "has no list of models at its URL (status 404)"},
		"not allowed":   {reply(405, echo), "provider_no_models", "often with /v1 at its end"},
		"broken":        {reply(500, echo), "provider_error", "failed with status 500"},
		"rate":          {reply(429, echo), "provider_rate_limited", "limits how often"},
		"redirect":      {reply(302, "", "Location: http://elsewhere.example/"), "provider_error", "answered with a redirect (status 302)"},
		"no redirect":   {reply(304, ""), "provider_error", "failed with status 304"},
		"a page":        {reply(200, "<html>"+key), "provider_invalid_response", "but not with a list of models"},
		"another shape": {reply(200, `{"data":"`+key+`"}`), "provider_invalid_response", "but not with a list of models"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "provider_unreachable",
			"the connection broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			p := serve(t, row.handler)
			_, err := modelsOf(t, agents.Provider{ID: "acme", URL: p.URL, APIKey: key})
			found := problem.Of(err)
			require.Equal(t, problem.Upstream, found.Kind)
			require.Equal(t, row.code, found.Code)
			require.Contains(t, found.Detail, row.says)
			require.Contains(t, found.Detail, `"acme"`)
			require.NotContains(t, err.Error(), key, "also not in the cause, which is logged")
			require.NotContains(t, err.Error(), "POST")
			require.Len(t, p.seen(), 1, "somebody is waiting: once is enough")
		})
	}
}

func TestModelsOfASlowProvider(t *testing.T) {
	for name, p := range map[string]agents.Provider{"ours": {}, "the provider's": {Timeout: 1}} {
		t.Run(name, func(t *testing.T) {
			slow := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			transport := egress.NewProviders()
			defer transport.CloseIdleConnections()
			p.ID, p.URL = "acme", slow.URL
			_, err := chat.ModelsWithin(context.Background(), transport, p, 50*time.Millisecond)
			require.Equal(t, "provider_timeout", problem.Of(err).Code, "%v", err)
		})
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := chat.Models(gone, egress.NewProviders(), agents.Provider{ID: "acme", URL: serve(t, reply(200, "{}")).URL})
	require.ErrorIs(t, err, context.Canceled)
}

func TestModelsOfWhatCannotBeAsked(t *testing.T) {
	for name, row := range map[string]struct {
		provider agents.Provider
		field    string
	}{
		"url":     {agents.Provider{URL: "ftp://x"}, "url"},
		"key":     {agents.Provider{URL: "http://localhost", APIKey: "a\nb"}, "apiKey"},
		"headers": {agents.Provider{URL: "http://localhost", Headers: map[string]secret.String{"a b": "x"}}, "headers"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := modelsOf(t, row.provider)
			require.True(t, problem.Is(err, problem.Invalid))
			require.Equal(t, row.field, problem.Of(err).Fields[0].Path)
		})
	}
	_, err := modelsOf(t, agents.Provider{ID: "acme", URL: "http://127.0.0.1:1"})
	require.Contains(t, problem.Of(err).Detail, "it refuses connections")
}
