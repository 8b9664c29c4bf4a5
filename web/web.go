// Package web draws the admin pages; it owns the templates and the assets.
package web

import (
	"cmp"
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/internal/basepath"
	"beckon/internal/problem"
	"beckon/internal/secret"
	"beckon/internal/store"
)

const (
	homePath  = "/admin"
	loginPath = "/admin/login"
	// maxForm bounds what a form may send, and maxOpenForm what it may of anybody.
	maxForm     = 1 << 20
	maxOpenForm = 8 << 10
	// maxKeptForm bounds a form whose session has ended: see keepForm.
	maxKeptForm = 64 << 10
)

// Config is what a Web is made of.
type Config struct {
	Store      *store.Store  // for sessions and the password
	Password   secret.String // the configured one; empty: the one that EnsurePassword has made
	PublicURL  string        // its path is put in front of links; under https the session's cookie is for TLS only
	Version    string
	Statistics Statistics
	Backend    *Backend
	Log        *slog.Logger
	Now        func() time.Time // time.Now, where it is nil
}

// Web answers for the pages.
type Web struct {
	Config
	assets   assets
	base     basepath.Path
	screens  *screens
	sessions *sessions
	password *password
	attempts *attempts
	origin   *http.CrossOriginProtection

	examining sync.Mutex // held while the checks of the page Doctor run
}

// New returns the pages. An error is a mistake in the assets, or the database does not answer.
func New(c Config) (*Web, error) {
	files, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		return nil, err
	}
	return newWeb(c, files)
}

func newWeb(c Config, files fs.FS) (*Web, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	w := &Web{Config: c, base: basepath.Of(c.PublicURL), attempts: newAttempts(c.Now), origin: http.NewCrossOriginProtection()}
	var err error
	if w.password, err = newPassword(context.Background(), c.Store, c.Password); err != nil {
		return nil, err
	}
	w.sessions = newSessions(c.Store, w.password, c.PublicURL, c.Now)
	if w.assets, err = loadAssets(files); err != nil {
		return nil, err
	}
	if missing := w.assets.missing(); len(missing) > 0 {
		c.Log.Warn("the pages lack assets, and look plain: build with make, which gets them", slog.Any("missing", missing))
	}
	w.screens = newScreens(c.Version, w.base, w.assets, append(w.pages(), errorPage(), endedSessionPage()))
	w.screens.banner = w.noModel
	return w, nil
}

// pages are all of them.
func (w *Web) pages() []page {
	all := []page{w.loginPage(), w.overviewPage(), w.docsPage()}
	for _, f := range forms() {
		all = append(all, f.pages(w)...)
	}
	return slices.Concat(all, []page{w.searchPage()}, w.guidePages(), w.designPages(), w.runPages(), w.conversationPages(),
		w.deliveryPages(), w.recordPages())
}

// Register puts the pages and their assets on e.
func (w *Web) Register(e *echo.Echo) {
	for _, p := range w.pages() {
		guard := w.requireLogin
		if p.open {
			guard = w.allowAnyone
		}
		e.GET(p.path, guard(w.show(p)))
		for path, post := range p.posts {
			e.POST(path, guard(post))
		}
	}
	e.GET(assetsPath+":fingerprint/:name", w.assets.serve)
	e.GET("/", func(c echo.Context) error { return c.Redirect(http.StatusSeeOther, homePath) })
	e.GET(homePath+"/", func(c echo.Context) error { return c.Redirect(http.StatusPermanentRedirect, homePath) })
}

// show draws a page, unless its data has been an answer already.
func (w *Web) show(p page) echo.HandlerFunc {
	return func(c echo.Context) error {
		data, err := p.data(c)
		if err != nil || c.Response().Committed {
			return err
		}
		return w.screens.draw(c, http.StatusOK, p, data)
	}
}

// allowAnyone guards pages that need no login.
func (w *Web) allowAnyone(next echo.HandlerFunc) echo.HandlerFunc {
	return w.identify(maxOpenForm, next)
}

// identify stores the user of the request, and bounds the form: most bytes for a user, maxOpenForm for anybody else. It refuses
// forms of other origins.
func (w *Web) identify(most int64, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if err := w.origin.Check(r); err != nil {
			return problem.New(problem.Denied, "cross_origin",
				"This was sent by another site. Open Beckon's own page and do it there.").Because(err)
		}
		_, who, err := w.sessions.load(r)
		if err != nil {
			return err
		}
		limit := most
		if who == "" {
			limit = maxOpenForm
			if most > maxOpenForm && w.sessions.isNamed(r) {
				limit = maxKeptForm
			}
		}
		if r.ContentLength > limit {
			c.Response().Header().Set("Connection", "close") // what is still being sent is not worth reading
			return formTooLarge(limit)
		}
		r.Body = http.MaxBytesReader(c.Response(), r.Body, limit)
		c.Set(userKey, who)
		return next(c)
	}
}

func formTooLarge(limit int64) error {
	return problem.New(problem.TooLarge, "form_too_large", "The form is larger than the %d bytes that are read of it here.", limit)
}

// requireLogin redirects to the login whoever is not logged in.
func (w *Web) requireLogin(next echo.HandlerFunc) echo.HandlerFunc {
	return w.identify(maxForm, func(c echo.Context) error {
		if userOf(c) != "" {
			return next(c)
		}
		protect(c.Response().Header())
		r := c.Request()
		if r.Header.Get("HX-Request") != "" {
			// What htmx asked for is a part of a page; the login belongs in its place as a whole.
			current, _ := url.Parse(r.Header.Get("HX-Current-URL"))
			if current != nil {
				current.Path = w.base.Strip(current.Path)
			}
			c.Response().Header().Set("HX-Redirect", loginFor(current))
			return c.NoContent(http.StatusNoContent)
		}
		if r.Method != http.MethodGet {
			return w.keepForm(c)
		}
		return c.Redirect(http.StatusSeeOther, loginFor(r.URL))
	})
}

// loginFor returns the address of the login that leads back to a page.
func loginFor(page *url.URL) string {
	if page == nil || page.Path == homePath && page.RawQuery == "" {
		return loginPath
	}
	next := page.Path
	if page.RawQuery != "" {
		next += "?" + page.RawQuery
	}
	return loginPath + "?" + url.Values{"next": {next}}.Encode()
}

// destination returns the page to show after the login: one of our own, whatever the address says.
func destination(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.Path != homePath && !strings.HasPrefix(u.Path, homePath+"/") ||
		strings.ContainsAny(u.Path, "\\\r\n") {
		return homePath
	}
	return cmp.Or((&url.URL{Path: u.Path, RawQuery: u.RawQuery}).String(), homePath)
}
