package web

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"beckon/clients"
	"beckon/internal/secret"
)

// snippet is how one kind of caller calls a client, to be copied.
type snippet struct {
	Key, Title, Note string
	Parts            []snippetPart
}

type snippetPart struct {
	Key, Label, Text string
}

// snippets are the ways to call a client. With its token, which can be had once only, they say where to put it, and the
// curl line works as it stands.
func snippets(publicURL string, item clients.Client, token secret.String) []snippet {
	o := newCallExample(publicURL, item, token.Reveal())
	list := []snippet{o.curl(), o.githubActions(), o.gitlabCI(), o.alertmanager(), o.htmlForm(), o.fetch()}
	if o.isAlertmanager {
		list = []snippet{o.alertmanager(), o.curl()}
	}
	list = slices.DeleteFunc(list, func(s snippet) bool { return len(s.Parts) == 0 })
	for i := range list {
		list[i].Parts = slices.DeleteFunc(list[i].Parts, func(p snippetPart) bool { return p.Text == "" })
		for j := range list[i].Parts {
			list[i].Parts[j].Key = fmt.Sprintf("%s-%d", list[i].Key, j+1)
		}
	}
	return list
}

// callExample is what all snippets of a client have in common: the call that they make.
type callExample struct {
	base, url       string // of the gateway, and of the webhook
	id, token       string
	audience        string   // of the tokens of CI jobs; empty where the client takes none
	mediaType, body string   // both empty where the client's prompt is a command's
	fields          []string // of the body as a form
	hasForm         bool
	isBasic         bool // the client takes HTTP Basic, and no bearer token
	isAlertmanager  bool // the client reads calls as Alertmanager's
	maxTime         int  // seconds: a little more than a call waits
}

func newCallExample(publicURL string, item clients.Client, token string) callExample {
	base := strings.TrimRight(publicURL, "/")
	o := callExample{base: base, url: base + "/api/v1/webhooks/" + item.ID, id: item.ID, token: token, hasForm: true,
		maxTime: int(item.SyncTimeout.Or(clients.DefaultSyncTimeout)/time.Second) + 30}
	for _, a := range item.Auth {
		if a.Scheme == "oidc" {
			o.audience = a.Audience
		}
		o.isBasic = o.isBasic || a.Scheme == "basic"
	}
	o.isBasic = o.isBasic && !slices.ContainsFunc(item.Auth, func(a clients.Auth) bool { return a.Scheme == "bearer" })
	o.isAlertmanager = item.Source == "alertmanager"
	switch {
	case o.isAlertmanager:
		o.mediaType, o.body, o.hasForm = "application/json", oneLine(sampleAlert), false
	case item.Template != "":
		o.mediaType, o.body = "application/json", oneLine(sampleBody(item.Template))
		o.fields, o.hasForm = formFields(o.body)
	case item.TakesRequest():
		o.mediaType, o.body, o.fields = "text/plain", samplePrompt, []string{"prompt"}
	}
	return o
}

func oneLine(document string) string {
	var value any
	_ = json.Unmarshal([]byte(document), &value) // it is ours
	text, _ := json.Marshal(value)
	return string(text)
}

// formFields are those of a body that a form could send as well: an object of texts.
func formFields(body string) ([]string, bool) {
	var texts map[string]string
	if json.Unmarshal([]byte(body), &texts) != nil {
		return nil, false
	}
	return slices.Sorted(maps.Keys(texts)), true
}

// shell quotes a word for a POSIX shell.
func shell(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// call is a curl line over several, each with an indent; authorization is quoted already.
func (o callExample) call(options, authorization, indent string) string {
	lines := []string{strings.TrimSpace("curl -sS "+options) + " " + shell(o.url), authorization, "-H 'Accept: text/plain'"}
	if o.body == "" {
		lines[0] = strings.Replace(lines[0], "curl -sS", "curl -sS -X POST", 1)
	} else {
		lines = append(lines, "-H "+shell("Content-Type: "+o.mediaType), "--data-binary "+shell(o.body))
	}
	return indent + strings.Join(lines, " \\\n"+indent+"  ")
}

// authorization is the option of curl that proves who calls.
func (o callExample) authorization() string {
	switch {
	case o.isBasic && o.token == "":
		return `-u "beckon:$BECKON_TOKEN"`
	case o.isBasic:
		return "-u " + shell("beckon:"+o.token)
	case o.token == "":
		return `-H "Authorization: Bearer $BECKON_TOKEN"`
	}
	return "-H " + shell("Authorization: Bearer "+o.token)
}

func (o callExample) curl() snippet {
	s := snippet{Key: "curl", Title: "curl", Parts: []snippetPart{{Text: o.call("", o.authorization(), "")}}}
	if o.isAlertmanager {
		s.Note = "An alert is answered at once, with the ID of its run. The answer is on the run's page, and goes to your endpoints."
	}
	s.Note = strings.TrimSpace(o.withVariable(s.Note))
	return s
}

// shellToken is the token for a shell; where it is not known, the variable that the note asks for.
func (o callExample) shellToken() string {
	if o.token == "" {
		return `"$BECKON_TOKEN"`
	}
	return shell(o.token)
}

// withVariable adds to a note how to get the token into a line that reads it from a variable.
func (o callExample) withVariable(note string) string {
	if o.token != "" {
		return note
	}
	return "Set the variable BECKON_TOKEN to the token first. " + note
}

// inputs are what the action of GitHub and the component of GitLab are given, as lines of YAML; prompt is as they take it.
func (o callExample) inputs(prompt, indent string) string {
	lines := []string{"url: " + strconv.Quote(o.base), "client: " + o.id}
	if prompt != "" {
		lines = append(lines, "prompt: "+singleQuoted(prompt))
	}
	if o.mediaType == "application/json" {
		lines = append(lines, "content-type: application/json")
	}
	if o.audience != "" && o.audience != "beckon" {
		lines = append(lines, "audience: "+strconv.Quote(o.audience))
	}
	return indent + strings.Join(lines, "\n"+indent)
}

// singleQuoted quotes a text of one line in YAML.
func singleQuoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func (o callExample) githubActions() snippet {
	note := o.withVariable("The repository secret BECKON_TOKEN holds the token.")
	proof := "\n          token: ${{ secrets.BECKON_TOKEN }}"
	permission, once := "", "gh secret set BECKON_TOKEN --body "+o.shellToken()
	if o.audience != "" {
		note, proof, permission = "The job authenticates with the token that GitHub issues to it.", "", "\n      id-token: write"
		once = ""
	}
	return snippet{
		Key:   "github",
		Title: "GitHub Actions",
		Note: note + " Copy the folder integrations/github-action of Beckon's repository to .github/actions/beckon. " +
			"The step waits for the answer, and fails if there is none or the gate is not met.",
		Parts: []snippetPart{
			{Label: "Once, in your repository", Text: once},
			{Label: ".github/workflows/beckon.yml", Text: `name: Ask Beckon
on: push
jobs:
  ask:
    runs-on: ubuntu-latest
    permissions:
      contents: read` + permission + `
    steps:
      - uses: actions/checkout@v4
      - uses: ./.github/actions/beckon
        with:
` + o.inputs(o.body, "          ") + proof},
		},
	}
}

func (o callExample) gitlabCI() snippet {
	note := o.withVariable("The masked project variable BECKON_TOKEN holds the token. " +
		"GitLab shows it under Settings, CI/CD, Variables.")
	once := "glab variable set BECKON_TOKEN " + o.shellToken() + " --masked"
	if o.audience != "" {
		note, once = "The job authenticates with the token that GitLab issues to it.", ""
	}
	return snippet{
		Key:   "gitlab",
		Title: "GitLab CI",
		Note: note + " Copy the file integrations/gitlab/templates/beckon.yml of Beckon's repository to ci/beckon.yml. " +
			"The job waits for the answer, and fails if there is none or the gate is not met.",
		Parts: []snippetPart{
			{Label: "Once, in your repository", Text: once},
			{Label: ".gitlab-ci.yml", Text: `include:
  - local: /ci/beckon.yml
    inputs:
` + o.inputs(strings.ReplaceAll(o.body, "$", "$$"), "      ")},
		},
	}
}

// alertmanager adds Beckon to a file that has routes already. Alertmanager takes the receiver of the outermost route only
// for alerts that no child route takes; the last child keeps it for all that it had.
func (o callExample) alertmanager() snippet {
	proof, note := `authorization:
            credentials_file: /etc/alertmanager/beckon-token`, "The agent gets Alertmanager's JSON. To get a prompt with what matters, "+
		"set the client's source to alertmanager."
	if o.isBasic {
		proof = `basic_auth:
            username: beckon
            password_file: /etc/alertmanager/beckon-token`
	}
	resolved := "\n        send_resolved: false"
	if o.isAlertmanager {
		resolved = ""
		note = "Beckon also uses the calls for resolved alerts, so leave send_resolved on."
	}
	return snippet{
		Key: "alertmanager", Title: "Alertmanager", Note: o.withVariable(note),
		Parts: []snippetPart{
			{
				Label: "Once, where Alertmanager runs: store the token for its user, which is prometheus on Debian",
				Text: "printf %s " + o.shellToken() +
					" | sudo install -m 600 -o prometheus /dev/stdin /etc/alertmanager/beckon-token",
			},
			{Label: "Add to your alertmanager.yml", Text: `route:
  receiver: your-receiver # yours, unchanged, as is the rest of the route
  routes:
    - receiver: beckon # new, the first: Beckon gets all alerts
      continue: true # and your routes get them too
    # your own routes, unchanged
    - receiver: your-receiver # new, the last: alerts that none of your routes takes
receivers:
  - name: your-receiver # yours, unchanged
  - name: beckon # new
    webhook_configs:
      - url: ` + strconv.Quote(o.url) + resolved + `
        http_config:
          ` + proof},
			{
				Label: "Check the file and reload it",
				Text: "amtool check-config /etc/alertmanager/alertmanager.yml && " +
					"curl -sS -X POST http://localhost:9093/-/reload",
			},
		},
	}
}

// htmlForm never has the token in a page, where every visitor could read it.
func (o callExample) htmlForm() snippet {
	if !o.hasForm {
		return snippet{}
	}
	var form strings.Builder
	form.WriteString(`<form method="post" action="/ask">` + "\n")
	for _, name := range o.fields {
		name = html.EscapeString(name)
		form.WriteString(`  <label>` + name + ` <textarea name="` + name + `" required></textarea></label>` + "\n")
	}
	form.WriteString("  <button>Send</button>\n</form>")
	withTLS := ""
	if isTLS(o.url) {
		withTLS = "\n    proxy_ssl_server_name on;"
	}
	return snippet{
		Key:   "form",
		Title: "HTML form",
		Note: o.withVariable("Everyone can read a page, so the token must not be in it: the web server adds it. " +
			"This example uses nginx."),
		Parts: []snippetPart{
			{Label: "In your page", Text: form.String()},
			{
				Label: "Once, where nginx runs",
				Text: `printf 'proxy_set_header Authorization "Bearer %s";\n' ` + o.shellToken() +
					" | sudo install -m 600 /dev/stdin /etc/nginx/beckon-token.conf",
			},
			{Label: "In the server of nginx's configuration", Text: `location = /ask {
    limit_except POST { deny all; }
    client_max_body_size 20k;
    proxy_pass ` + o.url + `;` + withTLS + `
    proxy_set_header Accept "text/plain";
    include /etc/nginx/beckon-token.conf;
    proxy_read_timeout ` + strconv.Itoa(o.maxTime) + `s;
}`},
		},
	}
}

func (o callExample) fetch() snippet {
	export := ""
	if o.token != "" {
		export = "export BECKON_TOKEN=" + shell(o.token)
	}
	headers, body := `"Authorization": `+"`Bearer ${process.env.BECKON_TOKEN}`", ""
	switch o.mediaType {
	case "application/json":
		headers += `, "Content-Type": "application/json"`
		body = "\n  body: JSON.stringify(" + o.body + "),"
	case "text/plain":
		headers += `, "Content-Type": "text/plain"`
		body = "\n  body: " + strconv.Quote(o.body) + ","
	}
	return snippet{
		Key:   "fetch",
		Title: "fetch",
		Note: o.withVariable("For programs on a server, such as with Node. " +
			"A page in a browser would show the token to its visitors."),
		Parts: []snippetPart{
			{Label: "Once, in the environment of the program", Text: export},
			{Label: "ask.mjs", Text: `const response = await fetch(` + strconv.Quote(o.url) + `, {
  method: "POST",
  headers: { ` + headers + ` },` + body + `
});
const answer = await response.json();
if (!response.ok) throw new Error(answer.detail);
console.log(answer.response ?? "It takes longer: " + answer.url);`},
		},
	}
}
