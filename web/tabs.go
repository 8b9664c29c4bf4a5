package web

import (
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// tab is a part of the page of one resource. All parts are in the page, and those that are not chosen are hidden: what is typed
// in one is still there in the next.
type tab struct {
	Key, Title, Address string
	Current             bool
}

// tabTitles are the parts that pages of nouns may have.
var tabTitles = map[string]string{
	"overview": "Overview",
	"try":      "Try",
	"steps":    "Steps",
	"settings": "Settings",
	"snippets": "Snippets",
	"audit":    "Audit",
}

// tabsOf returns the keys of the parts that the page of a noun has; the first is shown first.
func tabsOf(one string) []string {
	switch one {
	case "client":
		return []string{"overview", "try", "settings", "snippets", "audit"}
	case "flow":
		return []string{"overview", "try", "steps", "settings", "audit"}
	case "agent", "tool server":
		return []string{"overview", "try", "settings", "audit"}
	}
	return []string{"overview", "settings", "audit"}
}

// chosenTab returns the part of the page that a request is about.
func chosenTab(c echo.Context, one string) string {
	all := tabsOf(one)
	asked := c.QueryParam("tab")
	switch {
	case c.Request().Method == http.MethodPost:
		asked = postedTab(path.Base(c.Request().URL.Path))
	case asked == "" && c.QueryParam("done") == "saved":
		asked = "settings"
	}
	if slices.Contains(all, asked) {
		return asked
	}
	return all[0]
}

// postedTab returns the part of the page that has a form, by the end of the form's address.
func postedTab(end string) string {
	switch end {
	case "try", "preview":
		return "try"
	case "test", "recover", "connect":
		return "overview"
	}
	return "settings"
}

// Tabs are the parts of the page.
func (f nounForm[F]) Tabs() (list []tab) {
	for _, key := range tabsOf(f.One) {
		list = append(list, tab{key, tabTitles[key], f.Address() + "?tab=" + key, key == f.Tab})
	}
	return list
}

// Panel returns the attributes of the element that is a part of the page, or of several, whose keys have spaces
// between them. On the page of a new one, every part is shown.
func (f nounForm[F]) Panel(key string) template.HTMLAttr {
	hidden := ""
	if f.ID != "" && f.Tab != "" && !slices.Contains(strings.Fields(key), f.Tab) {
		hidden = " hidden"
	}
	return template.HTMLAttr(`class="panel" data-panel="` + template.HTMLEscapeString(key) + `"` + hidden)
}
