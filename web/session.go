package web

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/labstack/echo/v4"

	"beckon/internal/basepath"
	"beckon/internal/store"
)

const (
	userKey = "who"
	// passwordKey is the key of the fingerprint of the password that the session was begun with.
	passwordKey = "password"
	// administrator is who is signed in: there is one account.
	administrator = "admin"
)

// sessions are those of the page: a random token in a cookie, and a row in the database.
type sessions struct {
	manager  *scs.SessionManager
	store    *sessionStore
	password *password
}

// newSessions makes the cookie Secure when the page is served over TLS. The prefix of its name then keeps other hosts
// of the domain from setting it, as far as the page's URL has no path (RFC 6265bis, section 4.1.3).
func newSessions(s *store.Store, p *password, publicURL string, now func() time.Time) *sessions {
	rows := &sessionStore{s, now}
	secure, base := isTLS(publicURL), basepath.Of(publicURL)
	// Not scs.New: it starts a loop over sessions in memory, which nothing ends.
	m := &scs.SessionManager{Store: rows, Codec: scs.GobCodec{}, Lifetime: absoluteTime, HashTokenInStore: true, Cookie: scs.SessionCookie{
		Name:     "beckon_session",
		Path:     cmp.Or(string(base), "/"),
		HttpOnly: true,
		Secure:   secure,
		SameSite: http.SameSiteLaxMode,
		Persist:  true,
	}}
	switch {
	case secure && base == "":
		m.Cookie.Name = "__Host-beckon_session"
	case secure:
		m.Cookie.Name = "__Secure-beckon_session"
	}
	return &sessions{m, rows, p}
}

// load returns the context of the request's session, and who is signed in; empty is nobody.
func (s *sessions) load(r *http.Request) (ctx context.Context, who string, err error) {
	token := ""
	if cookie, err := r.Cookie(s.manager.Cookie.Name); err == nil {
		token = cookie.Value
	}
	if token != "" {
		// A password that has been changed ends the sessions of the old one.
		if err := s.password.ensureInForce(r.Context()); err != nil {
			return nil, "", err
		}
	}
	ctx, err = s.manager.Load(r.Context(), token)
	if err != nil {
		return nil, "", err
	}
	return ctx, s.manager.GetString(ctx, userKey), nil
}

// isNamed reports whether a request names a session, of which nobody knows yet whether it goes on.
func (s *sessions) isNamed(r *http.Request) bool {
	cookie, err := r.Cookie(s.manager.Cookie.Name)
	return err == nil && cookie.Value != ""
}

// begin signs the administrator in, under a new token whatever the browser brought along. The session is good as long as hash
// is that of the password.
func (s *sessions) begin(w http.ResponseWriter, r *http.Request, hash string) error {
	ctx, _, err := s.load(r)
	if err != nil {
		return err
	}
	if err := s.manager.RenewToken(ctx); err != nil {
		return err
	}
	s.manager.Put(ctx, userKey, administrator)
	s.manager.Put(ctx, passwordKey, fingerprintOf(hash))
	token, expiry, err := s.manager.Commit(ctx)
	if err != nil {
		return err
	}
	s.manager.WriteSessionCookie(ctx, w, token, expiry)
	return nil
}

// end signs this browser out, or every browser.
func (s *sessions) end(w http.ResponseWriter, r *http.Request, everywhere bool) error {
	ctx, who, err := s.load(r)
	if err != nil {
		return err
	}
	if everywhere && who != "" {
		err = s.store.endAll(ctx)
	} else if who != "" {
		err = s.manager.Destroy(ctx)
	}
	if err != nil {
		return err
	}
	s.manager.WriteSessionCookie(ctx, w, "", time.Time{})
	return nil
}

// Admin says who the session of a request belongs to. A change that comes from another site belongs to nobody.
func (w *Web) Admin(r *http.Request) (who string, ok bool) {
	if err := w.origin.Check(r); err != nil {
		return "", false
	}
	_, who, err := w.sessions.load(r)
	if err != nil {
		w.Log.Warn("a session could not be read", slog.Any("error", err))
		return "", false
	}
	return who, who != ""
}

// userOf returns the user that the guard of the route has identified; empty where nobody is logged in.
func userOf(c echo.Context) string {
	who, _ := c.Get(userKey).(string)
	return who
}

// isTLS reports whether a URL is an https one.
func isTLS(url string) bool { return strings.HasPrefix(strings.ToLower(url), "https://") }
