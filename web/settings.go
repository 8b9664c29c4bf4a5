package web

import (
	"bytes"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/budgets"
)

const settingsPath = "/admin/settings"

// settingsView is what the settings page shows.
type settingsView struct {
	URL      string // how the outside reaches Beckon
	Sections []settingsSection
	Budgets  []budgetLine // of server.budget
	Managed  bool         // it is changed in the file
}

// settingsSection are the settings that begin with the same word.
type settingsSection struct {
	Name     string // "server"
	Settings []Setting
}

// IsLocal reports whether the address is one that only this machine can use.
func (v settingsView) IsLocal() bool { return isLocal(v.URL) }

// isLocal reports whether a URL is one that only this machine can use.
func isLocal(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// localURL is the URL of this gateway where only this machine can use it; else empty. Pages that have it to be copied warn of it.
func (w *Web) localURL() string {
	if isLocal(w.PublicURL) {
		return w.PublicURL
	}
	return ""
}

func (w *Web) settingsPage() page {
	return page{path: settingsPath, template: "settings", title: "Settings", data: w.showSettings}
}

// exportPage is a download, and has no screen of its own.
func (w *Web) exportPage() page {
	return page{path: settingsPath + "/export.yaml", template: "settings", title: "Settings", data: w.export}
}

func (w *Web) showSettings(c echo.Context) (_ any, err error) {
	view := settingsView{URL: w.PublicURL, Sections: bySection(w.Backend.Settings.Settings()), Managed: true}
	if w.Backend.ServerBudget != nil {
		view.Budgets, err = w.budgetLines(c.Request().Context(), budgets.ScopeServer, "", w.Backend.ServerBudget())
	}
	return view, err
}

func bySection(list []Setting) (sections []settingsSection) {
	for _, s := range list {
		name, _, _ := strings.Cut(s.Key, ".")
		if len(sections) == 0 || sections[len(sections)-1].Name != name {
			sections = append(sections, settingsSection{Name: name})
		}
		last := &sections[len(sections)-1]
		last.Settings = append(last.Settings, s)
	}
	return sections
}

// export answers with all that is in force as a configuration file.
func (w *Web) export(c echo.Context) (any, error) {
	var file bytes.Buffer // whole before its first byte is sent, so that a failure is answered as one
	if err := w.Backend.Settings.Export(c.Request().Context(), &file); err != nil {
		return nil, err
	}
	header := c.Response().Header()
	protect(header)
	header.Set("Content-Disposition", `attachment; filename="beckon.yaml"`)
	return nil, c.Blob(http.StatusOK, "application/yaml", file.Bytes())
}
