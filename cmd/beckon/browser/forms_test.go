package browser_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

const formsConfig = `
admin: {password: a-password-of-this-test, token: an-admin-token-of-this-test}
providers: [{id: offline, type: template, template: "A draft."}]
agents: [{id: clerk, provider: offline, model: m}]
clients:
  - id: contact
    name: Northwind Studio
    source: form
    allowedAgents: [clerk]
    form: {origins: ["ORIGIN", "null"], fields: {email: {type: email, required: true, max: 200}, message: {required: true}}, honeypot: website}
  - id: moving
    source: form
    allowedAgents: [clerk]
    form: {origins: ["ORIGIN"], redirect: "ORIGIN/thanks"}
  - id: solved
    source: form
    allowedAgents: [clerk]
    form: {origins: ["ORIGIN"], challenge: altcha}
  - id: filed
    source: form
    allowedAgents: [clerk]
    form: {origins: ["ORIGIN"], fields: {note: {max: 100}, papers: {type: file, multiple: true}}}
`

// solver solves a challenge as altcha's widget does.
const solver = `(async () => {
  const c = await (await fetch(ADDRESS + "/challenge")).json();
  for (let number = 0; number <= c.maxnumber; number++) {
    const hash = await crypto.subtle.digest(c.algorithm, new TextEncoder().encode(c.salt + number));
    if (Array.from(new Uint8Array(hash), (b) => b.toString(16).padStart(2, "0")).join("") === c.challenge) {
      document.querySelector("[name=altcha]").value = btoa(JSON.stringify({algorithm: c.algorithm, challenge: c.challenge, number, salt: c.salt, signature: c.signature}));
      return true;
    }
  }
  return false;
})()`

// formPage is a web page of another origin.
type formPage struct {
	*httptest.Server
	page atomic.Pointer[string]
}

func newFormPage(t *testing.T) *formPage {
	s := &formPage{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch r.URL.Path {
		case "/altcha.js":
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
			_, _ = io.WriteString(w, module(t, "altcha/dist/altcha.js"))
		case "/thanks":
			_, _ = io.WriteString(w, "<h1>Our own thanks</h1>")
		case "/":
			_, _ = io.WriteString(w, "<!doctype html><title>Northwind</title><link rel=icon href=data:,><h1>Write to us</h1>"+*s.page.Load())
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// runsOf returns how many runs a client has.
func (g *gateway) runsOf(client string) int {
	var list struct {
		Items []struct{ ClientID, Source string }
	}
	g.admin("/runs?limit=100", &list)
	count := 0
	for _, run := range list.Items {
		if run.ClientID == client && run.Source == "form" {
			count++
		}
	}
	return count
}

func (g *gateway) admin(path string, into any) {
	r, err := http.NewRequest(http.MethodGet, g.url+"/api/v1/admin"+path, nil)
	require.NoError(g.t, err)
	r.Header.Set("Authorization", "Bearer an-admin-token-of-this-test")
	response, err := http.DefaultClient.Do(r)
	require.NoError(g.t, err)
	defer response.Body.Close()
	require.Equal(g.t, http.StatusOK, response.StatusCode)
	require.NoError(g.t, json.NewDecoder(response.Body).Decode(into))
}

func (g *gateway) formAddress(client string) string {
	var c struct{ Form struct{ Key string } }
	g.admin("/clients/"+client, &c)
	require.NotEmpty(g.t, c.Form.Key)
	return g.url + "/f/" + c.Form.Key
}

// A visitor of a page of another origin sends a form, in the ways that there are. The HTML and the script are those of the client's page.
func TestFormsOfWebPages(t *testing.T) {
	pages := newFormPage(t)
	g := start(t, strings.ReplaceAll(formsConfig, "ORIGIN", pages.URL))
	b := open(t, g)
	b.login("a-password-of-this-test")
	b.title("Overview")
	b.visit("/admin/clients/contact")
	snippet := func(key string) string {
		return get(b, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector('#%s').textContent", key)))
	}
	pasted, script := snippet("form-1"), snippet("fetch-1")
	require.Contains(t, pasted, g.formAddress("contact"))
	goTo := func(url string) { b.do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("body"))) }
	write := func() {
		b.fill("[name=email]", "ada@example.com")
		b.do(chromedp.SendKeys(chromedp.CSS("[name=message]"), "Do you build sheds?"))
		b.do(chromedp.Submit(chromedp.CSS("[name=email]")))
	}
	pages.page.Store(&pasted)

	t.Run("plain", func(t *testing.T) {
		goTo(pages.URL)
		write()
		b.title("Thank you")
		b.shows("Northwind Studio")
		require.Equal(t, 1, g.runsOf("contact"))
		b.screenshot("form-thanks")
		b.click("Back to the page")
		b.title("Write to us")
	})
	t.Run("wrong, and nothing is lost", func(t *testing.T) {
		unchecked := strings.ReplaceAll(strings.ReplaceAll(pasted, " required", ""), `type="email"`, "")
		pages.page.Store(&unchecked)
		defer pages.page.Store(&pasted)
		goTo(pages.URL)
		b.fill("[name=email]", "not an address")
		b.do(chromedp.SendKeys(chromedp.CSS("[name=message]"), "A long message"))
		b.do(chromedp.Submit(chromedp.CSS("[name=email]")))
		b.title("Something is missing")
		b.screenshot("form-wrong")
		b.press("#back")
		b.title("Write to us")
		b.until(`document.querySelector("[name=message]").value === "A long message"`)
		require.Equal(t, 1, g.runsOf("contact"))
	})
	t.Run("the honeypot", func(t *testing.T) {
		goTo(pages.URL)
		get(b, chromedp.Evaluate[string](`document.querySelector("[name=website]").value = "https://spam.example"`))
		write()
		b.title("Thank you")
		require.Equal(t, 1, g.runsOf("contact"))
	})
	t.Run("fetch", func(t *testing.T) {
		goTo(pages.URL)
		run := "(async () => {" + script + "\nreturn JSON.stringify(answer); })()"
		require.JSONEq(t, `{"ok":true}`, get(b, chromedp.Evaluate[string](run, chromedp.EvalAwaitPromise)))
		require.Equal(t, 2, g.runsOf("contact"))
		wrong := strings.Replace(run, "ada@example.com", "nobody", 1)
		require.Contains(t, get(b, chromedp.Evaluate[string](wrong+".catch((e) => e.message)", chromedp.EvalAwaitPromise)), "email: Please enter an e-mail address")
	})
	t.Run("without scripts", func(t *testing.T) {
		call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		goTo(pages.URL)
		write()
		require.Eventually(t, func() bool { return g.runsOf("contact") == 3 }, patience, 20*time.Millisecond)
		call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
	})
	t.Run("from disk", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "page.html")
		require.NoError(t, os.WriteFile(path, []byte("<!doctype html>"+pasted), 0o600))
		goTo("file://" + path)
		write()
		b.title("Thank you")
		require.Equal(t, 4, g.runsOf("contact"))
	})
	t.Run("a redirect", func(t *testing.T) {
		moving := strings.ReplaceAll(pasted, g.formAddress("contact"), g.formAddress("moving"))
		pages.page.Store(&moving)
		goTo(pages.URL)
		write()
		b.title("Our own thanks")
		require.Equal(t, 1, g.runsOf("moving"))
		path := filepath.Join(t.TempDir(), "page.html")
		require.NoError(t, os.WriteFile(path, []byte("<!doctype html>"+moving), 0o600))
		goTo("file://" + path)
		write()
		b.title("Your message was not sent")
		require.Equal(t, 1, g.runsOf("moving"), "null is not listed")
	})
	t.Run("a challenge", func(t *testing.T) {
		solved := strings.ReplaceAll(pasted, g.formAddress("contact"), g.formAddress("solved")) + `<script>document.querySelector("form").insertAdjacentHTML("beforeend", '<input type="hidden" name="altcha">')</script>`
		pages.page.Store(&solved)
		goTo(pages.URL)
		write()
		b.title("Your message was not sent")
		require.Zero(t, g.runsOf("solved"))
		goTo(pages.URL)
		require.True(t, get(b, chromedp.Evaluate[bool](strings.ReplaceAll(solver, "ADDRESS", fmt.Sprintf("%q", g.formAddress("solved"))), chromedp.EvalAwaitPromise)))
		write()
		b.title("Thank you")
		require.Equal(t, 1, g.runsOf("solved"))
	})
	t.Run("the widget of altcha", func(t *testing.T) {
		b.visit("/admin/clients/solved")
		solved := snippet("form-1") + `<script type="module" src="/altcha.js"></script>`
		pages.page.Store(&solved)
		goTo(pages.URL)
		b.fill("[name=email]", "ada@example.com")
		b.do(chromedp.SendKeys(chromedp.CSS("[name=message]"), "Do you build sheds?"))
		b.press("altcha-widget input[type=checkbox]")
		b.until(`document.querySelector("input[name=altcha]")?.value`)
		b.do(chromedp.Click(chromedp.CSS("form > button")))
		b.title("Thank you")
		require.Equal(t, 2, g.runsOf("solved"))
	})
	t.Run("files", func(t *testing.T) {
		folder := t.TempDir()
		photo, plan := filepath.Join(folder, "shed.png"), filepath.Join(folder, "plan.txt")
		require.NoError(t, os.WriteFile(photo, []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), 0o600))
		require.NoError(t, os.WriteFile(plan, []byte("One shed."), 0o600))
		b.visit("/admin/clients/filed")
		filed := snippet("form-1")
		require.Contains(t, filed, `enctype="multipart/form-data"`)
		pages.page.Store(&filed)
		goTo(pages.URL)
		b.do(chromedp.SetUploadFiles(chromedp.CSS("[name=papers]"), []string{photo, plan}))
		b.do(chromedp.SendKeys(chromedp.CSS("[name=note]"), "Look at this."))
		b.do(chromedp.Submit(chromedp.CSS("[name=note]")))
		b.title("Thank you")
		type upload struct{ Name, MediaType, URL string }
		var list struct{ Items []struct{ RunID string } }
		var run struct {
			Input   string
			Uploads []upload
		}
		g.admin("/runs?client=filed", &list)
		require.Len(t, list.Items, 1)
		g.admin("/runs/"+list.Items[0].RunID, &run)
		require.Len(t, run.Uploads, 2)
		require.Equal(t, upload{"shed.png", "image/png", run.Uploads[0].URL}, run.Uploads[0])
		require.Contains(t, run.Input, "papers: shed.png (image/png, 16 bytes), plan.txt (text/plain, 9 bytes)\n\nThe text of the file plan.txt (papers):\n  One shed.")
		response, err := http.Get(run.Uploads[1].URL)
		require.NoError(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, "One shed.", string(text))
	})
	t.Run("a page that is not listed", func(t *testing.T) {
		other := newFormPage(t)
		other.page.Store(&pasted)
		goTo(other.URL)
		write()
		b.title("Your message was not sent")
		require.Equal(t, 4, g.runsOf("contact"))
		blocked := "(async () => {" + script + "\nreturn 'read'; })().catch(() => 'blocked')"
		goTo(other.URL)
		require.Equal(t, "blocked", get(b, chromedp.Evaluate[string](blocked, chromedp.EvalAwaitPromise)))
		require.Equal(t, 4, g.runsOf("contact"))
	})
}
