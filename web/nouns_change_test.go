package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/commands"
	"beckon/internal/catalog"
	"beckon/internal/store"
	"beckon/web"
)

func TestNounsAreMadeChangedAndDeleted(t *testing.T) {
	n := newNouns(t)
	for _, row := range []struct {
		noun  string
		made  []string
		field string
		now   func() (string, error)
	}{
		{"providers", []string{"id", "acme", "type", "openai"}, "url", func() (string, error) {
			r, err := catalog.Of[agents.Provider](n.editor).Get(context.Background(), "acme")
			return r.Item.URL, err
		}},
		{"agents", []string{"id", "acme", "provider", "filed"}, "model", func() (string, error) {
			r, err := catalog.Of[agents.Agent](n.editor).Get(context.Background(), "acme")
			return r.Item.Model, err
		}},
		{"flows", []string{"id", "flow", "root.steps[0].agentId", "filed"}, "name", func() (string, error) {
			r, err := catalog.Of[agents.Flow](n.editor).Get(context.Background(), "flow")
			return r.Item.Name, err
		}},
		{"commands", []string{"id", "new", "prompt", "Go"}, "prompt", func() (string, error) {
			r, err := catalog.Of[commands.Command](n.editor).Get(context.Background(), "new")
			return r.Item.Prompt, err
		}},
	} {
		t.Run(row.noun, func(t *testing.T) {
			path := "/admin/" + row.noun
			made := n.typed(path+"/new", row.made...)
			require.Equal(t, http.StatusSeeOther, made.StatusCode, made.body)
			at, done, _ := strings.Cut(made.Header.Get("Location"), "?")
			require.Equal(t, "done=created", done)
			require.Contains(t, n.get(at+"?done=created").body, "is created and active.")
			require.Contains(t, n.get(path).body, `href="`+at+`"`)

			saved := n.typed(at, row.field, "https://changed.example")
			require.Equal(t, http.StatusSeeOther, saved.StatusCode, saved.body)
			require.Equal(t, at+"?done=saved", saved.Header.Get("Location"))
			now, err := row.now()
			require.NoError(t, err)
			require.Equal(t, "https://changed.example", now)

			id := strings.TrimPrefix(at[strings.LastIndex(at, "/")+1:], "-")
			for _, typed := range []string{"", id[1:], strings.ToUpper(id), id + " " + id, row.noun} {
				refused := n.post(at+"/delete", deletion(typed, "2"))
				require.Equal(t, http.StatusUnprocessableEntity, refused.StatusCode, typed)
				require.Contains(t, refused.body, "This could not be deleted.")
				require.Contains(t, refused.body, "Type "+id+" in the field")
				require.Equal(t, http.StatusOK, n.get(at).StatusCode, "it is still there")
			}
			late := n.post(at+"/delete", deletion(id, "1"))
			require.Equal(t, http.StatusConflict, late.StatusCode, "another version has been seen")
			require.Contains(t, late.body, "Someone else saved this")
			for _, none := range []string{"", "0", "-1", "x"} {
				require.Equal(t, http.StatusConflict, n.post(at+"/delete", deletion(id, none)).StatusCode, "no version is not any")
			}
			gone := n.post(at+"/delete", deletion(id, "2"))
			require.Equal(t, path+"?done=deleted", gone.Header.Get("Location"))
			require.Equal(t, http.StatusNotFound, n.get(at).StatusCode)
		})
	}
	entries, _, err := n.editor.AuditEntries(context.Background(), auditQuery())
	require.NoError(t, err)
	require.Len(t, entries, 13, "the login is the first")
	require.Equal(t, "admin", entries[0].Who)
}

func TestNounsThatAreNotThere(t *testing.T) {
	n := newNouns(t)
	for _, noun := range pagesOfNouns {
		require.Equal(t, http.StatusNotFound, n.get("/admin/"+noun+"/nobody").StatusCode)
		require.Equal(t, http.StatusNotFound, n.post("/admin/"+noun+"/nobody", url.Values{"prompt": {"x"}}).StatusCode)
		require.Equal(t, http.StatusNotFound, n.post("/admin/"+noun+"/nobody/delete", url.Values{"version": {"1"}}).StatusCode)
		require.Equal(t, "/admin/login", n.site.browser().post("/admin/"+noun+"/new", nil).Header.Get("Location"))
		require.NotContains(t, n.get("/admin/"+noun+"?done=%3Cb%3E").body, "<b>")
	}
}

// What was typed stays, what is wrong is said at its field and at the top, and nothing is kept.
func TestFormsWithMistakes(t *testing.T) {
	n := newNouns(t)
	n.fill()
	for _, row := range []struct {
		path   string
		typed  []string
		field  string
		says   string
		status int
	}{
		{"/admin/commands/new", []string{"id", "Bad id", "prompt", "typed"}, "id", "lower-case letters", 422},
		{"/admin/commands/new", []string{"name", "日報", "prompt", "typed"}, "id", "cannot be made from the name", 422},
		{"/admin/commands/new", []string{"id", "empty", "description", "typed"}, "prompt", "is required", 422},
		{"/admin/commands/new", []string{"id", "daily", "prompt", "typed"}, "", "There is already a command", 409},
		{"/admin/commands/new", []string{"id", "filed", "prompt", "typed"}, "", "declared in the configuration file", 409},
		{"/admin/commands/daily", []string{"agentId", "nobody", "prompt", "typed"}, "agentId", "there is no usable agent or flow", 422},
		{"/admin/agents/new", []string{"id", "typed", "provider", "acme"}, "model", "is required", 422},
		{"/admin/agents/writer", []string{"temperature", "hot", "outputKey", "typed"}, "temperature", "must be a number from 0 to 2", 422},
		{"/admin/agents/writer", []string{"temperature", "NaN", "outputKey", "typed"}, "temperature", "must be a number from 0 to 2", 422},
		{"/admin/agents/writer", []string{"temperature", "3", "outputKey", "typed"}, "temperature", "must be between 0 and 2", 422},
		{"/admin/agents/writer", []string{"maxTokens", "1.5", "outputKey", "typed"}, "maxTokens", "must be a whole number, 0 or more", 422},
		{"/admin/agents/writer", []string{"maxTokens", "-5", "outputKey", "typed"}, "maxTokens", "must be a whole number, 0 or more", 422},
		{"/admin/agents/writer", []string{"timeout", "soon", "outputKey", "typed"}, "timeout", "not a duration", 422},
		{"/admin/agents/writer", []string{"events.run.failed", "NO", "outputKey", "typed"}, "events.run.failed", "must be lower-case words", 422},
		{"/admin/agents/new", []string{"id", "incident", "provider", "filed", "outputKey", "typed"}, "id", "already the id of a flow", 422},
		{"/admin/providers/acme", []string{"url", "ftp://typed"}, "url", "must be an http or https URL", 422},
		{"/admin/providers/acme", []string{"maxRetries", "99", "name", "typed"}, "maxRetries", "must be between 0 and 10", 422},
		{"/admin/providers/acme", []string{"headerName", "typed"}, "headers.typed", "has no value", 422},
		{"/admin/flows/new", []string{"id", "typed"}, "root.steps[0].agentId", "is required in a step", 422},
		{"/admin/flows/incident", []string{"root.steps[1].until", "typed(("}, "root.steps[1].until", "is not a CEL expression", 422},
		{"/admin/flows/incident", []string{"root.steps[1].maxIterations", "", "name", "typed"}, "root.steps[1].maxIterations", "must be between 1 and", 422},
		{"/admin/flows/incident", []string{"root.steps[1].maxIterations", "0", "name", "typed"}, "root.steps[1].maxIterations", "must be a whole number, 1 or more", 422},
		{"/admin/flows/incident", []string{"root.steps[1].steps[0].agentId", "incident", "name", "typed"}, "root.steps[1].steps[0].agentId", "makes a cycle", 422},
		{"/admin/flows/incident", []string{"root.type", "agent", "name", "typed"}, "root.agentId", "is required in a step", 422},
	} {
		t.Run(row.says, func(t *testing.T) {
			got := n.typed(row.path, row.typed...)
			require.Equal(t, row.status, got.StatusCode, got.body)
			require.Contains(t, got.body, "Nothing has changed.")
			require.Contains(t, got.body, row.says)
			require.Contains(t, got.body, "typed")
			if row.field != "" {
				require.Contains(t, got.body, `id="field-`+row.field+`"`, "the summary's link leads somewhere")
				require.Regexp(t, `(?s)id="field-`+regexpOf(row.field)+`".{0,700}class="error"`, got.body)
			}
		})
	}
	list, err := catalog.Of[agents.Flow](n.editor).Get(context.Background(), "incident")
	require.NoError(t, err)
	require.EqualValues(t, 1, list.Version)
}

// A summary of mistakes goes down the form.
func TestMistakesStandAsTheFieldsDo(t *testing.T) {
	n := newNouns(t)
	n.fill()
	for _, row := range []struct {
		path  string
		typed []string
		want  []string
	}{
		{"/admin/providers/new", []string{"id", "Bad id", "url", "ftp://x", "headerName", "X-A", "timeout", "soon", "maxRetries", "-1"},
			[]string{"id", "url", "timeout", "maxRetries", "headers.X-A"}},
		{"/admin/flows/incident", []string{"timeout", "soon", "root.steps[0].steps[1].agentId", "nobody", "root.steps[1].maxIterations", "many", "root.steps[1].steps[0].agentId", ""},
			[]string{"timeout", "root.steps[0].steps[1].agentId", "root.steps[1].maxIterations", "root.steps[1].steps[0].agentId"}},
	} {
		got := n.typed(row.path, row.typed...)
		require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
		var paths []string
		for _, m := range regexp.MustCompile(`<li><a href="#field-([^"]*)">`).FindAllStringSubmatch(got.body, -1) {
			path, err := url.PathUnescape(m[1])
			require.NoError(t, err)
			paths = append(paths, path)
		}
		require.Equal(t, row.want, paths)
	}
}

func TestSomebodyElseWasFaster(t *testing.T) {
	n := newNouns(t)
	n.fill()
	form := formIn(t, n.get("/admin/commands/daily").body)
	_, err := catalog.Of[commands.Command](n.editor).Update(context.Background(), "ben", commands.Command{ID: "daily", Prompt: "Ben's"}, 1)
	require.NoError(t, err)
	got := n.post("/admin/commands/daily", filledIn(form, "prompt", "Mine"))
	require.Equal(t, http.StatusConflict, got.StatusCode)
	require.Contains(t, got.body, "Someone else saved this while you were editing.")
	require.Contains(t, got.body, "Mine</textarea>")
	require.Regexp(t, `<th scope="row">Prompt</th><td data-label="Saved">Ben&#39;s</td><td data-label="Yours">Mine</td>`, got.body, "it says what differs")
	require.Contains(t, got.body, "Last changed by ben")
	again := n.post("/admin/commands/daily", formIn(t, got.body))
	require.Equal(t, http.StatusSeeOther, again.StatusCode, "to save again is meant")
	now, err := catalog.Of[commands.Command](n.editor).Get(context.Background(), "daily")
	require.NoError(t, err)
	require.Equal(t, "Mine", now.Item.Prompt)
}

// What differs is shown without secrets.
func TestSomebodyElseWasFasterWithASecret(t *testing.T) {
	n := newNouns(t)
	n.fill()
	form := formIn(t, n.get("/admin/providers/acme").body)
	theirs := agents.Provider{ID: "acme", Name: "Ben's", Type: "openai", URL: "https://models.example.com", APIKey: "sk-bens"}
	_, err := catalog.Of[agents.Provider](n.editor).Update(context.Background(), "ben", theirs, 0)
	require.NoError(t, err)
	got := n.post("/admin/providers/acme", filledIn(form, "apiKey", "sk-mine", "name", "Mine"))
	require.Equal(t, http.StatusConflict, got.StatusCode)
	require.Contains(t, got.body, `<td data-label="Saved">Ben&#39;s</td><td data-label="Yours">Mine</td>`)
	require.Contains(t, got.body, `<th scope="row">API key</th><td data-label="Saved">•••</td><td data-label="Yours">••• (new)</td>`)
	require.NotContains(t, got.body, "sk-bens")
	require.NotContains(t, got.body, "sk-mine")
}

// A new resource without a name is asked for one, and all that is missing is said at once.
func TestAllThatIsMissing(t *testing.T) {
	n := newNouns(t)
	got := n.typed("/admin/agents/new", "provider", "", "temperature", "hot")
	require.Equal(t, http.StatusUnprocessableEntity, got.StatusCode)
	for field, says := range map[string]string{
		"name":        "Name</a> is required</li>",
		"provider":    "Provider</a> is required</li>",
		"model":       "Model</a> is required</li>",
		"temperature": "Temperature</a> must be a number",
	} {
		require.Contains(t, got.body, `<a href="#field-`+field+`">`+says)
	}
	require.Contains(t, got.body, `<small class="error" id="wrong-name">Required</small>`)
	require.Regexp(t, `id="field-name"[^>]* required>`, got.body)
	require.NotRegexp(t, `id="field-name"[^>]* required>`, n.get("/admin/agents/filed").body, "an existing one may lose its name")
}

func TestWhatIsUsedOrDeclaredStays(t *testing.T) {
	n := newNouns(t)
	n.fill()
	for path, says := range map[string]string{
		"/admin/providers/acme": `is used by agent &#34;logs&#34;`, "/admin/agents/logs": `is used by flow &#34;incident&#34;. Change that first.`, "/admin/flows/incident": `is used by command &#34;daily&#34;`,
		"/admin/commands/filed": "declared in the configuration file: change it there", "/admin/agents/filed": "declared in the configuration file: change it there",
	} {
		got := n.post(path+"/delete", deletion(path[strings.LastIndex(path, "/")+1:], "1"))
		require.Equal(t, http.StatusConflict, got.StatusCode, path)
		require.Contains(t, got.body, says)
		require.Contains(t, got.body, "This could not be deleted.")
		require.Equal(t, http.StatusOK, n.get(path).StatusCode)
	}
	for _, path := range []string{"/admin/commands/filed", "/admin/agents/filed", "/admin/providers/filed", "/admin/flows/filed-flow", "/admin/flows/filed-flow/yaml"} {
		body := n.get(path).body
		require.Contains(t, body, "This is defined in the configuration file")
		require.NotContains(t, body, "<button>Save")
		require.NotContains(t, body, "/delete")
		got := n.post(path, url.Values{"prompt": {"x"}, "type": {"template"}, "provider": {"filed"}, "root.type": {"agent"}, "root.agentId": {"filed"},
			"yaml": {"{id: filed-flow, root: {type: agent, agentId: filed}}"}})
		require.Equal(t, http.StatusConflict, got.StatusCode, path)
		require.Contains(t, got.body, "declared in the configuration file: change it there")
	}
}

func TestWhatIsNotInForce(t *testing.T) {
	n := newNouns(t)
	_, _, err := catalog.Of[agents.Provider](n.editor).Create(context.Background(), "mia", agents.Provider{ID: "p", Type: "openai", APIKey: "${GOOD_API_KEY}"})
	require.NoError(t, err)
	require.NoError(t, n.store.Write(context.Background(), func(tx store.Tx) error {
		if err := tx.Exec(`UPDATE resources SET spec = replace(spec, 'GOOD_API_KEY', 'NO_API_KEY')`); err != nil {
			return err
		}
		return catalog.Touch(tx)
	}))
	require.Contains(t, n.get("/admin/providers").body, "<small>API key: the variable NO_API_KEY is not set")
	require.Contains(t, n.get("/admin/providers/p").body, "This is saved but not active:")
	require.Contains(t, n.get("/admin/providers/p").body, `value="${NO_API_KEY}"`, "the name of a variable is no secret")
}

func TestLongListsHavePages(t *testing.T) {
	n := newNouns(t)
	for i := range 150 {
		_, _, err := catalog.Of[commands.Command](n.editor).Create(context.Background(), "mia", commands.Command{ID: fmt.Sprintf("c%03d", i), Prompt: "Go"})
		require.NoError(t, err)
	}
	first := n.get("/admin/commands").body
	require.Equal(t, 100, strings.Count(first, `<th scope="row" class="first">`))
	require.Contains(t, first, `href="/admin/commands?after=c099"`)
	second := n.get("/admin/commands?after=c099").body
	require.Equal(t, 51, strings.Count(second, `<th scope="row" class="first">`))
	require.NotContains(t, second, `rel="next"`)
	require.Contains(t, n.get("/admin/commands?after=z").body, "There are no more.")
}

// The names of events in the forms are those that agents and steps know.
func TestEventsOfForms(t *testing.T) {
	run, step := web.EventsOfForms()
	names := func(list []string) map[string]string {
		names := map[string]string{}
		for _, event := range list {
			names[event] = "x"
			if strings.HasSuffix(event, "*") {
				names[event] = "x.*"
			}
		}
		return names
	}
	require.Empty(t, agents.Agent{Provider: "p", Events: names(run)}.Check())
	require.Empty(t, agents.Flow{Root: agents.Step{Type: "agent", AgentID: "a", Events: names(step)}}.Check())
	unknown := agents.Agent{Provider: "p", Events: map[string]string{"qqq": "x"}}.Check()[0].Message
	require.Equal(t, "there is no such event here; there are "+strings.Join(run, ", "), unknown)
	unknown = agents.Flow{Root: agents.Step{Type: "agent", AgentID: "a", Events: map[string]string{"qqq": "x"}}}.Check()[0].Message
	require.Equal(t, "there is no such event here; there are "+strings.Join(step, ", "), unknown)
}
