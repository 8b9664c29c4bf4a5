package web

import (
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
)

// What the audit list has of the login.
const (
	actionLogin     = "login"
	actionLockout   = "lockout"
	actionLogoutAll = "logout-everywhere"
)

// loginForm is what the login shows.
type loginForm struct {
	Next  string
	Error string
}

func (w *Web) loginPage() page {
	return page{
		path: loginPath, template: "login", title: "Log in", open: true, data: w.showLogin,
		posts: map[string]echo.HandlerFunc{
			loginPath:                  w.login,
			"/admin/logout":            w.logout(false),
			"/admin/logout/everywhere": w.logout(true),
		},
	}
}

func (w *Web) showLogin(c echo.Context) (any, error) {
	next := destination(c.QueryParam("next"))
	if userOf(c) != "" {
		return nil, c.Redirect(http.StatusSeeOther, next)
	}
	return loginForm{Next: next}, nil
}

// login signs in who knows the password. An address gets five wrong tries a minute; those whose form is still on its way
// count.
func (w *Web) login(c echo.Context) error {
	address := c.RealIP()
	wait := w.attempts.count(address)
	sent, err := postedForm(c)
	if err != nil {
		if wait == 0 {
			w.attempts.uncount(address)
		}
		return err
	}
	next := destination(sent.Get("next"))
	if wait > 0 {
		return w.refuseLogin(c, next, wait)
	}
	hash, right, err := w.password.check(c.Request().Context(), sent.Get("password"))
	if err != nil {
		return err
	}
	if !right {
		w.Log.Warn("wrong password at the login", slog.String("address", address))
		return w.screens.draw(c, http.StatusUnauthorized, w.loginPage(), loginForm{next, "Wrong password."})
	}
	w.attempts.forget(address)
	if err := w.sessions.begin(c.Response(), c.Request(), hash); err != nil {
		return err
	}
	w.Log.Info("logged in", slog.String("address", address))
	w.noteSession(c, administrator, actionLogin)
	protect(c.Response().Header())
	return c.Redirect(http.StatusSeeOther, next)
}

func (w *Web) refuseLogin(c echo.Context, next string, wait time.Duration) error {
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	if w.attempts.shouldReport(c.RealIP()) {
		w.Log.Warn("too many wrong passwords at the login", slog.String("address", c.RealIP()))
		w.noteSession(c, "somebody", actionLockout)
	}
	c.Response().Header().Set("Retry-After", seconds)
	return w.screens.draw(c, http.StatusTooManyRequests, w.loginPage(),
		loginForm{next, "Too many wrong passwords from your address. Wait " + seconds + " s and try again."})
}

// logout ends the session of this browser, or those of all.
func (w *Web) logout(everywhere bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := w.sessions.end(c.Response(), c.Request(), everywhere); err != nil {
			return err
		}
		if who := userOf(c); who != "" && everywhere {
			w.noteSession(c, who, actionLogoutAll)
		}
		protect(c.Response().Header())
		return c.Redirect(http.StatusSeeOther, loginPath)
	}
}

// noteSession puts what happened at the login into the audit list. It has happened also when that cannot be written.
func (w *Web) noteSession(c echo.Context, who, action string) {
	if err := w.Backend.Editor.Note(c.Request().Context(), who, action, sessionsSection, c.RealIP(), nil); err != nil {
		w.Log.Error("the audit list lacks an entry", slog.String("action", action),
			slog.String("address", c.RealIP()), slog.Any("error", err))
	}
}
