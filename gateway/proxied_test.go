package gateway

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

const (
	outsidePath = "/beckon"
	adminToken  = "adm_0123456789abcdef0123456789abcdef"
)

// proxied is a gateway behind a reverse proxy that has other things, too: only addresses below outsidePath are the gateway's.
type proxied struct {
	*started
	t      *testing.T
	origin string // of the proxy
	client *http.Client
	next   []page // to be opened
	seen   map[string]bool
}

// page is an address, and where it was found.
type page struct{ address, on string }

// behindProxy starts a gateway with something of everything in it.
func behindProxy(t *testing.T, strips bool) *proxied {
	p := &proxied{t: t, seen: map[string]bool{}}
	var target *url.URL
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
		if strips {
			r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, outsidePath)
			r.Out.URL.RawPath = strings.TrimPrefix(r.In.URL.RawPath, outsidePath)
		}
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != outsidePath && !strings.HasPrefix(r.URL.Path, outsidePath+"/") {
			http.Error(w, "this is another site", http.StatusNotFound)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	p.origin, p.client = front.URL, &http.Client{Transport: &http.Transport{}, Jar: jar}
	t.Cleanup(p.client.CloseIdleConnections)
	p.started = start(t, load(t, fmt.Sprintf(smallFile+`
server: {publicURL: %q}
egress: {allowPrivate: [127.0.0.1/32]}
share: {ttl: 24h}
flows: [{id: f, root: {type: agent, agentId: a}}]
commands: [{id: report, prompt: Report., agentId: a}]
endpoints: [{id: e, url: %q, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [run.completed]}]
`, sqliteIn(t.TempDir()), front.URL+outsidePath+"/", receiver.URL)))
	target, err = url.Parse(p.started.url)
	require.NoError(t, err)
	return p
}

// do makes a request to an address of the outside, and follows where it leads.
func (p *proxied) do(method, address, body string, headers ...string) (*http.Response, string) {
	at, err := url.Parse(p.origin + outsidePath + "/")
	require.NoError(p.t, err)
	at, err = at.Parse(address)
	require.NoError(p.t, err)
	require.True(p.t, strings.HasPrefix(at.String(), p.origin+outsidePath), "%s is outside", at)
	r, err := http.NewRequest(method, at.String(), strings.NewReader(body))
	require.NoError(p.t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := p.client.Do(r)
	require.NoError(p.t, err)
	defer response.Body.Close()
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") {
		return response, ""
	}
	text, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	return response, string(text)
}

// crawl opens all that the pages link to, and looks whether their forms lead somewhere.
func (p *proxied) crawl(first string) {
	p.next = append(p.next, page{first, ""})
	for len(p.next) > 0 {
		at := p.next[0]
		p.next = p.next[1:]
		response, text := p.do(http.MethodGet, at.address, "")
		require.Equal(p.t, http.StatusOK, response.StatusCode, "%s, found on %s", at.address, at.on)
		require.NotContains(p.t, response.Request.URL.Path, "/admin/login", "%s, found on %s", at.address, at.on)
		if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
			document, err := html.Parse(strings.NewReader(text))
			require.NoError(p.t, err)
			for node := range document.Descendants() {
				p.read(node, response.Request.URL)
			}
		}
	}
}

// read notes where an element of a page leads.
func (p *proxied) read(node *html.Node, on *url.URL) {
	for _, attribute := range node.Attr {
		isLink := slices.Contains([]string{"href", "src", "hx-get", "data-follow", "data-settle"}, attribute.Key)
		isForm := slices.Contains([]string{"action", "formaction", "hx-post"}, attribute.Key)
		if !isLink && !isForm && !strings.HasPrefix(attribute.Key, "hx-") {
			require.False(p.t, strings.HasPrefix(attribute.Val, "/admin") && attribute.Key != "value", "%s=%q on %s", attribute.Key, attribute.Val, on)
		}
		if !isLink && !isForm || strings.HasPrefix(attribute.Val, "data:") {
			continue
		}
		address, err := on.Parse(attribute.Val)
		require.NoError(p.t, err)
		address.Fragment = ""
		isOutside := strings.HasPrefix(on.Path, outsidePath+"/docs/") || slices.Contains(node.Attr, html.Attribute{Key: "rel", Val: "noopener noreferrer"})
		if isLink && strings.HasPrefix(attribute.Val, "https://") && isOutside {
			continue // of another site, which the documentation or a form names
		}
		if p.seen[attribute.Key+address.String()] {
			continue
		}
		p.seen[attribute.Key+address.String()] = true
		if isLink {
			p.next = append(p.next, page{address.String(), on.String()})
			continue
		}
		method := http.MethodPost
		if attribute.Key == "action" && !slices.ContainsFunc(node.Attr, func(a html.Attribute) bool { return a.Key == "method" && a.Val == "post" }) {
			method = http.MethodGet
		}
		response, _ := p.do(http.MethodOptions, address.String(), "")
		require.Contains(p.t, response.Header.Get("Allow"), method, "%s, found on %s", address, on)
	}
}

// Whether the proxy passes the path on or not, all that the gateway says leads back to it.
func TestBehindAProxyWithAPath(t *testing.T) {
	for name, strips := range map[string]bool{"passed on": false, "stripped": true} {
		t.Run(name, func(t *testing.T) {
			p := behindProxy(t, strips)
			as := func(token string) []string { return []string{"Authorization", "Bearer " + token} }

			// A call, and its run where the answer says that it is.
			response, text := p.do(http.MethodPost, "api/v1/webhooks/ci", "hello", append(as("t0ken"), "Prefer", "respond-async")...)
			require.Equal(t, http.StatusAccepted, response.StatusCode, text)
			var accepted struct{ URL, RunID string }
			require.NoError(t, json.Unmarshal([]byte(text), &accepted))
			require.Equal(t, outsidePath+"/api/v1/runs/"+accepted.RunID, accepted.URL)
			require.Equal(t, accepted.URL, response.Header.Get("Location"))
			require.Eventually(t, func() bool {
				response, text := p.do(http.MethodGet, accepted.URL, "", as("t0ken")...)
				return response.StatusCode == http.StatusOK && strings.Contains(text, `"COMPLETED"`)
			}, patience, 20*time.Millisecond)
			response, _ = p.do(http.MethodGet, accepted.URL+"/events", "", as("t0ken")...)
			require.Equal(t, http.StatusOK, response.StatusCode)
			response, _ = p.do(http.MethodPost, "api/v1/webhooks/ci", "hello", as("wrong")...)
			require.Equal(t, http.StatusUnauthorized, response.StatusCode)
			_, text = p.do(http.MethodGet, "api/v1/openapi.json", "")
			require.Contains(t, text, `"servers":[{"url":"`+outsidePath+`"}]`)

			// The pages, from the login on.
			response, _ = p.do(http.MethodGet, "", "")
			require.Equal(t, p.origin+outsidePath+"/admin/login", response.Request.URL.String())
			response, text = p.do(http.MethodGet, "admin/runs?status=COMPLETED", "")
			require.Equal(t, p.origin+outsidePath+"/admin/login?next=%2Fadmin%2Fruns%3Fstatus%3DCOMPLETED", response.Request.URL.String())
			require.Contains(t, text, `action="`+outsidePath+`/admin/login"`)
			form := []string{"Content-Type", "application/x-www-form-urlencoded"}
			response, _ = p.do(http.MethodPost, "admin/login", url.Values{"password": {"a password"}, "next": {"/admin/runs?status=COMPLETED"}}.Encode(), form...)
			require.Equal(t, p.origin+outsidePath+"/admin/runs?status=COMPLETED", response.Request.URL.String())
			at, err := url.Parse(p.origin + outsidePath + "/admin")
			require.NoError(t, err)
			require.Len(t, p.client.Jar.Cookies(at), 1)
			at.Path = "/"
			require.Empty(t, p.client.Jar.Cookies(at), "the cookie is not for other things on this host")

			response, text = p.do(http.MethodPost, "api/v1/admin/clients", `{"id":"made","passthrough":true,"allowedAgents":["a"]}`, "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
			require.Equal(t, http.StatusCreated, response.StatusCode, text)
			require.Equal(t, outsidePath+"/api/v1/admin/clients/made", response.Header.Get("Location"))
			for _, made := range []string{`agents {"id":"b","provider":"offline"}`, `commands {"id":"c","prompt":"Do it."}`, `providers {"id":"o","type":"template","template":"ok"}`} {
				section, document, _ := strings.Cut(made, " ")
				response, text = p.do(http.MethodPost, "api/v1/admin/"+section, document, "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
				require.Equal(t, http.StatusCreated, response.StatusCode, text)
			}
			p.crawl("admin")
			for _, prefix := range []string{"href/admin/runs/run_", "href/admin/deliveries/dlv_", "href/admin/refused/ref_", "formaction/admin/clients/made/try", "hx-post/admin/clients/made/preview",
				"src/admin/assets/", "href/docs", "href/admin/settings/export.yaml", "action/admin/logout"} {
				kind, path, _ := strings.Cut(prefix, "/")
				isIt := func(key string) bool { return strings.HasPrefix(key, kind+p.origin+outsidePath+"/"+path) }
				require.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(p.seen)), isIt), prefix)
			}

			// htmx is told to go to the login as a whole.
			p.client.Jar, _ = cookiejar.New(nil)
			response, _ = p.do(http.MethodGet, "admin/runs", "", "HX-Request", "true", "HX-Current-URL", p.origin+outsidePath+"/admin/runs?x=1")
			require.Equal(t, outsidePath+"/admin/login?next=%2Fadmin%2Fruns%3Fx%3D1", response.Header.Get("HX-Redirect"))
		})
	}
}

// Twilio signs the URL that it calls: a gateway that does not know it says so at its start.
func TestSendersThatSignTheirURLNeedThePublicOne(t *testing.T) {
	for settings, warns := range map[string]bool{"": true, "server: {publicURL: https://beckon.example.com}\n": false} {
		c := load(t, settings+fmt.Sprintf(`
database: {url: %q}
admin: {password: "a password"}
providers: [{id: offline, type: template, template: "re: {{.prompt}}"}]
agents: [{id: a, provider: offline}]
clients: [{id: phone, source: twilio, secret: "an auth token", allowedAgents: [a]}]
`, sqliteIn(t.TempDir())))
		var log strings.Builder
		of := quiet(c, listen(t).Addr())
		of.Log = slog.New(slog.NewTextHandler(&log, nil))
		g, err := Open(t.Context(), of)
		require.NoError(t, err)
		require.NoError(t, g.Close())
		require.Equal(t, warns, strings.Contains(log.String(), "server.publicURL is not set") && strings.Contains(log.String(), "client=phone"), log.String())
	}
}
