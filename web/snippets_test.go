package web_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"beckon/calls"
	"beckon/clients"
	"beckon/internal/units"
	"beckon/web"
)

const snippetToken = "mgc_00000000000000000000000000000000000000token"

var (
	ofCommand  = clients.Client{ID: "nightly", CommandID: "daily"}
	ofRequest  = clients.Client{ID: "ci", Passthrough: true, SyncTimeout: units.Duration(time.Minute)}
	ofTemplate = clients.Client{ID: "form", Passthrough: true, Template: `{{.body.name}} says "{{.body.message}}", {{if eq .body.kind "it's <urgent> $HOME"}}now{{end}}`}
	ofAlerts   = clients.Client{ID: "alerts", Passthrough: true, Template: "{{range .body.alerts}}{{.labels.name}}{{end}}"}
)

// parts are the texts of a snippet by their labels.
func parts(t *testing.T, url string, item clients.Client, token, key string) map[string]string {
	t.Helper()
	for _, s := range web.Snippets(url, item, token) {
		if s.Key == key {
			texts := map[string]string{}
			for _, p := range s.Parts {
				texts[p.Label] = p.Text
			}
			return texts
		}
	}
	return nil
}

// The curl line is run as it stands, and its prompt read as the gateway does.
func TestTheCurlLineWorks(t *testing.T) {
	type call struct {
		*http.Request
		body []byte
	}
	calls := make(chan call, 1)
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- call{r, body}
		_, _ = io.WriteString(w, "the answer")
	}))
	t.Cleanup(gateway.Close)
	for name, row := range map[string]struct {
		item   clients.Client
		prompt string
	}{
		"command": {ofCommand, ""}, "request": {ofRequest, "Why did the build fail?"}, "template": {ofTemplate, `example says "example", now`}, "alerts": {ofAlerts, "example"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, token := range []string{snippetToken, ""} {
				line := parts(t, gateway.URL+"/", row.item, token, "curl")[""]
				shell := exec.Command("sh", "-c", line)
				shell.Env = append(shell.Environ(), "BECKON_TOKEN="+snippetToken, "no_proxy=*") // a proxy would not find it
				out, err := shell.CombinedOutput()
				require.NoError(t, err, "%s\n%s", line, out)
				require.Equal(t, "the answer", string(out))
				got := <-calls
				require.Equal(t, "POST /api/v1/webhooks/"+row.item.ID, got.Method+" "+got.URL.Path)
				require.Equal(t, "Bearer "+snippetToken, got.Header.Get("Authorization"))
				require.Equal(t, row.prompt, promptFrom(t, row.item, got.Header, got.body))
			}
		})
	}
}

func promptFrom(t *testing.T, item clients.Client, header http.Header, body []byte) string {
	if !item.Passthrough {
		return string(body)
	}
	item.AllowedAgents = []string{"a"}
	set, findings := clients.NewSet([]clients.Declared{{Client: item}}, clients.NewLimits())
	require.Empty(t, findings)
	prompt, err := calls.PromptOf(set.Get(item.ID), nil, &calls.Request{Header: header, Body: body}, 1<<20)
	require.NoError(t, err)
	return prompt.Text
}

// jobs have the token of the platform, and no secret.
var ofJobs = clients.Client{ID: "jobs", Passthrough: true, Auth: []clients.Auth{{Scheme: "oidc", Issuer: "https://gitlab.example", Audience: "beckon.example", Claims: map[string]string{"project_path": "acme/shop"}}}}

// The pipelines of a client have inputs that the action and the component know, and prompts that arrive as they are; cmd/beckon
// runs such pipelines.
func TestPipelinesOfAClient(t *testing.T) {
	known := knownInputs(t, "../integrations/github-action/action.yml", "inputs")
	inSpec := knownInputs(t, "../integrations/gitlab/templates/beckon.yml", "spec", "inputs")
	for _, item := range []clients.Client{ofCommand, ofRequest, ofTemplate, ofAlerts, ofJobs} {
		var github struct {
			Name string
			On   string
			Jobs map[string]struct {
				RunsOn      string `yaml:"runs-on"`
				Permissions map[string]string
				Steps       []struct {
					Uses string
					With map[string]string
				}
			}
		}
		readYAML(t, parts(t, "https://beckon.example", item, "", "github")[".github/workflows/beckon.yml"], &github)
		step := github.Jobs["ask"].Steps[1]
		require.Equal(t, []string{"push", "./.github/actions/beckon"}, []string{github.On, step.Uses})
		checkInputs(t, item, step.With, known)
		token, permission := "${{ secrets.BECKON_TOKEN }}", ""
		if item.ID == ofJobs.ID {
			token, permission = "", "write"
		}
		require.Equal(t, []string{token, permission}, []string{step.With["token"], github.Jobs["ask"].Permissions["id-token"]})

		var gitlab struct {
			Include []struct {
				Local  string
				Inputs map[string]string
			}
		}
		readYAML(t, parts(t, "https://beckon.example", item, "", "gitlab")[".gitlab-ci.yml"], &gitlab)
		inputs := gitlab.Include[0].Inputs
		if prompt, ok := inputs["prompt"]; ok {
			inputs["prompt"] = strings.ReplaceAll(prompt, "$$", "$")
		}
		checkInputs(t, item, inputs, inSpec)
	}
}

func checkInputs(t *testing.T, item clients.Client, inputs map[string]string, known []string) {
	for name := range inputs {
		require.Contains(t, known, name)
	}
	require.Equal(t, []string{"https://beckon.example", item.ID}, []string{inputs["url"], inputs["client"]})
	require.Equal(t, item.Passthrough, inputs["prompt"] != "")
	if item.ID == ofJobs.ID {
		require.Equal(t, "beckon.example", inputs["audience"])
		return
	}
	want := map[string]string{"nightly": "", "ci": "Why did the build fail?", "form": `example says "example", now`, "alerts": "example"}[item.ID]
	header := http.Header{"Content-Type": {cmp.Or(inputs["content-type"], "text/plain")}}
	require.Equal(t, want, promptFrom(t, item, header, []byte(inputs["prompt"])))
}

// knownInputs are those that the first document of a file declares.
func knownInputs(t *testing.T, file string, path ...string) []string {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, yaml.NewDecoder(bytes.NewReader(text)).Decode(&document))
	for _, name := range path {
		document = document[name].(map[string]any)
	}
	return slices.Collect(maps.Keys(document))
}

const yourAlertmanager = "Add to your alertmanager.yml"

func TestAlertmanagerSnippet(t *testing.T) {
	texts := parts(t, "https://beckon.example", ofAlerts, snippetToken, "alertmanager")
	var config struct {
		Receivers []struct {
			Name     string
			Webhooks []struct {
				URL  string
				HTTP struct {
					Authorization map[string]string
				} `yaml:"http_config"`
				Resolved bool `yaml:"send_resolved"`
			} `yaml:"webhook_configs"`
		}
		Route any
	}
	readYAML(t, texts[yourAlertmanager], &config)
	require.Equal(t, "beckon", config.Receivers[1].Name)
	require.Equal(t, "https://beckon.example/api/v1/webhooks/alerts", config.Receivers[1].Webhooks[0].URL)
	file := config.Receivers[1].Webhooks[0].HTTP.Authorization["credentials_file"]
	once := "Once, where Alertmanager runs: store the token for its user, which is prometheus on Debian"
	require.Equal(t, "printf %s '"+snippetToken+"' | sudo install -m 600 -o prometheus /dev/stdin "+file, texts[once])
	unknown := parts(t, "https://beckon.example", ofAlerts, "", "alertmanager")
	require.Equal(t, `printf %s "$BECKON_TOKEN" | sudo install -m 600 -o prometheus /dev/stdin `+file, unknown[once])
}

// Alertmanager takes the file, sends Beckon every alert, and the others what they had before.
func TestAlertmanagerTakesTheSnippet(t *testing.T) {
	amtool, err := exec.LookPath("amtool")
	if err != nil {
		require.FailNow(t, "there is no amtool: install Debian's package prometheus-alertmanager, or run make needs", err.Error())
	}
	for name, item := range map[string]clients.Client{
		"JSON": ofAlerts, "alerts": {ID: "alerts", Source: "alertmanager", Auth: []clients.Auth{{Scheme: "basic"}}},
	} {
		t.Run(name, func(t *testing.T) {
			const database = `    - {receiver: databases, matchers: ['team="db"']}`
			text := parts(t, "https://beckon.example", item, "", "alertmanager")[yourAlertmanager]
			text = strings.Replace(text, "    # your own routes, unchanged", database, 1) + "\n  - name: databases\n"
			require.Contains(t, text, database)
			file := filepath.Join(t.TempDir(), "alertmanager.yml")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			out, err := exec.Command(amtool, "check-config", file).CombinedOutput()
			require.NoError(t, err, string(out))
			for alert, receivers := range map[string]string{"team=db": "beckon,databases", "team=web": "beckon,your-receiver"} {
				_, err := exec.Command(amtool, "config", "routes", "test", "--config.file="+file, "--verify.receivers="+receivers, alert).Output()
				require.NoError(t, err, alert)
			}
		})
	}
}

// A client that the page made for Alertmanager takes HTTP Basic alone: with a bearer token its calls would be refused.
func TestSnippetsOfAnAlertmanagerClient(t *testing.T) {
	item := clients.Client{ID: "alerts", Source: "alertmanager", Auth: []clients.Auth{{Scheme: "basic"}}}
	var keys []string
	for _, s := range web.Snippets("https://beckon.example", item, "") {
		keys = append(keys, s.Key)
	}
	require.Equal(t, []string{"alertmanager", "curl"}, keys)

	texts := parts(t, "https://beckon.example", item, snippetToken, "alertmanager")
	require.Contains(t, texts[yourAlertmanager], "basic_auth:\n            username: beckon\n            password_file: /etc/alertmanager/beckon-token")
	require.NotContains(t, texts[yourAlertmanager], "send_resolved", "what is resolved is of use")
	line := parts(t, "https://beckon.example", item, "", "curl")[""]
	require.Contains(t, line, `-u "beckon:$BECKON_TOKEN"`)
	require.Contains(t, line, `"alertname":"DiskFull"`)
	require.Contains(t, parts(t, "https://beckon.example", item, snippetToken, "curl")[""], "-u 'beckon:"+snippetToken+"'")

	item.Auth = append(item.Auth, clients.Auth{Scheme: "bearer"})
	require.Contains(t, parts(t, "https://beckon.example", item, "", "curl")[""], `-H "Authorization: Bearer $BECKON_TOKEN"`)
}

func readYAML(t *testing.T, text string, into any) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(into), text)
}

// The token is in what is run once, and never in what others read: a page, a repository.
func TestWhereTheTokenIs(t *testing.T) {
	for _, item := range []clients.Client{ofCommand, ofRequest, ofTemplate, ofAlerts} {
		for _, s := range web.Snippets("https://beckon.example", item, snippetToken) {
			for _, p := range s.Parts {
				require.Equal(t, s.Key == "curl" || strings.HasPrefix(p.Label, "Once"), strings.Contains(p.Text, snippetToken), "%s: %s", s.Key, p.Label)
			}
		}
		for _, s := range web.Snippets("https://beckon.example", item, "") {
			for _, p := range s.Parts {
				require.NotContains(t, p.Text, "mgc_")
				require.Equal(t, strings.HasPrefix(p.Label, "Once"), strings.Contains(p.Text, `"$BECKON_TOKEN"`) && s.Key != "curl", p.Text)
			}
		}
	}
}

func TestFormsAndPrograms(t *testing.T) {
	const page, server = "In your page", "In the server of nginx's configuration"
	require.Contains(t, parts(t, "https://beckon.example", ofRequest, "", "form")[page], `name="prompt"`)
	require.Contains(t, parts(t, "https://beckon.example", ofTemplate, "", "form")[page], `name="message"`)
	require.NotContains(t, parts(t, "https://beckon.example", ofCommand, "", "form")[page], "textarea")
	require.Nil(t, parts(t, "https://beckon.example", ofAlerts, "", "form"), "a form has no lists")
	require.Contains(t, parts(t, "https://beckon.example", ofRequest, "", "form")[server], "proxy_pass https://beckon.example/api/v1/webhooks/ci;\n    proxy_ssl_server_name on;")
	require.NotContains(t, parts(t, "http://localhost:8080", ofRequest, "", "form")[server], "ssl")

	require.Contains(t, parts(t, "https://beckon.example", ofRequest, "", "fetch")["ask.mjs"], `body: "Why did the build fail?",`)
	require.Contains(t, parts(t, "https://beckon.example", ofAlerts, "", "fetch")["ask.mjs"], `body: JSON.stringify({"alerts":[{"labels":{"name":"example"}}]}),`)
	require.NotContains(t, parts(t, "https://beckon.example", ofCommand, "", "fetch")["ask.mjs"], "body:")
}

func TestSampleBody(t *testing.T) {
	for template, want := range map[string]string{
		"Hello {{.client.id}}":                 `{"message":"Why did the build fail?"}`,
		"{{json .body}}":                       `{"message":"Why did the build fail?"}`,
		"{{.body":                              `{"message":"Why did the build fail?"}`,
		"{{.body.a.b}} {{$.body.a.c | upper}}": `{"a":{"b":"example","c":"example"}}`,
		`{{range $i, $x := .body.list}}{{$i}}{{$x.name}}{{$.body.title}}{{end}}`:       `{"list":[{"name":"example"}],"title":"example"}`,
		`{{with .body.user}}{{.login}}{{else}}{{.body.nobody}}{{end}}`:                 `{"nobody":"example","user":{"login":"example"}}`,
		`{{$b := .body}}{{$b.x}}{{if eq .body.status "firing"}}{{end}}`:                `{"status":"firing","x":"example"}`,
		`{{.body.at | date "15:04"}} {{join ", " .body.tags}}{{(index .body.l 0).n}}`:  `{"at":"2026-02-18T03:12:00Z","l":[{"n":"example"}],"tags":["example"]}`,
		`{{index .body "odd key"}}{{index .headers "x"}}{{.body.x | default .body.y}}`: `{"odd key":"example","x":"example","y":"example"}`,
		`{{range .body}}{{.id}}{{end}}`:                                                `[{"id":"example"}]`,
	} {
		t.Run(template, func(t *testing.T) {
			var compact strings.Builder
			var value any
			require.NoError(t, json.Unmarshal([]byte(web.SampleBody(template)), &value))
			require.NoError(t, json.NewEncoder(&compact).Encode(value))
			require.JSONEq(t, want, compact.String())
		})
	}
}
