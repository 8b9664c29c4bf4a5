package artifacts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/agents"
	"beckon/artifacts"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store/storetest"
)

// open answers a request for a link as a server does.
func open(t testing.TB, s *artifacts.Service, r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	id := path.Base(r.URL.Path)
	if err := s.Check(id, r.URL.Query()); err != nil {
		answer.Code = map[problem.Kind]int{problem.NotFound: 404, problem.Gone: 410}[problem.Of(err).Kind]
		return answer
	}
	a, err := s.Get(r.Context(), id)
	if problem.Is(err, problem.NotFound) {
		answer.Code = 404
		return answer
	}
	require.NoError(t, err)
	require.NoError(t, s.Serve(answer, r, a))
	return answer
}

func get(t testing.TB, s *artifacts.Service, link string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, link, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return open(t, s, r)
}

func TestLinksOpenUntilTheyExpire(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	at := newClock()
	service, _ := newService(t, s, func(c *artifacts.Config) { c.Now = at.now; c.LinkTTL = time.Hour })
	addRun(t, s, maker.RunID, false)
	a, other := save(t, service, "cat.png", "", png), save(t, service, "dog.png", "", png)
	keep(t, s, service, a, other)
	link := service.Link(a.ID)
	require.True(t, strings.HasPrefix(link.URL, "https://example.com/beckon/a/"+a.ID+"?"), link.URL)
	require.Equal(t, at.at.Add(time.Hour), link.ExpiresAt)
	require.Equal(t, 200, get(t, service, link.URL).Code)

	u, err := url.Parse(link.URL)
	require.NoError(t, err)
	query := u.Query()
	signature := query.Get("signature")
	changed := func(name, value string) string {
		q := u.Query()
		q.Set(name, value)
		return "/a/" + a.ID + "?" + q.Encode()
	}
	flipped := "A" + signature[1:]
	if signature[0] == 'A' {
		flipped = "B" + signature[1:]
	}
	for name, wrong := range map[string]string{
		"cut short":     changed("signature", signature[:len(signature)-1]),
		"cut to half":   changed("signature", signature[:22]),
		"none":          changed("signature", ""),
		"another":       changed("signature", flipped),
		"longer":        changed("signature", signature+"AAAA"),
		"no base64":     changed("signature", "?"),
		"later":         changed("expires", "99999999999"),
		"no number":     changed("expires", "x"),
		"other's":       strings.Replace(link.URL, a.ID, other.ID, 1),
		"no parameters": "/a/" + a.ID,
	} {
		require.Equal(t, 404, get(t, service, wrong).Code, name)
	}

	at.at = at.at.Add(time.Hour - time.Second)
	require.Equal(t, 200, get(t, service, link.URL).Code)
	at.at = at.at.Add(time.Second)
	require.Equal(t, 410, get(t, service, link.URL).Code)
	require.Equal(t, 404, get(t, service, changed("signature", flipped)).Code, "only who had a link hears that it has expired")

	again := service.Link(a.ID)
	require.NotEqual(t, link.URL, again.URL)
	require.Equal(t, 200, get(t, service, again.URL).Code)
	require.NoError(t, service.Remove(t.Context(), a.ID))
	require.Equal(t, 404, get(t, service, again.URL).Code)
	require.Equal(t, 200, get(t, service, service.Link(other.ID).URL).Code)
}

func TestAPageLoadsAFileOnceAnHour(t *testing.T) {
	at := newClock()
	service, _ := newService(t, storetest.Open(t, storetest.SQLite(t)), func(c *artifacts.Config) { c.Now = at.now })
	first := service.PathFor("art_1")
	at.at = at.at.Add(59 * time.Minute)
	require.Equal(t, first, service.PathFor("art_1"))
	at.at = at.at.Add(time.Minute)
	require.NotEqual(t, first, service.PathFor("art_1"))
	u, err := url.Parse(first)
	require.NoError(t, err)
	require.NoError(t, service.Check("art_1", u.Query()), "it opens until the page is drawn again")
}

func TestOtherKeysMakeOtherLinks(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	service, _ := newService(t, s)
	other, _ := newService(t, s, func(c *artifacts.Config) { c.Key = func() (secret.String, error) { return "another", nil } })
	require.Equal(t, 404, get(t, other, service.Link("art_1").URL).Code)

	keyless, _ := newService(t, s, func(c *artifacts.Config) { c.Key = func() (secret.String, error) { return "", errors.New("no key") } })
	require.Zero(t, keyless.Link("art_1"))
	require.Empty(t, keyless.PathFor("art_1"))
	require.True(t, problem.Is(keyless.Check("art_1", nil), problem.Unavailable))
}

func TestRanges(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	service, _ := newService(t, s)
	addRun(t, s, maker.RunID, false)
	content := png + strings.Repeat("0123456789", 10_000)
	a := save(t, service, "cat.png", "", content)
	keep(t, s, service, a)
	link := service.Link(a.ID).URL
	for spec, want := range map[string]string{"bytes=0-9": content[:10], "bytes=50000-50009": content[50000:50010], "bytes=-5": content[len(content)-5:], "bytes=100000-": content[100000:]} {
		answer := get(t, service, link, "Range", spec)
		require.Equal(t, 206, answer.Code)
		require.Equal(t, want, answer.Body.String(), spec)
	}
	require.Equal(t, 416, get(t, service, link, "Range", "bytes=200000-").Code)
	several := get(t, service, link, "Range", "bytes=0-1,50-51")
	require.Equal(t, 206, several.Code)
	require.Contains(t, several.Header().Get("Content-Type"), "multipart/byteranges")

	whole := get(t, service, link)
	require.Equal(t, `"`+a.SHA256+`"`, whole.Header().Get("ETag"))
	require.Equal(t, fmt.Sprint(len(content)), whole.Header().Get("Content-Length"))
	require.Equal(t, 304, get(t, service, link, "If-None-Match", `"`+a.SHA256+`"`).Code)
	require.Equal(t, 200, get(t, service, link, "Range", "bytes=0-9", "If-Range", `"other"`).Code)
	head := open(t, service, httptest.NewRequest(http.MethodHead, link, nil))
	require.Equal(t, 200, head.Code)
	require.Empty(t, head.Body.String())
	require.Equal(t, fmt.Sprint(len(content)), head.Header().Get("Content-Length"))
}

// What could run in a page is downloaded; nothing else is done with it.
func TestNothingRunsInOurOrigin(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	service, _ := newService(t, s)
	addRun(t, s, maker.RunID, false)
	for name, tt := range map[string]struct{ content, contentType, disposition string }{
		"cat.png":          {png, "image/png", `inline; filename=cat.png`},
		"page.html":        {"<!doctype html><script>alert(1)</script>", "text/html; charset=utf-8", `attachment; filename=page.html`},
		"pic.svg":          {`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "image/svg+xml", `attachment; filename=pic.svg`},
		"paper.pdf":        {"%PDF-1.7\n", "application/pdf", `attachment; filename=paper.pdf`},
		"notes.txt":        {"hello", "text/plain; charset=utf-8", `attachment; filename=notes.txt`},
		`a "b"; c=.bin`:    {"\x00\x01", "application/octet-stream", `attachment; filename="a \"b\"; c=.bin"`},
		"Übersicht 1.webm": {"\x1aE\xdf\xa3\x42\x82\x84webm", "video/webm", `inline; filename*=utf-8''%C3%9Cbersicht%201.webm`},
	} {
		a := save(t, service, name, "text/html", tt.content)
		keep(t, s, service, a)
		header := get(t, service, service.Link(a.ID).URL).Header()
		require.Equal(t, tt.contentType, header.Get("Content-Type"), name)
		require.Equal(t, tt.disposition, header.Get("Content-Disposition"), name)
		require.Contains(t, header.Get("Content-Security-Policy"), "sandbox; default-src 'none'")
		require.NotContains(t, header.Get("Content-Security-Policy"), "script")
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		require.Contains(t, header.Get("Cache-Control"), "private")
		require.Equal(t, "cross-origin", header.Get("Cross-Origin-Resource-Policy"))
		require.Empty(t, header.Values("Set-Cookie"))
	}
}

func TestEventsAreFilledWithLinks(t *testing.T) {
	service, _ := newService(t, storetest.Open(t, storetest.SQLite(t)))
	list := `[{"id":"art_1","name":"a \"b\"","mediaType":"image/png","bytes":3,"sha256":"00","nodeId":"painter"},{"id":"art_2","name":"c","mediaType":"image/png","bytes":4,"sha256":"01","nodeId":"painter"}]`
	event := func(artifacts, metadata string) []byte {
		return []byte(`{"success":true,"type":"run.completed","data":{"status":"COMPLETED","output":"\"artifacts\":[{\"id\":\"art_"` + artifacts + `,"z":1},"metadata":` + metadata + `,"error":null}`)
	}
	filled := service.Fill(event(`,"artifacts":`+list, `{"n":12345678901234567890}`))
	var got struct {
		Data struct {
			Artifacts []artifacts.Linked
			Z         int
		}
		Metadata json.RawMessage
	}
	require.NoError(t, json.Unmarshal(filled, &got))
	require.Equal(t, `{"n":12345678901234567890}`, string(got.Metadata), "all else is as it was")
	require.Equal(t, 1, got.Data.Z)
	require.Len(t, got.Data.Artifacts, 2)
	require.Equal(t, agents.Artifact{ID: "art_1", Name: `a "b"`, MediaType: "image/png", Bytes: 3, SHA256: "00", NodeID: "painter"}, got.Data.Artifacts[0].Artifact)
	require.Equal(t, service.Link("art_2").URL, got.Data.Artifacts[1].URL)
	require.Equal(t, "2026-02-25T12:00:00.000Z", got.Data.Artifacts[1].ExpiresAt)

	for _, unchanged := range [][]byte{nil, event("", "{}"), event("", `{"data":{"artifacts":`+list+`}}`), event("", `{"artifacts":`+list+`}`),
		[]byte(`{"data":{"artifacts":[{"id":"art_`), []byte(`{"data":{"artifacts":[{"id":"art_1","bytes":"x"}]}}`)} {
		require.Equal(t, string(unchanged), string(service.Fill(unchanged)))
	}
}

func BenchmarkLink(b *testing.B) {
	service, _ := newService(b, storetest.Open(b, storetest.SQLite(b)))
	b.ReportAllocs()
	for b.Loop() {
		service.Link("art_01JM000000000000000000000A")
	}
}
