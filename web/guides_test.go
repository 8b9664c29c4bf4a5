package web_test

import (
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"beckon/docs"
)

// Every page of the documentation is in the binary, and its links lead to other pages and their headings.
func TestTheGuidesAreInTheBinary(t *testing.T) {
	b := newSite(t).browser()
	list := b.get("/docs/guides")
	require.Equal(t, http.StatusOK, list.StatusCode)
	pages := map[string]string{"/docs/guides": list.body, "/docs": b.get("/docs").body}
	require.NoError(t, fs.WalkDir(docs.Pages, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || name == "README.md" {
			return err
		}
		address := "/docs/" + strings.TrimSuffix(name, ".md")
		require.Contains(t, list.body, `href="`+address+`"`)
		got := b.get(address)
		require.Equal(t, http.StatusOK, got.StatusCode, name)
		require.Contains(t, got.Header.Get("Content-Security-Policy"), "script-src 'self'")
		pages[address] = got.body
		return nil
	}))
	require.Greater(t, len(pages), 35)
	link := regexp.MustCompile(`href="(/docs[^"#]*)?(#[^"]*)?"`)
	for address, body := range pages {
		for _, m := range link.FindAllStringSubmatch(body, -1) {
			to := m[1]
			if to == "" {
				to = address
			}
			require.Contains(t, pages, to, "%s leads to %s", address, to)
			if m[2] != "" && m[2] != "#content" && strings.HasPrefix(address, "/docs/") {
				require.Contains(t, html.UnescapeString(pages[to]), `id="`+m[2][1:]+`"`, "%s leads to %s%s", address, to, m[2])
			}
		}
		require.NotContains(t, body, ".md\"", address)
		require.NotContains(t, body, "<img src=\"img/", address)
	}
	require.Equal(t, http.StatusNotFound, b.get("/docs/nothing").StatusCode)
	require.Equal(t, http.StatusNotFound, b.get("/docs/guides/nothing").StatusCode)
}

func TestTheGuidesAreSearched(t *testing.T) {
	s := newSite(t)
	require.Contains(t, s.browser().get("/docs/guides?q=alertmanager").body, `href="/docs/guides/alerts"`)
	require.Contains(t, s.browser().get("/docs/guides?q=%3Cb%3Enothing").body, "says nothing about “&lt;b&gt;nothing”")
	b := s.signedIn()
	got := b.get("/admin/search?q=replica").body
	require.Contains(t, got, "<h2>Guides</h2>")
	require.Contains(t, got, `href="/docs/`)
	for path, help := range map[string]string{"/admin/agents": "/docs/providers", "/admin/agents/new": "/docs/providers", "/admin": "/docs/guides", "/admin/flows": "/docs/flows"} {
		require.Contains(t, b.get(path).body, `<a class="help" href="`+help+`"`, path)
	}
}
