package browser_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Someone finds an agent by its name with the keyboard alone.
func TestSearchByKeyboard(t *testing.T) {
	g := start(t, withOneAgent)
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	get(b, chromedp.Evaluate[bool](`document.querySelector("#content").dispatchEvent(new KeyboardEvent("keydown", {key: "/", bubbles: true}))`))
	b.until(`document.querySelector("#palette").open`)
	b.do(chromedp.SendKeys(chromedp.CSS("#palette input"), "cal"))
	b.until(`document.querySelector("#palette .results a")?.innerText.includes("calm")`)
	require.Empty(t, b.violations(module(t, "axe-core/axe.min.js")))
	b.screenshot("search")
	b.do(chromedp.SendKeys(chromedp.CSS("#palette input"), "\r"))
	b.title("calm")
	b.requireQuiet()
}

// Text typed in one tab survives a visit to another tab, and the save bar shows that there are unsaved changes.
func TestTabsKeepWhatIsTyped(t *testing.T) {
	g := start(t, "")
	b := open(t, g)
	b.login(g.password)
	b.title("Overview")
	b.visit("/admin/clients/demo?tab=settings")
	b.fill(`#client input[name="name"]`, "A new name")
	b.shows("1 unsaved change: Name")
	b.press(`.tabs [data-tab="try"]`)
	b.do(chromedp.WaitVisible(chromedp.CSS("#sample-body")))
	b.until(`location.search === "?tab=try"`)
	b.press(`.tabs [data-tab="settings"]`)
	require.Equal(t, "A new name", b.value(`#client input[name="name"]`))
	b.screenshot("unsaved")
	b.do(chromedp.Submit(chromedp.CSS(`#client input[name="name"]`)))
	b.shows("Saved. The change is active.")
	b.title("A new name")
	b.requireQuiet()
}

// The menu of the account switches colours and times; on a phone the menu is a drawer.
func TestTheMenus(t *testing.T) {
	g := start(t, withOneAgent)
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	b.press("button.account")
	b.press(`[data-scheme="dark"]`)
	b.until(`getComputedStyle(document.body).backgroundColor === "rgb(13, 14, 17)"`)
	b.visit("/admin/runs")
	b.until(`getComputedStyle(document.body).backgroundColor === "rgb(13, 14, 17)"`)
	b.do(chromedp.EmulateViewport(375, 800))
	require.False(t, get(b, chromedp.Evaluate[bool](`document.querySelector("#menu").checkVisibility()`)))
	b.press(`button[popovertarget="menu"]`)
	b.until(`document.querySelector("#menu").checkVisibility()`)
	b.screenshot("drawer")
	b.press(`#menu a[href="/admin/agents"]`)
	b.title("Agents")
	b.requireQuiet()
}

// To delete something, its name has to be typed.
func TestDeletingAsksForTheName(t *testing.T) {
	g := start(t, "")
	b := open(t, g)
	b.login(g.password)
	b.title("Overview")
	b.visit("/admin/clients/demo?tab=settings")
	b.fill(`input[name="confirm"]`, "dem")
	b.press(`form[action$="/delete"] button`)
	b.until(`document.querySelector("form[action$='/delete'] :invalid")`)
	b.do(chromedp.SendKeys(chromedp.CSS(`input[name="confirm"]`), "o"))
	b.press(`form[action$="/delete"] button`)
	b.title("Clients")
	b.shows("The client is deleted")
	b.requireQuiet()
}
