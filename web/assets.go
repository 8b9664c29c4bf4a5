package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

// Those of others are in assets/vendor, which git ignores and `make assets` fills.
//
//go:embed assets
var assetFiles embed.FS

const assetsPath = "/admin/assets/"

// needed are the assets of others that pages ask for.
var needed = []string{"icons.svg", "htmx.js", "swagger-ui.css", "swagger-ui.js", "licenses.txt"}

// A type that is missing here is a mistake: the system's own table isn't asked, for it differs between machines.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
}

// assets are the files behind the pages. Their addresses contain their fingerprint, so that browsers keep them for good.
type assets map[string]asset

type asset struct {
	mediaType   string
	fingerprint string
	packed      func() ([]byte, error) // gzip
}

// loadAssets reads every file of a folder and below. A name ending in .gz is packed already. Others are packed when they are first
// asked for.
func loadAssets(files fs.FS) (assets, error) {
	all := assets{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		base, isPacked := strings.CutSuffix(path.Base(name), ".gz")
		mediaType, known := assetTypes[path.Ext(base)]
		if !known {
			return fmt.Errorf("%s has a type that pages don't use", name)
		}
		read := func() ([]byte, error) { return fs.ReadFile(files, name) }
		if !isPacked {
			read = sync.OnceValues(func() ([]byte, error) { return packFile(files, name) })
		}
		sum := sha256.Sum256(data)
		all[base] = asset{mediaType, hex.EncodeToString(sum[:6]), read}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load the assets: %w", err)
	}
	return all, nil
}

// url is the address of an asset. One that isn't there gets an address too, which answers 404: the page works without.
func (a assets) url(name string) string {
	file, ok := a[name]
	if !ok {
		return assetsPath + "missing/" + name
	}
	return assetsPath + file.fingerprint + "/" + name
}

func (a assets) missing() (names []string) {
	for _, name := range needed {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// serve answers with an asset. Where the fingerprint is another one, as during an upgrade of several replicas, it
// answers with what there is, to be used this once.
func (a assets) serve(c echo.Context) error {
	file, ok := a[c.Param("name")]
	if !ok {
		return problem.New(problem.NotFound, problem.CodeRouteNotFound, "There is nothing at this address.")
	}
	header := c.Response().Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Vary", "Accept-Encoding")
	header.Set("Cache-Control", "no-store")
	if c.Param("fingerprint") == file.fingerprint {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	packed, err := file.packed()
	if err != nil {
		return fmt.Errorf("read an asset: %w", err)
	}
	if takesGzip(c.Request()) {
		header.Set("Content-Encoding", "gzip")
		header.Set("Content-Length", strconv.Itoa(len(packed)))
		return c.Blob(http.StatusOK, file.mediaType, packed)
	}
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("unpack an asset: %w", err)
	}
	return c.Stream(http.StatusOK, file.mediaType, plain)
}

// packFile returns a file as gzip.
func packFile(files fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	packer, err := gzip.NewWriterLevel(io.Discard, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	return pack(packer, data)
}

// pack uses a packer that may have been used before: a new one costs more than most pages do.
func pack(packer *gzip.Writer, data []byte) ([]byte, error) {
	var b bytes.Buffer
	packer.Reset(&b)
	if _, err := packer.Write(data); err != nil {
		return nil, err
	}
	if err := packer.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// takesGzip reads Accept-Encoding as far as browsers write it: RFC 9110, section 12.5.3.
func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, weighted := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		if !weighted {
			return true
		}
		value, err := strconv.ParseFloat(q, 64)
		return err == nil && value > 0
	}
	return false
}
