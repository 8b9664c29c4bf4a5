package browser_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Someone picks two runs and compares them, keeps a filter, and looks up a guide.
func TestRunsAreComparedAndFiltersKept(t *testing.T) {
	g := start(t, withAFlow)
	for _, body := range []string{`{"tickets":[{"kind":"bug","text":"It is slow"}]}`, `{"tickets":[{"kind":"praise","text":"It is fast"}]}`} {
		r, err := http.NewRequest(http.MethodPost, g.url+"/api/v1/webhooks/desk", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer mgc_t0ken-of-this-test-0123456789")
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	checker := module(t, "axe-core/axe.min.js")
	b := open(t, g)
	b.login("correct horse")
	b.title("Overview")
	b.visit("/admin/runs?client=desk")
	require.False(t, get(b, chromedp.Evaluate[bool](`document.querySelector("#compare").checkVisibility()`)))
	b.press(`tr:nth-child(1) [name="run"]`)
	b.press(`tr:nth-child(2) [name="run"]`)
	require.Empty(t, b.violations(checker))
	b.screenshot("runs-picked")
	b.press("#compare button")
	b.shows("Compare two runs")
	b.until(`document.querySelectorAll(".sides ins, .sides del").length > 1`)
	b.looksRight(checker, "compare")

	b.visit("/admin/runs?client=desk")
	b.press(".save-view summary")
	b.fill(`.save-view [name="name"]`, "The desk")
	b.do(chromedp.Submit(chromedp.CSS(`.save-view [name="name"]`)))
	b.until(`document.querySelector('.views .chip[aria-current]')?.innerText === "The desk"`)
	b.looksRight(checker, "view")

	b.press("a.help")
	b.until(`location.pathname === "/docs/runs"`)
	b.looksRight(checker, "guide")
	b.visit("/docs/guides?q=alert")
	b.looksRight(checker, "guides")
	b.requireQuiet()
}

// looksRight has axe look at a page in both schemes, on a desktop and on a phone.
func (b *browser) looksRight(checker, name string) {
	b.t.Helper()
	path := get(b, chromedp.Evaluate[string]("location.pathname + location.search"))
	for _, dark := range []bool{false, true} {
		b.dark(dark)
		width := map[bool]int64{false: 1280, true: 375}[dark]
		b.do(chromedp.EmulateViewport(width, 900))
		b.visit(path) // anew, as colours change slowly
		require.LessOrEqual(b.t, get(b, chromedp.Evaluate[int64]("document.documentElement.scrollWidth")), width, name)
		require.Empty(b.t, b.violations(checker), name)
		b.screenshot(name + map[bool]string{false: "", true: "-phone-dark"}[dark])
	}
	b.dark(false)
	b.do(chromedp.EmulateViewport(1280, 900))
}
