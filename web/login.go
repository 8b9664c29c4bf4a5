package web

import (
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

// loginForm is what the login shows.
type loginForm struct {
	Next  string
	Error string
}

func (w *Web) loginPage() page {
	return page{
		path: loginPath, template: "login", title: "Log in", open: true, data: w.showLogin, sample: loginForm{"/admin", "Wrong."},
		posts: map[string]echo.HandlerFunc{
			loginPath:                  w.login,
			"/admin/logout":            w.logout(false),
			"/admin/logout/everywhere": w.logout(true),
		},
	}
}

func (w *Web) showLogin(c echo.Context) (any, error) {
	next := destination(c.QueryParam("next"))
	if whoIs(c) != "" {
		return nil, c.Redirect(http.StatusSeeOther, next)
	}
	return loginForm{Next: next}, nil
}

// login signs in who knows the password. An address gets five wrong tries a minute.
func (w *Web) login(c echo.Context) error {
	if err := c.Request().ParseForm(); err != nil {
		return problem.New(problem.Invalid, "malformed_form", "The form cannot be read. Go back and send it again.").Because(err)
	}
	address, next := c.RealIP(), destination(c.Request().PostForm.Get("next"))
	if wait := w.attempts.take(address); wait > 0 {
		return w.refuseLogin(c, next, wait)
	}
	right, err := w.password.is(c.Request().Context(), c.Request().PostForm.Get("password"))
	if err != nil {
		return err
	}
	if !right {
		w.Log.Warn("wrong password at the login", slog.String("address", address))
		return w.screens.draw(c, http.StatusUnauthorized, w.loginPage(), loginForm{next, "That is not the password."})
	}
	w.attempts.forget(address)
	if err := w.sessions.begin(c.Response(), c.Request()); err != nil {
		return err
	}
	w.Log.Info("logged in", slog.String("address", address))
	protect(c.Response().Header())
	return c.Redirect(http.StatusSeeOther, next)
}

func (w *Web) refuseLogin(c echo.Context, next string, wait time.Duration) error {
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	w.Log.Warn("too many wrong passwords at the login", slog.String("address", c.RealIP()))
	c.Response().Header().Set("Retry-After", seconds)
	return w.screens.draw(c, http.StatusTooManyRequests, w.loginPage(),
		loginForm{next, "Too many wrong passwords came from your address. Wait " + seconds + " s and try again."})
}

// logout ends the session of this browser, or those of all.
func (w *Web) logout(everywhere bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := w.sessions.end(c.Response(), c.Request(), everywhere); err != nil {
			return err
		}
		protect(c.Response().Header())
		return c.Redirect(http.StatusSeeOther, loginPath)
	}
}
