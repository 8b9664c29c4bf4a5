package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/internal/problem"
)

// trouble is what the page of an error shows.
type trouble struct {
	Title, Detail, RequestID string
}

func troublePage() page {
	return page{template: "trouble", title: "Something is wrong", sample: trouble{"Not Found", "There is nothing at this address.", "req_1"}}
}

// Owns reports whether an address is a page's, whose errors are for people.
func (w *Web) Owns(path string) bool {
	return path == homePath || strings.HasPrefix(path, homePath+"/")
}

// AnswerProblem draws an error. The caller has logged it, and says which status it is.
func (w *Web) AnswerProblem(c echo.Context, p *problem.Error, status int) error {
	shown := trouble{Title: http.StatusText(status), Detail: p.Detail, RequestID: c.Response().Header().Get("X-Request-Id")}
	return w.screens.draw(c, status, troublePage(), shown)
}
