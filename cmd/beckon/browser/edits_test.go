package browser_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Two administrators edit the same agent. The second one loses nothing, sees what differs, and decides.
func TestTwoAdministratorsSaveTheSame(t *testing.T) {
	g := start(t, `
admin: {password: "correct horse", token: adm_0123456789abcdef0123456789abcdef}
providers: [{id: off, type: template, template: "re: {{.prompt}}"}]
`)
	const token = "adm_0123456789abcdef0123456789abcdef"
	status, made := g.send(http.MethodPost, "/api/v1/admin/agents", token, map[string]any{"id": "shared", "provider": "off", "systemPrompt": "As it was."})
	require.Equal(t, http.StatusCreated, status, made)
	first, second := open(t, g), open(t, g)
	for _, b := range []*browser{first, second} {
		b.login("correct horse")
		b.title("Overview")
		b.visit("/admin/agents/shared?tab=settings")
	}
	first.fill(`input[name="name"]`, "First's name")
	first.click("Save changes")
	first.shows("Saved. The change is active.")

	second.fill(`textarea[name="systemPrompt"]`, "Second's instructions")
	second.click("Save changes")
	second.shows("Someone else saved this while you were editing.")
	second.forget("409")
	require.Equal(t, "Second's instructions", second.value(`textarea[name="systemPrompt"]`), "what was typed is still there")
	differs := get(second, chromedp.Text(chromedp.CSS(`.card[aria-labelledby="about-meanwhile"]`)))
	for _, said := range []string{"Name", "First's name", "Instructions", "As it was.", "Second's instructions", "Last changed by admin"} {
		require.Contains(t, differs, said)
	}
	require.NotContains(t, differs, "Provider", "what is the same is not listed")
	require.True(t, get(second, chromedp.Evaluate[bool](`document.activeElement.id === "errors"`)), "the message has the focus")
	require.Empty(t, second.violations(module(t, "axe-core/axe.min.js")))
	second.screenshot("two-admins")

	second.fill(`input[name="name"]`, "First's name")
	second.click("Save changes")
	second.shows("Saved. The change is active.")
	second.title("First's name")
	require.Equal(t, "Second's instructions", second.value(`textarea[name="systemPrompt"]`))
	second.requireQuiet()
}

// A session that ends below a long form of a client loses nothing of it: choices and boxes neither.
func TestTheSessionEndsBelowANewClient(t *testing.T) {
	g := start(t, withOneAgent)
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	b.visit("/admin/clients/new?source=generic")
	b.fill(`input[name="name"]`, "Night watch")
	b.tick("#kind-template")
	b.write(`textarea[name="template"]`, "Look at {{ .body.host }}")
	b.tick(`input[name="allowedAgents"][value="calm"]`)
	call(b, network.ClearBrowserCookies, cdp.Empty{})
	b.click("Create client")
	b.title("Your session has ended")
	b.forget("401")
	b.loginElsewhere("correct horse")
	b.click("Send again")
	b.title("Night watch is ready")
	b.visit("/admin/clients/night-watch?tab=settings")
	require.True(t, get(b, chromedp.Evaluate[bool](`document.querySelector("#kind-template").checked`)))
	require.Equal(t, "Look at {{ .body.host }}", b.value(`textarea[name="template"]`))
	b.requireQuiet()
}

// hiddenByBar finds a field or button of the page that the bar covers: once it has the focus, or at the end of scrolling.
const hiddenByBar = `(() => {
	const bar = document.querySelector(".savebar");
	const shown = [...document.querySelectorAll("main :is(input, select, textarea, button, a, summary)")]
		.filter((e) => !bar.contains(e) && e.type !== "hidden" && e.checkVisibility() && e.getBoundingClientRect().height > 0);
	const covered = (e) => {
		const of = e.getBoundingClientRect(), by = bar.getBoundingClientRect();
		const least = e.tagName === "TEXTAREA" ? of.height / 2 : 1; // of a large text, the line of the caret is in sight
		return Math.min(of.bottom, by.bottom) - Math.max(of.top, by.top) > least && of.height < innerHeight / 2;
	};
	const name = (e) => (e.id || e.name || e.innerText) + " " + e.tagName;
	for (const e of shown) {
		e.focus();
		if (document.activeElement === e && covered(e)) return "the bar covers the focused " + name(e);
	}
	document.activeElement.blur();
	scrollTo(0, document.documentElement.scrollHeight);
	const last = shown.find(covered);
	return last ? "at the end, the bar covers " + name(last) : "";
})()`

// Nothing is below the bar that saves: neither what has the focus, nor, at the end of the page, what follows the form.
func TestTheBarCoversNothing(t *testing.T) {
	g := start(t, "")
	b := open(t, g)
	b.login(g.password)
	b.title("Overview")
	for _, size := range [][2]int64{{1280, 900}, {900, 900}, {900, 700}, {375, 700}, {320, 568}} {
		b.do(chromedp.EmulateViewport(size[0], size[1]))
		for _, path := range []string{"/admin/providers/new?vendor=other", "/admin/agents/assistant?tab=settings", "/admin/clients/new?source=alertmanager", "/admin/clients/demo?tab=settings", "/admin/endpoints/new", "/admin/flows/new"} {
			b.visit(path)
			b.settled()
			require.Empty(t, get(b, chromedp.Evaluate[string](hiddenByBar)), "%s at %d × %d", path, size[0], size[1])
			b.screenshot(fmt.Sprintf("bar-%s-%d", path[len("/admin/"):len("/admin/")+5], size[0]))
		}
	}
	b.requireQuiet()
}

// All mistakes of a form are shown at once, each with a link to its field.
func TestAllMistakesAtOnce(t *testing.T) {
	g := start(t, withOneAgent)
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	b.visit("/admin/agents/new")
	require.Equal(t, "off", b.value(`[name="provider"]`), "the only provider is chosen")
	b.do(chromedp.SetValue(chromedp.CSS(`[name="provider"]`), ""))
	b.fill(`input[name="temperature"]`, "hot")
	b.click("Create agent")
	b.shows("This could not be saved.")
	b.forget("422")
	said := get(b, chromedp.Text(chromedp.CSS("#errors")))
	for _, mistake := range []string{"Name is required", "Provider is required", "Model is required", "Temperature must be a number"} {
		require.Contains(t, said, mistake)
	}
	require.True(t, get(b, chromedp.Evaluate[bool](`document.activeElement.id === "errors"`)))
	require.True(t, get(b, chromedp.Evaluate[bool](`document.querySelector("#field-model").required && document.querySelector("#field-name").required`)))
	b.press(`#errors a[href="#field-model"]`)
	b.until(`location.hash === "#field-model"`)
	require.Empty(t, b.violations(module(t, "axe-core/axe.min.js")))
	b.screenshot("all-mistakes")
	b.requireQuiet()
}
