package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/clients"
	"beckon/internal/problem"
)

func TestPreview(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "ci"})
	for name, row := range map[string]struct {
		path string
		form url.Values
		says string
	}{
		"what is sent":                 {"new", filled("sample", `{"prompt":"a < b","agent":"triage"}`, "sampleType", "application/json"), `a &lt; b</pre>`},
		"not saved yet":                {"ci", filled("kind", "template", "template", "{{.body.x | upper}}!", "sample", `{"x":"hey"}`, "sampleType", "application/json"), "&gt;HEY&lt;/untrusted-"},
		"a query":                      {"ci", filled("allowedAgents", "triage,writer", "sample", "hi", "sampleType", "text/plain", "sampleQuery", "?agent=writer"), "Prompt for <code>writer</code>"},
		"a command":                    {"ci", filled("kind", "command", "commandId", "daily", "allowedAgents", "writer", "default", "writer"), "Write the &lt;daily&gt; report.</pre>"},
		"of the file":                  {"filed", url.Values{"sample": {"hi there"}, "sampleType": {"text/plain"}}, "hi there</pre>"},
		"no agent":                     {"new", url.Values{"kind": {"passthrough"}, "sample": {"hi"}}, "Choose an agent first."},
		"no command":                   {"new", filled("kind", "command"), "Choose a command first."},
		"no template":                  {"new", filled("kind", "template"), "Write a template first."},
		"nothing":                      {"new", filled("sample", ""), "The prompt is empty."},
		"a broken query":               {"new", filled("sample", "hi", "sampleQuery", "%zz"), "The query cannot be read."},
		"a missing key":                {"ci", filled("kind", "template", "template", "{{.body.x}}", "sample", "{}", "sampleType", "application/json"), "cannot be rendered"},
		"a wrong template":             {"ci", filled("kind", "template", "template", "{{.body", "sample", "{}"), "unclosed"},
		"an agent that it may not use": {"ci", filled("sample", "hi", "sampleQuery", "agent=writer"), "may not use the agent"},
	} {
		t.Run(name, func(t *testing.T) {
			got := s.post("/admin/clients/"+row.path+"/preview", row.form, "HX-Request", "true")
			require.Equal(t, http.StatusOK, got.StatusCode)
			_, preview, found := strings.Cut(got.body, `<div id="prompt">`)
			require.True(t, found)
			require.Contains(t, preview, row.says)
		})
	}
	require.EqualValues(t, 1, s.saved("ci").Version, "nothing is saved")
	require.Equal(t, "/admin/clients/ci", s.get("/admin/clients/ci/preview").Header.Get("Location"))
}

func TestTryIt(t *testing.T) {
	s := newClientSite(t)
	s.have(clients.Client{ID: "ci"})
	form := url.Values{"sample": {"line\r\nline"}, "sampleType": {"text/plain"}, "sampleQuery": {"agent=triage"}}
	got := s.post("/admin/clients/ci/try", form)
	require.Equal(t, http.StatusSeeOther, got.StatusCode)
	require.Equal(t, "/admin/runs/run_tried", got.Header.Get("Location"))
	require.Equal(t, "line\nline", string(s.tried[0].Body))
	require.Equal(t, "text/plain", s.tried[0].Header.Get("Content-Type"))
	require.Equal(t, "triage", s.tried[0].Query.Get("agent"))

	got = s.post("/admin/clients/ci/try", form, "HX-Request", "true")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Contains(t, got.body, `data-follow="/admin/runs/run_tried/events"`)

	s.refuse = problem.New(problem.Denied, "client_disabled", "This client is <off>.")
	got = s.post("/admin/clients/ci/try", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
	require.Contains(t, got.body, "This client is &lt;off&gt;.")
	require.NotContains(t, got.body, "data-follow")
	require.Contains(t, got.body, "line\nline</textarea>")
	got = s.post("/admin/clients/ci/try", form, "HX-Request", "true")
	require.Equal(t, http.StatusOK, got.StatusCode, "htmx shows no other")
	require.Contains(t, got.body, "This client is &lt;off&gt;.")

	require.Equal(t, http.StatusNotFound, s.post("/admin/clients/none/try", form).StatusCode)
	require.Len(t, s.tried, 4)
}
