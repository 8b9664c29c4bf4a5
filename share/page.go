package share

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"beckon/internal/csp"
)

var (
	//go:embed page/*.html
	files embed.FS
	//go:embed page/page.css
	style string

	pages = template.Must(template.New("").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) },
	}).ParseFS(files, "page/*.html"))

	// contentPolicy lets a page show what is of this origin and styled by itself, and do nothing.
	contentPolicy = "default-src 'none'; style-src " + csp.Hash(style) + "; img-src 'self'; media-src 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'; form-action "
	resultPolicy   = contentPolicy + "'none'"
	approvalPolicy = contentPolicy + "'self'"
)

// The states of a page.
const (
	Answered = "answered"
	Pending  = "pending" // the run goes on
	NoAnswer = "none"    // it has ended without one
)

// refreshEvery is how often, in seconds, the page of a run that goes on asks again.
const refreshEvery = 5

// Page is what the recipient of a run's result sees.
type Page struct {
	State  string
	From   string        // who answered: the name of an agent or a flow
	At     time.Time     // when
	Answer template.HTML // see SafeHTML; empty where there are only files
	Files  []File
}

// File is one that a run has made.
type File struct {
	Name    string
	Bytes   int64
	Shows   string // image, audio or video; empty for what is downloaded only
	Address string // relative to the page
}

// RefreshEvery is 0 for a page that stays as it is.
func (p Page) RefreshEvery() int {
	if p.State != Pending {
		return 0
	}
	return refreshEvery
}

// Size is the size in the unit that fits.
func (f File) Size() string { return sizeText(f.Bytes) }

// Write answers with the page.
func (p Page) Write(w http.ResponseWriter) error { return write(w, http.StatusOK, "result.html", p) }

// Refusal is the page behind a link that leads nowhere.
type Refusal struct{ Title, Detail string }

// Write answers with the page.
func (r Refusal) Write(w http.ResponseWriter, status int) error {
	return write(w, status, "refusal.html", r)
}

func write(w http.ResponseWriter, status int, name string, data any) error {
	return writeWith(w, status, name, data, resultPolicy)
}

func writeWith(w http.ResponseWriter, status int, name string, data any, policy string) error {
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, name, data); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	header.Set("Cache-Control", "private, no-store") // it may be revoked, and each view is told
	w.WriteHeader(status)
	_, err := w.Write(out.Bytes())
	return err
}

func sizeText(n int64) string {
	units := []string{"bytes", "KB", "MB", "GB"}
	size, unit := float64(n), 0
	for ; size >= 1000 && unit < len(units)-1; unit++ {
		size /= 1000
	}
	precision := 0
	if unit > 0 && size < 10 {
		precision = 1
	}
	return strings.TrimSuffix(strconv.FormatFloat(size, 'f', precision, 64), ".0") + " " + units[unit]
}
