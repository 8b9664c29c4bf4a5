package web_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"beckon/internal/store"
	"beckon/internal/store/storetest"
	"beckon/web"
)

func TestCookieOfASession(t *testing.T) {
	for url, want := range map[string]struct {
		name, path string
		secure     bool
	}{
		"http://localhost:8080":    {"beckon_session", "/", false},
		"HTTPS://beckon.example":   {"__Host-beckon_session", "/", true},
		"https://beckon.example/x": {"__Secure-beckon_session", "/x", true},
	} {
		t.Run(url, func(t *testing.T) {
			b := newSite(t, func(c *web.Config) { c.PublicURL = url }).signedIn() // sends every cookie to any path
			require.Equal(t, want.name, b.cookie.Name)
			require.Equal(t, want.secure, b.cookie.Secure)
			require.True(t, b.cookie.HttpOnly)
			require.Equal(t, http.SameSiteLaxMode, b.cookie.SameSite)
			require.Equal(t, want.path, b.cookie.Path)
			require.Empty(t, b.cookie.Domain)
			require.True(t, b.knows())
		})
	}
}

func TestWrongPassword(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for _, wrong := range []string{"", "wrong", password + " "} {
		got := b.post("/admin/login", url.Values{"password": {wrong}, "next": {"/admin/runs?status=FAILED"}})
		require.Equal(t, http.StatusUnauthorized, got.StatusCode)
		require.Contains(t, got.body, "Wrong password.")
		require.Contains(t, got.body, `value="/admin/runs?status=FAILED"`)
		require.Empty(t, got.Header.Get("Set-Cookie"))
		if wrong != "" {
			require.NotContains(t, got.body+s.log.String(), wrong+`"`)
		}
	}
	require.False(t, b.knows())
	require.Contains(t, s.log.String(), "address=192.0.2.1")
}

func TestLoginLeadsToWhatWasAskedFor(t *testing.T) {
	b := newSite(t).browser()
	asked := b.get("/admin?span=7d")
	require.Equal(t, http.StatusSeeOther, asked.StatusCode)
	login := asked.Header.Get("Location")
	require.Equal(t, "/admin/login?next=%2Fadmin%3Fspan%3D7d", login)
	require.Contains(t, b.get(login).body, `value="/admin?span=7d"`)
	entered := b.post("/admin/login", url.Values{"password": {password}, "next": {"/admin?span=7d"}})
	require.Equal(t, "/admin?span=7d", entered.Header.Get("Location"))
	require.Equal(t, "/admin", b.get("/admin/login").Header.Get("Location"), "who is signed in needs no login")
	require.Equal(t, "/admin", b.get("/admin/").Header.Get("Location"))
}

func TestLoginLeadsNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/admin": "/admin", "/admin/runs?status=FAILED": "/admin/runs?status=FAILED",
		"": "/admin", "https://evil.example/admin": "/admin", "//evil.example/admin": "/admin", `/\evil.example/admin`: "/admin",
		"/administer": "/admin", "/api/v1/runs": "/admin", "javascript:alert(1)": "/admin", "/admin/%0d%0aX:1": "/admin", "admin": "/admin",
		`/admin/\evil`: "/admin", "http:///admin": "/admin", "/admin#x": "/admin",
	} {
		require.Equal(t, want, web.Destination(next), next)
	}
}

func TestANewSessionGetsANewToken(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	before := *b.cookie
	require.Equal(t, http.StatusSeeOther, b.login(password).StatusCode)
	require.NotEqual(t, before.Value, b.cookie.Value)
	require.True(t, b.knows())
	b.cookie = &before
	require.False(t, b.knows(), "the session before is over")

	planted := s.browser()
	planted.cookie = &http.Cookie{Name: "beckon_session", Value: "planted"}
	planted.login(password)
	require.NotEqual(t, "planted", planted.cookie.Value)
}

// Who sends a form after the session has ended logs in elsewhere, and sends it again: nothing that was typed is lost.
func TestAFormOutlivesItsSession(t *testing.T) {
	n := newNouns(t)
	ended := *n.browser.cookie
	n.post("/admin/logout", nil)
	n.browser.cookie = &ended
	prompt := "\n<b>What I typed</b>\n" + strings.Repeat("x", 20<<10)
	got := n.post("/admin/commands/new", url.Values{"id": {"long"}, "prompt": {prompt}, "agentId": {"filed"}, "list": {"a", "b"}})
	require.Equal(t, http.StatusUnauthorized, got.StatusCode)
	require.Contains(t, got.body, "Your session has ended")
	require.NotContains(t, got.body, "<b>What I typed")
	document, err := html.Parse(strings.NewReader(got.body))
	require.NoError(t, err)
	again := url.Values{}
	for node := range document.Descendants() {
		if node.Data == "textarea" {
			again.Add(attribute(node, "name"), node.FirstChild.Data)
		}
		if node.Data == "form" {
			require.Equal(t, "/admin/commands/new", attribute(node, "action"))
		}
	}
	require.Equal(t, url.Values{"id": {"long"}, "prompt": {prompt}, "agentId": {"filed"}, "list": {"a", "b"}}, again)
	n.browser.login(password)
	require.Equal(t, http.StatusSeeOther, n.post("/admin/commands/new", again).StatusCode)
	require.Contains(t, n.get("/admin/commands/long").body, "&lt;b&gt;What I typed")
}

func TestTokensAreStoredHashed(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	tokens := storetest.Rows[string](t, s.store, "SELECT token FROM sessions")
	require.Len(t, tokens, 1)
	require.NotContains(t, tokens[0], b.cookie.Value)
}

func TestLogout(t *testing.T) {
	s := newSite(t)
	here, there := s.signedIn(), s.signedIn()
	old := here.cookie
	got := here.post("/admin/logout", nil)
	require.Equal(t, http.StatusSeeOther, got.StatusCode)
	require.Equal(t, "/admin/login", got.Header.Get("Location"))
	require.Nil(t, here.cookie, "the browser is told to forget it")
	here.cookie = old
	require.False(t, here.knows(), "and it is good for nothing any more")
	require.True(t, there.knows())

	stranger := s.browser()
	stranger.post("/admin/logout/everywhere", nil)
	require.True(t, there.knows(), "who is not signed in ends no sessions")

	another := s.signedIn()
	another.post("/admin/logout/everywhere", nil)
	require.False(t, there.knows())
	require.False(t, another.knows())
}

func TestSessionsEnd(t *testing.T) {
	storetest.EachStore(t, func(t *testing.T, db *store.Store) {
		s := siteOn(t, db)
		s.serve()
		idle := s.signedIn()
		s.clock.advance(12*time.Hour - time.Minute)
		require.True(t, idle.knows())
		s.clock.advance(12*time.Hour - time.Minute)
		require.True(t, idle.knows(), "using it prolongs it")
		s.clock.advance(12*time.Hour + time.Minute)
		require.False(t, idle.knows())

		s.signedIn()
		require.Equal(t, 1, storetest.Row[int](t, db, "SELECT COUNT(*) FROM sessions"), "those that are over are let go of")
	})
}

// However it is used, a session is over after seven days.
func TestSessionsEndAbsolutely(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	for range 6*24 + 23 {
		s.clock.advance(time.Hour)
		require.True(t, b.knows())
	}
	s.clock.advance(time.Hour + time.Minute) // the sessions' own clock goes on
	require.False(t, b.knows())
}

func TestAPageCostsNoWrite(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	before := expiry(t, s)
	s.clock.advance(4 * time.Minute)
	require.True(t, b.knows())
	require.Equal(t, before, expiry(t, s))
	s.clock.advance(2 * time.Minute)
	require.True(t, b.knows())
	require.Greater(t, expiry(t, s), before)
}

func expiry(t *testing.T, s *site) int64 {
	return storetest.Row[int64](t, s.store, "SELECT expiry FROM sessions")
}

func TestWrongTriesAreLimited(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for range 5 {
		require.Equal(t, http.StatusUnauthorized, b.login("wrong").StatusCode)
		s.clock.advance(time.Second)
	}
	for _, with := range []string{"wrong", password} {
		got := b.login(with)
		require.Equal(t, http.StatusTooManyRequests, got.StatusCode)
		require.Equal(t, "55", got.Header.Get("Retry-After"))
		require.Contains(t, got.body, "Wait 55 s")
	}
	s.address = "192.0.2.2"
	require.Equal(t, http.StatusSeeOther, b.login(password).StatusCode, "another address")
	s.address = "192.0.2.1"
	s.clock.advance(55 * time.Second)
	require.Equal(t, http.StatusSeeOther, b.login(password).StatusCode)
	for range 5 {
		require.Equal(t, http.StatusUnauthorized, b.login("wrong").StatusCode, "a login makes good for what was wrong")
	}
}

// Of an address that goes on, the log has one line a minute.
func TestRefusedTriesAreLoggedOnce(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for range 25 {
		b.login("wrong")
	}
	require.Equal(t, 1, strings.Count(s.log.String(), "too many wrong passwords"))
	require.Equal(t, 5, strings.Count(s.log.String(), "wrong password at the login"))
	s.clock.advance(time.Minute)
	for range 6 {
		b.login("wrong")
	}
	require.Equal(t, 2, strings.Count(s.log.String(), "too many wrong passwords"))
}

// Of somebody who is not signed in little is read, and what announces more is refused unread.
func TestFormsOfAnybodyAreSmall(t *testing.T) {
	s := newSite(t)
	long := url.Values{"password": {strings.Repeat("x", 9<<10)}}
	stranger := s.browser()
	for _, path := range []string{"/admin/login", "/admin/logout", "/admin/clients/new"} {
		got := stranger.post(path, long)
		require.Equal(t, http.StatusRequestEntityTooLarge, got.StatusCode, path)
		require.True(t, got.Close)
	}
	unannounced := func(b *browser, path string, form url.Values) int {
		chunked, err := http.NewRequest(http.MethodPost, b.url+path, io.MultiReader(strings.NewReader(form.Encode())))
		require.NoError(t, err)
		chunked.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if b.cookie != nil {
			chunked.AddCookie(b.cookie)
		}
		response, err := http.DefaultTransport.RoundTrip(chunked)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, unannounced(stranger, "/admin/login", long))

	b := s.signedIn()
	require.Equal(t, http.StatusRequestEntityTooLarge, b.post("/admin/login", long).StatusCode, "the login needs no more of anybody")
	n := newNouns(t)
	got := n.post("/admin/commands/new", url.Values{"id": {"long"}, "prompt": {strings.Repeat("x", 9<<10)}, "agentId": {"filed"}})
	require.Equal(t, http.StatusSeeOther, got.StatusCode, got.body)
	require.Equal(t, http.StatusRequestEntityTooLarge, unannounced(n.browser, "/admin/commands/new", url.Values{"prompt": {strings.Repeat("x", 1<<20)}}))
}

// A try counts before its form has come, and no longer when the form doesn't.
func TestATryCountsFromItsBeginning(t *testing.T) {
	s := newSite(t)
	var waiting []net.Conn
	for range 5 {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		_, err = io.WriteString(c, "POST /admin/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\npass")
		require.NoError(t, err)
		waiting = append(waiting, c)
	}
	require.Eventually(t, func() bool { return s.browser().login("wrong").StatusCode == http.StatusTooManyRequests }, patience, time.Millisecond)
	for _, c := range waiting {
		require.NoError(t, c.Close())
	}
	require.Eventually(t, func() bool { return s.browser().login(password).StatusCode == http.StatusSeeOther }, patience, time.Millisecond)
}

func TestTheRootLeadsToThePage(t *testing.T) {
	got := newSite(t).browser().get("/")
	require.Equal(t, http.StatusSeeOther, got.StatusCode)
	require.Equal(t, "/admin", got.Header.Get("Location"))
}

func TestManyTriesAtOnceAreCounted(t *testing.T) {
	s := newSite(t)
	require.Equal(t, http.StatusOK, s.browser().get("/admin/login").StatusCode)
	statuses := make([]int, 20)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() { statuses[i] = s.browser().login("wrong").StatusCode })
	}
	all.Wait()
	looked := 0
	for _, status := range statuses {
		if status == http.StatusUnauthorized {
			looked++
		}
	}
	require.Equal(t, 5, looked)
}

func TestAttemptsAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	a := web.NewAttempts(func() time.Time { return now })
	for i := range web.MaxAddresses + 1000 {
		require.Zero(t, a.Take("10."+strconv.Itoa(i>>16&255)+"."+strconv.Itoa(i>>8&255)+"."+strconv.Itoa(i&255)))
		require.LessOrEqual(t, a.Remembered(), web.MaxAddresses)
	}
	now = now.Add(2 * time.Minute)
	require.Zero(t, a.Take("192.0.2.1"))
	require.Equal(t, 1, a.Remembered(), "what is over goes first")
}

func TestAnIPv6SubscriberIsOneAddress(t *testing.T) {
	a := web.NewAttempts(time.Now)
	for i := range 5 {
		require.Zero(t, a.Take("2001:db8:0:1::"+strconv.Itoa(i)))
	}
	require.NotZero(t, a.Take("2001:db8:0:1:ffff::1"))
	require.Zero(t, a.Take("2001:db8:0:2::1"))
	for range 5 {
		require.Zero(t, a.Take("::ffff:192.0.2.1"))
	}
	require.NotZero(t, a.Take("192.0.2.1"))
	a.Forget("192.0.2.1")
	require.Zero(t, a.Take("192.0.2.1"))
}

// The audit list has who came in and who was kept out, however often it was tried.
func TestLoginsAreInTheAuditList(t *testing.T) {
	s := newSite(t)
	b := s.signedIn()
	require.Equal(t, []string{"admin login sessions 192.0.2.1"}, s.noted())
	b.post("/admin/logout/everywhere", nil)
	s.browser().post("/admin/logout/everywhere", nil) // by nobody
	require.Equal(t, []string{"admin login sessions 192.0.2.1", "admin logout-everywhere sessions 192.0.2.1"}, s.noted())

	for range 8 {
		s.browser().login("wrong")
	}
	require.Equal(t, []string{"somebody lockout sessions 192.0.2.1"}, s.noted()[2:], "once")
	s.clock.advance(time.Minute)
	for range 8 {
		s.browser().login("wrong")
	}
	require.Len(t, s.noted()[2:], 2, "and once more in the next minute")
}

// Nobody fills the audit list from many addresses.
func TestLockoutsInTheAuditListAreBounded(t *testing.T) {
	now := time.Unix(0, 0)
	a := web.NewAttempts(func() time.Time { return now })
	told := 0
	for i := range 100 {
		if a.News(fmt.Sprintf("192.0.2.%d", i)) {
			told++
		}
	}
	require.Equal(t, 10, told)
	now = now.Add(time.Minute)
	require.True(t, a.News("192.0.2.99"))
	require.False(t, a.News("192.0.2.99"))
}
