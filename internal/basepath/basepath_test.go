package basepath_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/basepath"
)

func TestPathsOfPublicURLs(t *testing.T) {
	for text, path := range map[string]basepath.Path{
		"https://example.com": "", "https://example.com/": "", "https://example.com/beckon": "/beckon", "https://example.com/a-b/c.d/": "/a-b/c.d",
		"https://example.com/admin": "", "https://example.com/api/beckon": "", "https://example.com/a": "", "https://example.com/r/x": "",
		"https://example.com/x/../y": "", "https://example.com//x//y": "", "https://example.com/a%20b": "", "https://example.com/app": "/app",
	} {
		require.Equal(t, path, basepath.Of(text), text)
	}
	for text, says := range map[string]string{"https://example.com/admin/x": "begins with /admin", "https://example.com/ä": "letters, digits", "https://example.com/x/..": "letters"} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.ErrorContains(t, basepath.Check(u), says)
	}
}

func TestJoinAndStrip(t *testing.T) {
	const p = basepath.Path("/beckon")
	for path, outside := range map[string]string{
		"/": "/beckon/", "/admin": "/beckon/admin", "/admin?a=/b": "/beckon/admin?a=/b", "/beckon-two": "/beckon/beckon-two",
		"/beckon": "/beckon", "/beckon/admin": "/beckon/admin", "/beckon?x=1": "/beckon?x=1", "//evil.example/x": "//evil.example/x",
		"https://example.com/x": "https://example.com/x", "": "", "#content": "#content",
	} {
		require.Equal(t, outside, p.Join(path), path)
		require.Equal(t, path, basepath.Path("").Join(path))
	}
	for outside, path := range map[string]string{"/beckon": "/", "/beckon/": "/", "/beckon/admin": "/admin", "/admin": "/admin", "/beckons/x": "/beckons/x", "/beckon?x=1": "/?x=1"} {
		require.Equal(t, path, p.Strip(outside), outside)
		require.Equal(t, outside, basepath.Path("").Strip(outside))
	}
}

func TestRequestsLoseThePath(t *testing.T) {
	const p = basepath.Path("/beckon")
	r := httptest.NewRequest(http.MethodGet, "/beckon/admin/x%2Fy?a=1", nil)
	got := p.Request(r)
	require.Equal(t, "/admin/x%2Fy?a=1", got.URL.String())
	require.Equal(t, "/admin/x/y", got.URL.Path)
	require.Equal(t, "/beckon/admin/x/y", r.URL.Path, "the one that came stays as it is")
	require.Same(t, got, p.Request(got))
}

func TestHeadersAndPages(t *testing.T) {
	const p = basepath.Path("/beckon")
	h := http.Header{"Location": {"/api/v1/runs/run_1"}, "Hx-Redirect": {"/admin/login?next=%2Fadmin"}}
	p.Header(h)
	p.Header(h)
	require.Equal(t, http.Header{"Location": {"/beckon/api/v1/runs/run_1"}, "Hx-Redirect": {"/beckon/admin/login?next=%2Fadmin"}}, h)
	page := `<a class="x" href="/admin">href=&#34;/admin&#34;</a> <a href="#a"> <a href="/"><form action="/admin/x"> <button formaction="/admin/y"> ` +
		`<b hx-get="/admin?a=1" data-follow="/admin/r"> <input value="/admin"> <img src="//other/x"> <a href="https://other/x">`
	require.Equal(t, `<a class="x" href="/beckon/admin">href=&#34;/admin&#34;</a> <a href="#a"> <a href="/beckon/"><form action="/beckon/admin/x"> <button formaction="/beckon/admin/y"> `+
		`<b hx-get="/beckon/admin?a=1" data-follow="/beckon/admin/r"> <input value="/admin"> <img src="//other/x"> <a href="https://other/x">`, string(p.HTML([]byte(page))))
	require.Equal(t, page, string(basepath.Path("").HTML([]byte(page))))
}
