package web_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"beckon/web"
)

func TestAssetsAreKeptForGood(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	for name, mediaType := range map[string]string{
		"beckon.css": "text/css; charset=utf-8", "htmx.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml", "licenses.txt": "text/plain; charset=utf-8",
	} {
		address := regexp.MustCompile(`/admin/assets/[0-9a-f]{12}/` + regexp.QuoteMeta(name)).FindString(b.get("/admin/login").body)
		require.NotEmpty(t, address, name)
		plain := b.get(address, "Accept-Encoding", "identity")
		require.Equal(t, "this is "+name, plain.body)
		require.Equal(t, mediaType, plain.Header.Get("Content-Type"))
		require.Equal(t, "nosniff", plain.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "public, max-age=31536000, immutable", plain.Header.Get("Cache-Control"))
		require.Equal(t, "Accept-Encoding", plain.Header.Get("Vary"))
		packed := b.get(address, "Accept-Encoding", "gzip")
		require.Equal(t, "gzip", packed.Header.Get("Content-Encoding"))
		require.Equal(t, plain.body, unpack(t, packed.body))

		other := b.get("/admin/assets/000000000000/"+name, "Accept-Encoding", "identity")
		require.Equal(t, "this is "+name, other.body, "a page of another version finds it")
		require.Equal(t, "no-store", other.Header.Get("Cache-Control"), "but nobody keeps it under that address")
	}
	for _, nothing := range []string{"/admin/assets/0/secret.txt", "/admin/assets/0/..%2fweb.go", "/admin/assets/beckon.css"} {
		require.Equal(t, http.StatusNotFound, b.get(nothing).StatusCode, nothing)
	}
}

func TestAFingerprintChangesWithTheFile(t *testing.T) {
	s := newSite(t)
	address := func(name string) string {
		return regexp.MustCompile(`/admin/assets/[0-9a-f]{12}/` + name).FindString(s.browser().get("/admin/login").body)
	}
	css, js := address("beckon.css"), address("htmx.js")
	s.files["beckon.css"] = &fstest.MapFile{Data: []byte("changed")}
	s.serve()
	require.NotEqual(t, css, address("beckon.css"))
	require.NotEmpty(t, js)
	require.Equal(t, js, address("htmx.js"))
}

func TestMissingAssetsAreLogged(t *testing.T) {
	s := newSite(t)
	require.Empty(t, s.log.String())
	_, err := web.NewWith(s.web.Config, fstest.MapFS{})
	require.NoError(t, err, "the gateway works without")
	require.Contains(t, s.log.String(), "build with make")
	_, err = web.NewWith(s.web.Config, fstest.MapFS{"a.exe": {}})
	require.ErrorContains(t, err, "a.exe")
}

// The assets of this build: everything that pages name is there, and the first visit stays below 200 kB.
func TestEmbeddedAssets(t *testing.T) {
	files, err := web.EmbeddedAssets()
	require.NoError(t, err)
	packed := map[string]int{}
	require.NoError(t, fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		require.NoError(t, err)
		packed[strings.TrimSuffix(path.Base(name), ".gz")] = int(info.Size()) // ours are a little larger than what is sent
		return nil
	}))
	for _, name := range web.Needed() {
		require.Contains(t, packed, name, "make assets gets it")
	}
	s := newSite(t)
	b := s.signedIn()
	s.numbers.stats = someStats()
	for _, page := range []string{"/admin", "/admin/login", "/docs"} {
		got := b.get(page, "Accept-Encoding", "gzip")
		sum := len(got.body)
		for _, m := range regexp.MustCompile(`(?:src|rel="[a-z]+" href)="/admin/assets/[0-9a-f]+/([a-z.-]+)"`).FindAllStringSubmatch(unpacked(t, got), -1) {
			require.Contains(t, packed, m[1], page)
			sum += packed[m[1]]
		}
		if page != "/docs" { // Swagger UI alone is 480 kB
			require.Less(t, sum, 200_000, page)
			require.Less(t, len(got.body), 20_000, page)
		}
	}
}

func unpacked(t *testing.T, a answer) string {
	if a.Header.Get("Content-Encoding") == "gzip" {
		return unpack(t, a.body)
	}
	return a.body
}

func unpack(t *testing.T, packed string) string {
	r, err := gzip.NewReader(strings.NewReader(packed))
	require.NoError(t, err)
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(plain)
}
