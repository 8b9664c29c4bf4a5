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
	url, id, token  string
	mediaType, body string   // both empty where the client's prompt is a command's
	fields          []string // of the body as a form
	hasForm         bool
	maxTime         int // seconds: a little more than a call waits
}

func newCallExample(publicURL string, item clients.Client, token string) callExample {
	o := callExample{url: strings.TrimRight(publicURL, "/") + "/api/v1/webhooks/" + item.ID, id: item.ID, token: token, hasForm: true,
		maxTime: int(item.SyncTimeout.Or(clients.DefaultSyncTimeout)/time.Second) + 30}
	switch {
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
	lines := []string{strings.TrimSpace("curl -sS "+options) + " " + shell(o.url), "-H " + authorization, "-H 'Accept: text/plain'"}
	if o.body == "" {
		lines[0] = strings.Replace(lines[0], "curl -sS", "curl -sS -X POST", 1)
	} else {
		lines = append(lines, "-H "+shell("Content-Type: "+o.mediaType), "--data-binary "+shell(o.body))
	}
	return indent + strings.Join(lines, " \\\n"+indent+"  ")
}

const fromVariable = `"Authorization: Bearer $BECKON_TOKEN"`

func (o callExample) curl() snippet {
	s := snippet{Key: "curl", Title: "curl"}
	if o.token == "" {
		s.Note = "BECKON_TOKEN is a variable of your shell that has the token."
		s.Parts = []snippetPart{{Text: o.call("", fromVariable, "")}}
		return s
	}
	s.Parts = []snippetPart{{Text: o.call("", shell("Authorization: Bearer "+o.token), "")}}
	return s
}

func (o callExample) onlyWithToken(text string) string {
	if o.token == "" {
		return ""
	}
	return text
}

// jobOptions are curl's options in a CI job: an error fails the job, and a passing failure is retried.
func (o callExample) jobOptions() string {
	return "--fail-with-body --retry 3 --max-time " + strconv.Itoa(o.maxTime)
}

func (o callExample) githubActions() snippet {
	return snippet{Key: "github", Title: "GitHub Actions", Note: "The token is a secret of the repository: BECKON_TOKEN. The workflow goes into .github/workflows/beckon.yml.",
		Parts: []snippetPart{
			{Label: "Once, in your repository", Text: o.onlyWithToken("gh secret set BECKON_TOKEN --body " + shell(o.token))},
			{Label: ".github/workflows/beckon.yml", Text: `name: Ask Beckon
on: push
jobs:
  ask:
    runs-on: ubuntu-latest
    steps:
      - name: Ask
        env:
          BECKON_TOKEN: ${{ secrets.BECKON_TOKEN }}
        run: |
` + o.call(o.jobOptions(), fromVariable, "          ")},
		}}
}

func (o callExample) gitlabCI() snippet {
	return snippet{Key: "gitlab", Title: "GitLab CI", Note: "The token is a masked variable of the project: BECKON_TOKEN, under Settings, CI/CD, Variables.",
		Parts: []snippetPart{
			{Label: "Once, in your repository", Text: o.onlyWithToken("glab variable set BECKON_TOKEN " + shell(o.token) + " --masked")},
			{Label: ".gitlab-ci.yml", Text: `ask-beckon:
  image:
    name: curlimages/curl
    entrypoint: [""]
  script:
    - |
` + o.call(o.jobOptions(), fromVariable, "      ")},
		}}
}

func (o callExample) alertmanager() snippet {
	return snippet{Key: "alertmanager", Title: "Alertmanager", Note: "The file with the token is readable by Alertmanager. What the agent gets is Alertmanager's JSON: a template can make less of it.",
		Parts: []snippetPart{
			{Label: "Once, where Alertmanager runs", Text: o.onlyWithToken("printf %s " + shell(o.token) + " | sudo tee /etc/alertmanager/beckon-token > /dev/null")},
			{Label: "alertmanager.yml", Text: `route:
  receiver: beckon
receivers:
  - name: beckon
    webhook_configs:
      - url: ` + strconv.Quote(o.url) + `
        send_resolved: false
        http_config:
          authorization:
            credentials_file: /etc/alertmanager/beckon-token`},
		}}
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
	return snippet{Key: "form", Title: "HTML form", Note: "A page is read by everybody, so that the token is not in it: the web server adds it. Here that is nginx.",
		Parts: []snippetPart{
			{Label: "In your page", Text: form.String()},
			{Label: "Once, where nginx runs", Text: o.onlyWithToken(`printf 'proxy_set_header Authorization "Bearer %s";\n' ` + shell(o.token) + " | sudo install -m 600 /dev/stdin /etc/nginx/beckon-token.conf")},
			{Label: "In the server of nginx's configuration", Text: `location = /ask {
    limit_except POST { deny all; }
    client_max_body_size 20k;
    proxy_pass ` + o.url + `;` + withTLS + `
    proxy_set_header Accept "text/plain";
    include /etc/nginx/beckon-token.conf;
    proxy_read_timeout ` + strconv.Itoa(o.maxTime) + `s;
}`},
		}}
}

func (o callExample) fetch() snippet {
	headers, body := `"Authorization": `+"`Bearer ${process.env.BECKON_TOKEN}`", ""
	switch o.mediaType {
	case "application/json":
		headers += `, "Content-Type": "application/json"`
		body = "\n  body: JSON.stringify(" + o.body + "),"
	case "text/plain":
		headers += `, "Content-Type": "text/plain"`
		body = "\n  body: " + strconv.Quote(o.body) + ","
	}
	return snippet{Key: "fetch", Title: "fetch", Note: "For programs on a server, such as with Node. A page in a browser would show the token to its visitors.",
		Parts: []snippetPart{
			{Label: "Once, in the environment of the program", Text: o.onlyWithToken("export BECKON_TOKEN=" + shell(o.token))},
			{Label: "ask.mjs", Text: `const response = await fetch(` + strconv.Quote(o.url) + `, {
  method: "POST",
  headers: { ` + headers + ` },` + body + `
});
const answer = await response.json();
if (!response.ok) throw new Error(answer.detail);
console.log(answer.response ?? "It takes longer: " + answer.url);`},
		}}
}
