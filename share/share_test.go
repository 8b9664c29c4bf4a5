package share_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/artifacts"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/share"
)

func key() (secret.String, error) { return "a key of the gateway", nil }

func newService(now *time.Time) *share.Service {
	return share.New(share.Config{Log: slog.New(slog.DiscardHandler), TTL: time.Hour, PublicURL: "https://beckon.example.com/beckon", Key: key,
		Now: func() time.Time { return *now }})
}

func parse(t *testing.T, link string) (id string, query url.Values) {
	rest, ok := strings.CutPrefix(link, "https://beckon.example.com/beckon/r/")
	require.True(t, ok, link)
	id, text, _ := strings.Cut(rest, "?")
	query, err := url.ParseQuery(text)
	require.NoError(t, err)
	return id, query
}

func TestLinks(t *testing.T) {
	now := time.Unix(1_772_000_000, 0)
	s := newService(&now)
	id, query := parse(t, s.Link("run_1"))
	require.Equal(t, "run_1", id)
	require.NoError(t, s.Check(id, query))
	require.NoError(t, newService(&now).Check(id, query), "another replica opens it")

	signed := query.Get("signature")
	for i := range signed {
		require.Equal(t, share.ErrNoPage, s.Check(id, url.Values{"expires": query["expires"], "signature": {signed[:i]}}), "cut short")
	}
	for name, changed := range map[string]url.Values{
		"nothing":    {},
		"later":      {"expires": {fmt.Sprint(now.Add(2 * time.Hour).Unix())}, "signature": {signed}},
		"no expiry":  {"signature": {signed}},
		"longer":     {"expires": query["expires"], "signature": {signed + "A"}},
		"other bits": {"expires": query["expires"], "signature": {"A" + signed[1:] + "="}},
	} {
		require.Equal(t, share.ErrNoPage, s.Check(id, changed), name)
	}
	require.Equal(t, share.ErrNoPage, s.Check("run_2", query), "of another run")

	now = now.Add(time.Hour - time.Second)
	require.NoError(t, s.Check(id, query))
	now = now.Add(time.Second)
	require.Equal(t, share.ErrExpired, s.Check(id, query))
	_, fresh := parse(t, s.Link("run_1"))
	require.NoError(t, s.Check(id, fresh))
}

// A link to a file opens no page, and the other way round, also where their ids were the same.
func TestLinksAreOfOnePurpose(t *testing.T) {
	now := time.Unix(1_772_000_000, 0)
	s := newService(&now)
	files, err := artifacts.New(t.Context(), artifacts.Config{Log: slog.New(slog.DiscardHandler), URL: t.TempDir(), Key: key, Now: func() time.Time { return now }})
	require.NoError(t, err)
	t.Cleanup(func() { _ = files.Close() })
	_, query := parse(t, s.Link("x"))
	require.True(t, problem.Is(files.Check("x", query), problem.NotFound))
	link, err := url.Parse(files.Link("x").URL)
	require.NoError(t, err)
	require.Equal(t, share.ErrNoPage, s.Check("x", link.Query()))
}

func TestWithoutAKeyThereAreNoLinks(t *testing.T) {
	s := share.New(share.Config{Log: slog.New(slog.DiscardHandler), Key: func() (secret.String, error) { return "", errors.New("there is none") }})
	require.Empty(t, s.Link("run_1"))
	require.True(t, problem.Is(s.Check("run_1", url.Values{}), problem.Unavailable))
}

func TestWhoIsAPerson(t *testing.T) {
	const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
	for _, agent := range []string{
		chrome,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Linux; Android 14; CUBOT NOTE 50) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
	} {
		require.True(t, share.IsPerson("GET", http.Header{"User-Agent": {agent}}), agent)
	}
	for _, agent := range []string{
		"",
		"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
		"Twitterbot/1.0",
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
		"WhatsApp/2.23.20.0",
		"TelegramBot (like TwitterBot)",
		"Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
		"LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
		"Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
		"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) BingPreview/1.0b",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	} {
		require.False(t, share.IsPerson("GET", http.Header{"User-Agent": {agent}}), agent)
	}
	for name, value := range map[string]string{"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender", "X-Purpose": "preview", "X-Moz": "prefetch"} {
		header := http.Header{"User-Agent": {chrome}}
		header.Set(name, value)
		require.False(t, share.IsPerson("GET", header), name)
	}
	require.False(t, share.IsPerson("HEAD", http.Header{"User-Agent": {chrome}}))
}

func TestUserAgentsAreBoundedAndPlain(t *testing.T) {
	for sent, want := range map[string]string{
		"Mozilla/5.0":                  "Mozilla/5.0",
		"a\tb\x1b[31m\u202ec\xff":      "ab[31mc",
		strings.Repeat("\u00fc", 1000): strings.Repeat("\u00fc", 256),
	} {
		require.Equal(t, want, share.UserAgent(http.Header{"User-Agent": {sent}}))
	}
}

// What a page may do is said in its header; what a preview may show of it is nothing of its run.
func TestPages(t *testing.T) {
	at := time.Date(2026, 2, 18, 9, 41, 0, 0, time.UTC)
	answer := share.SafeHTML("# Top secret", false)
	list := []share.File{{Name: `"><script>.png`, Bytes: 84_213, Shows: "image", Address: "../a/art_1?expires=1&signature=x"},
		{Name: "meow.mp3", Bytes: 1_500_000, Shows: "audio", Address: "../a/art_2"}, {Name: "film.webm", Bytes: 12, Shows: "video", Address: "../a/art_3"},
		{Name: "log.txt", Bytes: 12_000, Address: "../a/art_4"}}
	for name, write := range map[string]func(http.ResponseWriter) error{
		"answered": share.Page{State: share.Answered, From: "Northwind <SRE>", At: at, Answer: answer, Files: list}.Write,
		"pending":  share.Page{State: share.Pending, From: "Northwind <SRE>"}.Write,
		"none":     share.Page{State: share.NoAnswer, From: "Northwind <SRE>", At: at}.Write,
		"empty":    share.Page{State: share.Answered, From: "Northwind <SRE>", At: at}.Write,
		"refusal": func(w http.ResponseWriter) error {
			return share.Refusal{Title: "This link has expired", Detail: "Ask for another."}.Write(w, 410)
		},
	} {
		w := httptest.NewRecorder()
		require.NoError(t, write(w), name)
		header, body := w.Header(), w.Body.String()
		policy := header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'; style-src 'sha256-", name)
		require.NotContains(t, policy, "unsafe", name)
		_, style, _ := strings.Cut(body, "<style>")
		style, _, _ = strings.Cut(style, "</style>")
		sum := sha256.Sum256([]byte(style))
		require.Contains(t, policy, base64.StdEncoding.EncodeToString(sum[:]), "its own style, as it is sent")
		require.Equal(t, "no-referrer", header.Get("Referrer-Policy"), name)
		require.Contains(t, header.Get("X-Robots-Tag"), "noindex", name)
		require.Contains(t, header.Get("Cache-Control"), "no-store", name)
		require.Empty(t, header.Values("Set-Cookie"), name)
		head, _, _ := strings.Cut(body, "</head>")
		require.Contains(t, head, `<meta name="robots" content="noindex`, name)
		require.NotContains(t, head, "Top secret", name)
		require.NotContains(t, body, "<script", name)
		require.NotRegexp(t, `(src|href)="(https?:)?//`, body, "%s loads nothing from elsewhere", name)
		require.NotRegexp(t, `style="| on[a-z]+=`, body, name)
		require.Equal(t, name == "pending", strings.Contains(head, `http-equiv="refresh"`), name)
		if name != "refusal" {
			require.Contains(t, head, "<title>A result from Northwind &lt;SRE&gt;</title>")
		}
		switch name {
		case "answered":
			require.Contains(t, body, "Top secret</h1>")
			require.Contains(t, body, `<img src="../a/art_1?expires=1&amp;signature=x" alt="&#34;&gt;&lt;script&gt;.png">`)
			require.Contains(t, body, `<audio class="shown" src="../a/art_2"`)
			require.Contains(t, body, `<video class="shown" src="../a/art_3"`)
			for _, size := range []string{"84 KB", "1.5 MB", "12 bytes", "12 KB"} {
				require.Contains(t, body, ">"+size+"<")
			}
		case "none":
			require.Contains(t, body, "There is no result")
		}
	}
}
