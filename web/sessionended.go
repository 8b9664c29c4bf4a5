package web

import (
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
)

// endedSession is the page that answers a form whose session has ended. It keeps what was typed, to be sent again.
type endedSession struct {
	Address string
	Fields  []sentField
}

// sentField is one field as it was sent.
type sentField struct {
	Name, Value string
}

func endedSessionPage() page {
	return page{template: "sessionended", title: "Session ended"}
}

// keepForm answers a form that nobody is signed in for: with the login where it is empty, else with a page that has it.
func (w *Web) keepForm(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	if len(sent) == 0 {
		return c.Redirect(http.StatusSeeOther, loginPath)
	}
	shown := endedSession{Address: c.Request().URL.RequestURI()}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		for _, value := range sent[name] {
			shown.Fields = append(shown.Fields, sentField{Name: name, Value: value})
		}
	}
	return w.screens.draw(c, http.StatusUnauthorized, endedSessionPage(), shown)
}
