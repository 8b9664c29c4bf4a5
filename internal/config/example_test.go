package config

import (
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/calls"
	"beckon/clients"
	"beckon/internal/catalog"
	"beckon/internal/render"
	"beckon/internal/spend"
)

const examplePath = "../../config.example.yaml"

func example(t *testing.T) (*Config, *catalog.View) {
	t.Helper()
	env := vars{"CI_TOKEN": "one", "NIGHTLY_TOKEN": "two", "ALERT_TOKEN": "three", "OPS_SECRET": "whsec_ZXhhbXBsZWV4YW1wbGVleGFtcGxlZXhh"}
	c, err := Load(examplePath, env.get, nouns(env))
	require.NoError(t, err)
	return c, view(t, c, env)
}

func TestExampleLoadsAndStaysOffline(t *testing.T) {
	c, v := example(t)
	require.Empty(t, v.Warnings())
	defaults := func() *Config { return defaults(nouns(nil)) }
	require.Equal(t, defaults().Server, c.Server, "the example shows the defaults")
	require.Equal(t, defaults().Database, c.Database)
	require.Equal(t, defaults().Log, c.Log)
	require.Equal(t, defaults().Retention, c.Retention)
	for _, a := range catalog.All[agents.Agent](v) {
		require.True(t, a.Provider == "offline" || a.ID == "poster" || a.ID == "video", a.ID)
	}
	var ids []string
	for _, c := range catalog.All[clients.Client](v) {
		ids = append(ids, c.ID)
	}
	require.Equal(t, []string{"ci", "nightly", "alert", "shop", "form"}, ids)
}

func TestExampleHasEveryKey(t *testing.T) {
	c, _ := example(t)
	there := map[string]bool{}
	for path := range c.lines {
		path = regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, "")
		there[path], there[regexp.MustCompile(`(\.steps)+`).ReplaceAllString(path, ".steps")] = true, true
	}
	var visit func(v reflect.Type, path string)
	visit = func(v reflect.Type, path string) {
		for v.Kind() == reflect.Slice || v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v == reflect.TypeFor[spend.Budget]() { // that of a client shows what each has
			return
		}
		if v.Kind() != reflect.Struct || reflect.PointerTo(v).Implements(reflect.TypeFor[textOrList]()) || strings.Count(path, ".steps")+strings.Count(path, ".otherwise") > 1 {
			return
		}
		fields := fieldsOf(reflect.New(v).Elem())
		for _, name := range fields.names {
			child := join(path, name)
			if path != "flows.root" || name == "type" || name == "steps" { // what else a step has is shown by others
				require.True(t, there[child], child)
				visit(fields.byName[name].Type(), child)
			}
		}
	}
	visit(reflect.TypeFor[Config](), "")
	for _, kind := range c.nouns.Kinds() {
		visit(kind.Type, kind.Section)
	}
}

func TestExampleTemplatesRender(t *testing.T) {
	_, v := example(t)
	for id, tt := range map[string]struct{ contentType, body, want string }{
		"alert": {"application/json", `{"status":"firing","alerts":[
			{"labels":{"alertname":"DiskFull","instance":"db-1","severity":"critical"},"annotations":{"summary":"95 % used"}},
			{"labels":{"alertname":"Down"}, "annotations":{}}]}`,
			"FIRING: 2 alert(s), received 09:30.\n- DiskFull on db-1 (critical):\n  95 % used\n- Down on an unknown host (no severity):\n  no summary\n\n"},
		"form": {"application/json", `{"name":"Ada","email":"","message":"Hello\nthere"}`, "Ada (no address) wrote:\nHello\nthere\n"},
	} {
		client, ok := catalog.Find[clients.Client](v, id)
		require.True(t, ok)
		template, err := render.Parse(client.Template)
		require.NoError(t, err)
		member := &clients.Member{Client: client, PromptTemplate: template}
		prompt, err := calls.PromptOf(member, nil, &calls.Request{Header: http.Header{"Content-Type": {tt.contentType}},
			Body: []byte(tt.body), ReceivedAt: time.Date(2026, 2, 18, 9, 30, 0, 0, time.UTC)}, 1<<20)
		require.NoError(t, err)
		require.Equal(t, tt.want, prompt.Text)
	}
}

func TestExampleNamesItsVariables(t *testing.T) {
	text, err := os.ReadFile(examplePath)
	require.NoError(t, err)
	_, err = Load(examplePath, vars{}.get, nouns(nil))
	for _, name := range []string{"CI_TOKEN", "NIGHTLY_TOKEN", "ALERT_TOKEN", "OPS_SECRET"} {
		require.ErrorContains(t, err, "${"+name+"} is not set")
		require.Contains(t, string(text), "${"+name+"}")
	}
}
