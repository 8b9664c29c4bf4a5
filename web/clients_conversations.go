package web

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	conversations "beckon/sessions"
)

// maxTurns is how many turns the page of a conversation has.
const maxTurns = 20

// conversationList is what the list of a client's conversations shows.
type conversationList struct {
	ClientID string
	Notice   string
	Sessions []conversationRow
	Next     string // the address of the next page; empty on the last
	NotFirst bool
}

// Client is the address of the client's page.
func (l conversationList) Client() string { return addressOf(clientsPath, l.ClientID) }

type conversationRow struct {
	conversations.Session
	Address string
}

// conversationScreen is what the page of a conversation shows.
type conversationScreen struct {
	ID, ClientID string
	Error        string
	Session      conversations.Session
	Summaries    []summaryRow
	Turns        []turnRow // the last in front
	Next         string    // the address of the turns before; empty where there are none
}

type summaryRow struct {
	AgentID string
	Text    shownText
}

type turnRow struct {
	conversations.Turn
	Prompt, Answer shownText
}

// Size is about how many tokens it has.
func (r turnRow) Size() int64 { return int64(r.Tokens) }

// RunAddress is the page of the turn's run.
func (r turnRow) RunAddress() string { return runAddress(r.RunID, "") }

// List is the address of all conversations of the client.
func (s conversationScreen) List() string { return conversationsAddress(s.ClientID) }

// Path is the address of the page.
func (s conversationScreen) Path() string { return conversationAddress(s.ClientID, s.ID) }

func conversationsAddress(clientID string) string {
	return addressOf(clientsPath, clientID) + "/sessions"
}

func conversationAddress(clientID, id string) string {
	return conversationsAddress(clientID) + "/" + url.PathEscape(id)
}

// Crumb is its place below the clients.
func (l conversationList) Crumb() string { return "Conversations of " + l.ClientID }

// Crumb is its place below the clients.
func (s conversationScreen) Crumb() string { return s.ID }

func (w *Web) conversationPages() []page {
	list := clientsPath + "/:id/sessions"
	one := list + "/:session"
	return []page{{path: list, template: "conversations", title: "Conversations", data: w.showConversations},
		{
			path:     one,
			template: "conversation",
			title:    "Conversation",
			data:     w.showConversation,
			posts:    map[string]echo.HandlerFunc{one + "/delete": w.deleteConversation},
		}}
}

func (w *Web) showConversations(c echo.Context) (any, error) {
	l := conversationList{ClientID: c.Param("id"), NotFirst: c.QueryParam("cursor") != ""}
	if c.QueryParam("done") == "deleted" {
		l.Notice = "The conversation is deleted."
	}
	list, next, err := w.Backend.Conversations.List(c.Request().Context(), l.ClientID, c.QueryParam("cursor"), conversations.DefaultPage)
	for _, s := range list {
		l.Sessions = append(l.Sessions, conversationRow{s, conversationAddress(l.ClientID, s.ID)})
	}
	if next != "" {
		l.Next = listAddress(conversationsAddress(l.ClientID), nil, next)
	}
	return l, err
}

func (w *Web) showConversation(c echo.Context) (any, error) {
	s := conversationScreen{ClientID: c.Param("id"), ID: c.Param("session")}
	return w.conversationScreenOf(c, s)
}

func (w *Web) conversationScreenOf(c echo.Context, s conversationScreen) (_ conversationScreen, err error) {
	ctx := c.Request().Context()
	if s.Session, err = w.Backend.Conversations.Get(ctx, s.ClientID, s.ID); err != nil {
		return s, err
	}
	list, next, err := w.Backend.Conversations.Turns(ctx, s.ClientID, s.ID, c.QueryParam("cursor"), maxTurns)
	texts := newTexts("")
	for _, summary := range s.Session.Summaries {
		s.Summaries = append(s.Summaries, summaryRow{summary.AgentID, texts.show("Summary", summary.Text)})
	}
	for _, t := range list {
		texts.address = runAddress(t.RunID, "")
		s.Turns = append(s.Turns, turnRow{t, texts.show("Prompt", t.Prompt.Text), texts.show("Answer", t.Answer)})
	}
	if next != "" {
		s.Next = listAddress(s.Path(), nil, next)
	}
	return s, err
}

// deleteConversation deletes a conversation. Without the box that confirms it nothing happens.
func (w *Web) deleteConversation(c echo.Context) error {
	s := conversationScreen{ClientID: c.Param("id"), ID: c.Param("session")}
	if c.FormValue("sure") == "" {
		s.Error = "Nothing was deleted. Tick the box to confirm."
		s, err := w.conversationScreenOf(c, s)
		if err != nil {
			return err
		}
		return w.screens.draw(c, http.StatusBadRequest, w.conversationPages()[1], s)
	}
	if err := w.Backend.Conversations.Delete(c.Request().Context(), s.ClientID, s.ID, userOf(c)); err != nil {
		return err
	}
	return redirect(c, s.List()+"?done=deleted")
}
