package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

// errorView is what the page of an error shows.
type errorView struct {
	Title, Detail string
	RequestID     string // where the log has more than the page
}

func errorPage() page {
	return page{template: "error", title: "Something is wrong"}
}

// Owns reports whether an address is a page's, whose errors are for people.
func (w *Web) Owns(path string) bool {
	return path == homePath || strings.HasPrefix(path, homePath+"/") || strings.HasPrefix(path, "/docs/")
}

// AnswerProblem draws an error, with the menu for those who are signed in. The caller has logged it, and says which status
// it is.
func (w *Web) AnswerProblem(c echo.Context, p *problem.Error, status int) error {
	if userOf(c) == "" { // at an address that is no page's, nobody has asked yet
		if _, who, err := w.sessions.load(c.Request()); err == nil {
			c.Set(userKey, who)
		}
	}
	shown := errorView{Title: http.StatusText(status), Detail: p.Detail}
	if status >= http.StatusInternalServerError {
		shown.RequestID = c.Response().Header().Get("X-Request-Id")
	}
	return w.screens.draw(c, status, errorPage(), shown)
}
