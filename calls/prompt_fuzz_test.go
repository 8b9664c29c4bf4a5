package calls_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"beckon/calls"
	"beckon/clients"
	"beckon/internal/problem"
)

// FuzzReadPrompt: any body of any type gives a prompt, or a problem that is the caller's. A template over the same request
// gives a prompt with something in it.
func FuzzReadPrompt(f *testing.F) {
	for _, contentType := range []string{jsonType, "application/ld+json", "text/plain; charset=utf-8", "", formType, partType, "image/png", "multipart/form-data", "a/b; c", "text/*"} {
		for _, body := range []string{`{"prompt":"Hi","agent":"a","sessionId":"s","metadata":{"a":1},"webhook":{"url":"u"}}`, `[1,{"a":[null]}]`, "Hi", "\xEF\xBB\xBF",
			"prompt=a&agent=b&sessionId=c", "a=1&b=%C3%A4&a=2", parts("name=prompt\n\nHi"), parts("name=a\n\n1", "name=f; filename=x\nContent-Type: a/b\n\n\xff"), `{"prompt":"\u0000"}`, "\xff", " "} {
			f.Add(contentType, "a", body)
		}
	}
	template := parseTemplate(f, "{{.body | json}}{{.text}}{{json .headers}}{{.query}}{{.body.a.b | default `x`}}{{range $k, $v := (.body | default list)}}{{end}}")
	f.Fuzz(func(t *testing.T, contentType, agent, body string) {
		r := &calls.Request{Header: http.Header{"Content-Type": {contentType}}, Query: url.Values{"agent": {agent}}, Body: []byte(body)}
		got, err := calls.ReadPrompt(r)
		requirePrompt(t, got, err)
		if err == nil && len(got.Metadata) > 0 {
			require.True(t, json.Valid(got.Metadata))
		}
		if err == nil && len(got.Webhook) > 0 {
			require.True(t, json.Valid(got.Webhook))
		}
		require.Equal(t, body, string(r.Body))
		if refused := calls.CheckContentType(r.Header); refused != nil {
			require.Equal(t, refused, err)
		}
		got, err = template.Prompt(clients.Client{ID: "a"}, r, 1<<20)
		requirePrompt(t, got, err)
		if err == nil {
			require.NotEmpty(t, strings.TrimSpace(got.Text))
		}
	})
}

func requirePrompt(t *testing.T, got calls.Prompt, err error) {
	t.Helper()
	if err != nil {
		found := &problem.Error{}
		require.True(t, errors.As(err, &found), err)
		require.Contains(t, []problem.Kind{problem.Invalid, problem.Unsupported, problem.Unprocessable}, found.Kind)
		require.NotEmpty(t, found.Code)
		require.NotEmpty(t, found.Detail)
		require.True(t, utf8.ValidString(found.Detail))
		return
	}
	require.True(t, utf8.ValidString(got.Text))
	require.NotContains(t, got.Text, "\x00")
	require.Regexp(t, `^([a-z0-9][a-z0-9-]{0,62})?$`, got.Agent)
	require.True(t, utf8.ValidString(got.SessionID))
	require.LessOrEqual(t, utf8.RuneCountInString(got.SessionID), 256)
}
