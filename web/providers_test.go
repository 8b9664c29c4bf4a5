package web_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/internal/catalog"
	"beckon/internal/secret"
	"beckon/internal/store"
	"beckon/web"
)

func auditQuery() catalog.AuditQuery { return catalog.AuditQuery{Limit: 100} }

func regexpOf(s string) string { return regexp.QuoteMeta(s) }

// keep puts a provider into the database past the editor.
func (n *nouns) keep(p agents.Provider) {
	require.NoError(n.t, n.store.Write(context.Background(), func(tx store.Tx) error {
		return catalog.Of[agents.Provider](n.editor).Change(tx, p.ID, func(have *agents.Provider) error {
			*have = p
			return nil
		})
	}))
}

func (n *nouns) provider(id string) agents.Provider {
	record, err := catalog.Of[agents.Provider](n.editor).Get(context.Background(), id)
	require.NoError(n.t, err)
	return record.Item
}

func TestSecretsOfProvidersStay(t *testing.T) {
	n := newNouns(t)
	n.fill()
	require.Equal(t, http.StatusSeeOther, n.typed("/admin/providers/acme", "name", "Other").StatusCode)
	require.Equal(t, secret.String("sk-s3cret"), n.provider("acme").APIKey)
	require.Equal(t, secret.String("h3ader"), n.provider("acme").Headers["X-Team"])

	form := formIn(t, n.get("/admin/providers/acme").body)
	form["headerName"], form["headerValue"] = []string{"", "X-New"}, []string{"", "n3w"}
	form.Set("apiKey", "sk-other")
	require.Equal(t, http.StatusSeeOther, n.post("/admin/providers/acme", form).StatusCode)
	require.Equal(t, secret.String("sk-other"), n.provider("acme").APIKey)
	require.Equal(t, map[string]secret.String{"X-New": "n3w"}, n.provider("acme").Headers)

	body := n.get("/admin/providers/acme").body
	for _, hidden := range []string{"sk-other", "sk-s3cret", "h3ader", "n3w"} {
		require.NotContains(t, body, hidden)
	}
	require.Contains(t, body, "••• saved")
	require.Contains(t, n.typed("/admin/providers/acme", "url", "https://other.example").body, "must be given again")
	require.Equal(t, http.StatusSeeOther, n.typed("/admin/providers/acme", "remove-apiKey", "true").StatusCode)
	require.Empty(t, n.provider("acme").APIKey)
	require.NotContains(t, n.get("/admin/providers/acme").body, "remove-apiKey")
}

func TestTypedSecretsAreNotEchoed(t *testing.T) {
	n := newNouns(t)
	for _, do := range []string{"", "models"} {
		form := formIn(t, n.get("/admin/providers/new").body)
		form["headerName"], form["headerValue"] = []string{"X-New"}, []string{"n3w-header"}
		got := n.post("/admin/providers/new", filledIn(form, "id", "Bad", "url", "ftp://typed", "apiKey", "sk-typed", "do", do))
		require.Contains(t, got.body, "Secrets you typed were cleared")
		require.NotContains(t, got.body, "sk-typed")
		require.NotContains(t, got.body, "n3w-header")
		require.Contains(t, got.body, `value="X-New"`)
		require.NotContains(t, n.log.String(), "sk-typed")
	}
	got := n.typed("/admin/providers/new", "id", "Bad", "apiKey", "${GOOD_API_KEY}")
	require.Contains(t, got.body, `value="${GOOD_API_KEY}"`)
	require.NotContains(t, got.body, "are not in this form any more")
	got = n.typed("/admin/providers/new", "id", "good", "apiKey", "${HOME}")
	require.Contains(t, got.body, "admin.variables does not list the variable HOME", "no other variable can be read")
	require.Contains(t, got.body, "use a variable of Beckon’s environment: <code>${GOOD_API_KEY}</code>, <code>${NO_API_KEY}</code>.")
}

func TestConnectionOfAProvider(t *testing.T) {
	n := newNouns(t)
	n.fill()
	_, err := catalog.Of[agents.Provider](n.editor).Update(context.Background(), "mia", agents.Provider{ID: "acme", Type: "openai", URL: n.origin, APIKey: "sk-s3cret", Headers: map[string]secret.String{"X-Team": "h3ader"}}, 0)
	require.NoError(t, err)

	got := n.typed("/admin/providers/acme", "do", "models")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Contains(t, got.body, "Connected: 2 models.")
	require.Contains(t, got.body, "<code>large</code>")
	require.Equal(t, "/v1/models", n.asked.URL.Path)
	require.Equal(t, "Bearer sk-s3cret", n.asked.Header.Get("Authorization"), "what is kept is used for where it was kept for")
	require.Equal(t, "h3ader", n.asked.Header.Get("X-Team"))

	form := formIn(t, n.get("/admin/providers/acme").body)
	n.post("/admin/providers/acme", filledIn(form, "do", "models", "headerName", "x-team", "headerValue", ""))
	require.Equal(t, "h3ader", n.asked.Header.Get("X-Team"), "however its name is spelled")

	n.asked = nil
	got = n.typed("/admin/providers/acme", "do", "models", "url", n.origin+"/elsewhere")
	require.Contains(t, got.body, "The secrets were saved for another URL.")
	require.Nil(t, n.asked, "and goes nowhere else")
	for _, mask := range [][]string{{"apiKey", secret.Mask}, {"headerValue", secret.Mask}} { // which stands for what is kept
		form := formIn(t, n.get("/admin/providers/acme").body)
		if mask[0] == "headerValue" {
			form["apiKey"] = []string{"sk-typed"}
		} else {
			delete(form, "headerName")
		}
		got = n.post("/admin/providers/acme", filledIn(form, append([]string{"do", "models", "url", n.origin + "/elsewhere"}, mask...)...))
		require.Contains(t, got.body, "The secrets were saved for another URL.")
		require.Nil(t, n.asked, mask[0])
	}

	form = formIn(t, n.get("/admin/providers/acme").body)
	delete(form, "headerName")
	got = n.post("/admin/providers/acme", filledIn(form, "do", "models", "url", n.origin+"/elsewhere", "apiKey", "sk-typed"))
	require.Contains(t, got.body, "Connected: 2 models.")
	require.Equal(t, "Bearer sk-typed", n.asked.Header.Get("Authorization"))
	require.Equal(t, "/v1/elsewhere/models", n.asked.URL.Path)

	n.typed("/admin/providers/new", "do", "models", "url", n.origin, "apiKey", "${GOOD_API_KEY}")
	require.Equal(t, "Bearer sk-from-environment", n.asked.Header.Get("Authorization"))
	require.Contains(t, n.typed("/admin/providers/new", "do", "models", "url", n.origin, "apiKey", "${NO_API_KEY}").body, "the variable NO_API_KEY is not set")

	n.asked = nil
	got = n.typed("/admin/providers/new", "do", "models", "url", n.origin, "apiKey", "${HIDDEN_API_KEY}")
	require.Contains(t, got.body, "admin.variables does not list the variable HIDDEN_API_KEY")
	exempt := agents.Provider{ID: "acme", Type: "openai", URL: n.origin, APIKey: "${HIDDEN_API_KEY}", Exempt: agents.ExemptEarlier}
	n.keep(exempt)
	for _, key := range []string{"", secret.Mask, "${HIDDEN_API_KEY}"} {
		n.typed("/admin/providers/acme", "do", "models", "url", n.origin+"/elsewhere", "apiKey", key)
	}
	require.Nil(t, n.asked, "a variable that is not listed goes nowhere else")
	require.Contains(t, n.get("/admin/providers/acme").body, "This is active, but you should change it:")
	n.typed("/admin/providers/acme", "do", "models")
	require.Equal(t, "Bearer sk-hidden", n.asked.Header.Get("Authorization"))
	exempt.APIKey, exempt.Exempt = "sk-plain", ""
	n.keep(exempt)

	n.models = `{"data":[{"id":"</ul><script>alert(1)</script>"}]}`
	require.NotContains(t, n.typed("/admin/providers/acme", "do", "models").body, "<script>alert")
	n.models = `nonsense`
	listless := n.typed("/admin/providers/acme", "do", "models").body
	require.Contains(t, listless, `<p class="note warn">The provider &#34;acme&#34; answered, but not with a list of models`)
	unnamed := n.typed("/admin/providers/new", "do", "models", "url", n.origin).body
	require.Contains(t, unnamed, `<p class="note warn">The provider answered, but not with a list of models`)
	require.Contains(t, n.typed("/admin/providers/new", "type", "template", "do", "models").body, "There is no connection to test")
	declared := n.post("/admin/providers/filed", url.Values{"do": {"models"}, "version": {"0"}}).body
	require.Contains(t, declared, "There is no connection to test")
	require.Contains(t, declared, "hi</textarea>", "what the file declares is still shown")
	require.Equal(t, n.origin, n.provider("acme").URL, "a test changes nothing")
}

// Any other server has no URL to fall back on; the vendors have theirs.
func TestAnotherServerNeedsItsURL(t *testing.T) {
	n := newNouns(t)
	require.Contains(t, n.get("/admin/providers/new?vendor=other").body, `<label for="field-url">URL <span class="star"`)
	got := n.typed("/admin/providers/new?vendor=other", "name", "Mine", "url", "")
	require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
	require.Contains(t, got.body, `<a href="#field-url">URL</a> is required`)
	require.Contains(t, n.typed("/admin/providers/new?vendor=other", "do", "models", "url", "").body, "Enter the URL first.")
	require.Nil(t, n.asked)
	require.NotContains(t, n.get("/admin/providers/new").body, "keep the saved key", "there is none yet")
	require.Equal(t, http.StatusSeeOther, n.typed("/admin/providers/new?vendor=other", "name", "Mine", "url", "https://models.example.com/v1", "apiKey", "sk-x").StatusCode)
	require.Contains(t, n.get("/admin/providers/mine").body, "Leave it empty to keep the saved key")
}

func TestTheKeyInTheURLOfAProviderStays(t *testing.T) {
	n := newNouns(t)
	n.fill()
	address := n.origin + "?key="
	_, err := catalog.Of[agents.Provider](n.editor).Update(t.Context(), "mia", agents.Provider{ID: "acme", Type: "openai", URL: address + "s3cret", APIKey: "sk-0ther"}, 0)
	require.NoError(t, err)
	require.NotContains(t, n.get("/admin/providers/acme").body, "s3cret")
	got := n.typed("/admin/providers/acme", "do", "models")
	require.Contains(t, got.body, "Connected")
	require.Equal(t, "s3cret", n.asked.URL.Query().Get("key"))
	require.NotContains(t, got.body, "s3cret")
	require.Equal(t, http.StatusSeeOther, n.typed("/admin/providers/acme", "name", "Acme").StatusCode)
	require.Equal(t, address+"s3cret", n.provider("acme").URL)
}

func TestModelsForAnAgent(t *testing.T) {
	n := newNouns(t)
	n.fill()
	_, err := catalog.Of[agents.Provider](n.editor).Update(context.Background(), "mia", agents.Provider{ID: "acme", Type: "openai", URL: n.origin, APIKey: "sk-0ther"}, 0)
	require.NoError(t, err)
	got := n.typed("/admin/agents/writer", "do", "models", "systemPrompt", "Typed")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Contains(t, got.body, `<datalist id="models"><option value="large"></option><option value="small"></option></datalist>`)
	require.Contains(t, got.body, "Typed</textarea>")
	require.Contains(t, n.typed("/admin/agents/new", "do", "models", "provider", "").body, "Choose a provider first.")
	require.Contains(t, n.typed("/admin/agents/new", "do", "models", "provider", "nobody").body, "There is no provider")
	require.Contains(t, n.get("/admin/agents/new?provider=acme").body, `<option selected>acme</option>`)
}

func TestModelsAreCounted(t *testing.T) {
	for n, want := range []string{"0 models", "1 model", "2 models"} {
		require.Equal(t, want, web.CountModels(make([]string, n)))
	}
}
