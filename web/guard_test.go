package web_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/web"
)

func TestHeadersOfPages(t *testing.T) {
	s := newSite(t)
	in := s.signedIn()
	for name, got := range map[string]answer{
		"overview": in.get("/admin"), "login": s.browser().get("/admin/login"), "docs": s.browser().get("/docs"),
		"sent to log in": s.browser().get("/admin"), "nothing there": in.get("/admin/nothing"), "wrong password": s.browser().login("wrong"),
		"logged in": s.browser().login(password),
	} {
		require.Equal(t, web.Policy, got.Header.Get("Content-Security-Policy"), name)
		require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"), name)
		require.Equal(t, "no-store", got.Header.Get("Cache-Control"), name)
		require.Equal(t, "same-origin", got.Header.Get("Referrer-Policy"), name)
		require.NotContains(t, got.body, "<style", name)
		require.NotContains(t, got.body, "style=", name)
		require.NotRegexp(t, `<script(>| [^>]*>[^<])`, got.body, name)
		require.NotRegexp(t, ` on[a-z]+=`, got.body, name)
		require.NotRegexp(t, `(src|href)="(https?:)?//`, got.body, "%s: everything is our own", name)
	}
	require.NotContains(t, web.Policy, "unsafe")
	require.Contains(t, web.Policy, "frame-ancestors 'none'")
}

func TestStrangersAreSentToLogIn(t *testing.T) {
	b := newSite(t).browser()
	require.Equal(t, "/admin/login", b.get("/admin").Header.Get("Location"))
	forged := newSite(t).browser()
	forged.cookie = &http.Cookie{Name: "beckon_session", Value: "forged"}
	require.Equal(t, "/admin/login", forged.get("/admin").Header.Get("Location"))

	part := b.get("/admin", "HX-Request", "true", "HX-Current-URL", "http://localhost/admin/runs?status=FAILED")
	require.Equal(t, http.StatusNoContent, part.StatusCode, "htmx gets no login page into the middle of a page")
	require.Equal(t, "/admin/login?next=%2Fadmin%2Fruns%3Fstatus%3DFAILED", part.Header.Get("HX-Redirect"))
}

// What other sites make a browser send is refused, also with the right cookie.
func TestOtherSitesChangeNothing(t *testing.T) {
	s := newSite(t)
	host := strings.TrimPrefix(s.url, "http://")
	for name, row := range map[string]struct {
		headers []string
		refused bool
	}{
		"another site":                   {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, true},
		"a sister domain":                {[]string{"Sec-Fetch-Site", "same-site"}, true},
		"an old browser on another site": {[]string{"Origin", "https://evil.example"}, true},
		"a sandboxed frame":              {[]string{"Origin", "null"}, true},
		"our page":                       {[]string{"Sec-Fetch-Site", "same-origin", "Origin", s.url}, false},
		"our page in an old browser":     {[]string{"Origin", "http://" + host}, false},
		"no browser":                     {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/admin/logout", "/admin/logout/everywhere", "/admin/login"} {
				b := s.signedIn()
				got := b.post(path, url.Values{"password": {password}}, row.headers...)
				if !row.refused {
					require.Equal(t, http.StatusSeeOther, got.StatusCode, path)
					continue
				}
				require.Equal(t, http.StatusForbidden, got.StatusCode, path)
				require.Contains(t, got.body, "sent by another site")
				require.Empty(t, got.Header.Get("Set-Cookie"))
				require.True(t, b.knows())
			}
		})
	}
}

func TestAdminForTheAPI(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	ask := func(method string, cookie *http.Cookie, headers ...string) (string, bool) {
		r := httptest.NewRequest(method, "http://localhost:8080/api/v1/admin/clients", nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return s.web.Admin(r)
	}
	for _, row := range []struct {
		name, method string
		cookie       *http.Cookie
		headers      []string
		ok           bool
	}{
		{"signed in", "GET", b.cookie, nil, true},
		{"a change from our page", "PUT", b.cookie, []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"nobody", "GET", nil, nil, false},
		{"forged", "GET", &http.Cookie{Name: b.cookie.Name, Value: "forged"}, nil, false},
		{"a change from elsewhere", "PUT", b.cookie, []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"a deletion from an old browser elsewhere", "DELETE", b.cookie, []string{"Origin", "https://evil.example"}, false},
	} {
		who, ok := ask(row.method, row.cookie, row.headers...)
		require.Equal(t, row.ok, ok, row.name)
		require.Equal(t, row.ok, who == "admin", row.name)
	}
	cookie := b.cookie
	b.post("/admin/logout", nil)
	_, ok := ask("GET", cookie)
	require.False(t, ok)
}

func TestAFormIsBounded(t *testing.T) {
	got := newSite(t).browser().post("/admin/login", url.Values{"password": {strings.Repeat("x", 2<<20)}})
	require.Equal(t, 413, got.StatusCode)
	require.Contains(t, got.body, "The form is larger than")
}

func TestErrorsArePages(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	got := b.get("/admin/nothing")
	require.Equal(t, http.StatusNotFound, got.StatusCode)
	require.Contains(t, got.body, "There is nothing at this address.")
	s.numbers.err = errors.New("SELECT secret FROM somewhere")
	got = b.get("/admin")
	require.Equal(t, http.StatusInternalServerError, got.StatusCode)
	require.Contains(t, got.Header.Get("Content-Type"), "text/html")
	require.NotContains(t, got.body, "SELECT")
}

func TestPagesArePacked(t *testing.T) {
	b := newSite(t).signedIn()
	plain := b.get("/admin", "Accept-Encoding", "identity")
	packed := b.get("/admin", "Accept-Encoding", "br;q=1.0, gzip;q=0.8")
	require.Equal(t, "gzip", packed.Header.Get("Content-Encoding"))
	require.Contains(t, packed.Header.Get("Vary"), "Accept-Encoding")
	r, err := gzip.NewReader(strings.NewReader(packed.body))
	require.NoError(t, err)
	unpacked, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, plain.body, string(unpacked))
	require.Less(t, len(packed.body), len(plain.body))
	for _, refusing := range []string{"gzip;q=0", "br", "gzip;q=x", "notgzip"} {
		require.Empty(t, b.get("/admin", "Accept-Encoding", refusing).Header.Get("Content-Encoding"), refusing)
	}
}
