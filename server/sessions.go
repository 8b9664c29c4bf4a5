package server

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
	"beckon/sessions"
)

// sessionDetail is a session with a page of its turns.
type sessionDetail struct {
	SessionBrief
	Agent      *string           `json:"agent" doc:"Of the last turn."`
	Turns      []turnDocument    `json:"turns" required:"true" nullable:"false" doc:"In the order in which they were said."`
	Summary    *string           `json:"summary" doc:"What the agent's model has made of older turns; null where there is none, or several agents have one."`
	Summaries  []summaryDocument `json:"summaries,omitempty" doc:"Those of each agent, where there are any."`
	NextCursor *string           `json:"nextCursor" required:"true" doc:"Asks for the page of the turns before these; null on the last."`
}

// SessionBrief is a session in a list. It is exported because huma leaves out what is embedded and is not.
type SessionBrief struct {
	SessionID string  `json:"sessionId"`
	CreatedAt *string `json:"createdAt" format:"date-time"`
	UpdatedAt *string `json:"updatedAt" format:"date-time" doc:"Of its last call or answer."`
	ExpiresAt *string `json:"expiresAt" format:"date-time" doc:"Without another call."`
}

type turnDocument struct {
	RunID     string  `json:"runId"`
	Agent     string  `json:"agent"`
	Node      *string `json:"nodeId" doc:"Of a flow; null for the run of an agent."`
	Prompt    string  `json:"prompt"`
	Response  string  `json:"response"`
	Tokens    int     `json:"tokens" doc:"Of both, about: four bytes are taken for one."`
	CreatedAt *string `json:"createdAt" format:"date-time"`
	ExpiresAt *string `json:"expiresAt" format:"date-time"`
}

type summaryDocument struct {
	Agent string `json:"agent"`
	Text  string `json:"text"`
}

func briefOf(s sessions.Session) SessionBrief {
	return SessionBrief{s.ID, timeOrNull(s.CreatedAt), timeOrNull(s.UpdatedAt), timeOrNull(s.ExpiresAt)}
}

// session reads a session with a page of its turns.
func (s *Server) session(ctx context.Context, clientID, id, cursor string, limit int) (d sessionDetail, err error) {
	session, err := s.Conversations.Get(ctx, clientID, id)
	if err != nil {
		return d, err
	}
	list, next, err := s.Conversations.Turns(ctx, clientID, id, cursor, limit)
	d = sessionDetail{SessionBrief: briefOf(session), Turns: make([]turnDocument, len(list)), NextCursor: orNull(next)}
	for i, t := range list {
		d.Turns[len(list)-1-i] = turnDocument{
			t.RunID, t.AgentID, orNull(t.NodeID), t.Prompt.Text, t.Answer, t.Tokens,
			timeOrNull(t.CreatedAt), timeOrNull(t.ExpiresAt),
		}
	}
	if len(list) > 0 {
		d.Agent = &list[0].AgentID
	}
	for _, summary := range session.Summaries {
		d.Summaries = append(d.Summaries, summaryDocument{summary.AgentID, summary.Text})
	}
	if len(d.Summaries) == 1 {
		d.Summary = &d.Summaries[0].Text
	}
	return d, err
}

// getSession answers with a session of the client.
func (s *Server) getSession(c echo.Context) error {
	client, id, err := s.ownSession(c)
	if err != nil {
		return err
	}
	limit := sessions.DefaultPage
	if given := c.QueryParam("limit"); given != "" {
		if limit, err = strconv.Atoi(given); err != nil || limit < 1 || limit > sessions.MaxPage {
			return problem.New(problem.Invalid, problem.CodeInvalidParameter,
				"limit must be a number from 1 to %d.", sessions.MaxPage)
		}
	}
	document, err := s.session(c.Request().Context(), client.ID, id, c.QueryParam("cursor"), limit)
	if err != nil {
		return err
	}
	return answerJSON(c, http.StatusOK, document)
}

// deleteSession deletes a session of the client.
func (s *Server) deleteSession(c echo.Context) error {
	client, id, err := s.ownSession(c)
	if err != nil {
		return err
	}
	if err := s.Conversations.Delete(c.Request().Context(), client.ID, id, ""); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// ownSession returns the client of a request, and the id of the session that the path names as it is kept. The
// client knows it by that, or by the one that it has given.
func (s *Server) ownSession(c echo.Context) (*clients.Member, string, error) {
	client, err := s.clientOf(c)
	if err != nil {
		return nil, "", err
	}
	id := c.Param("id")
	_, err = s.Conversations.Get(c.Request().Context(), client.ID, id)
	if client.Content != nil && problem.Is(err, problem.NotFound) {
		kept, err := runs.KeptKey(s.Calls.Runs.Sealer, client.Content, client.ID, id)
		return client, kept, err
	}
	return client, id, err
}

type sessionsInput struct {
	ID     string `path:"id" doc:"Of the client."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" doc:"The nextCursor of the page before."`
}

type sessionInput struct {
	ID      string `path:"id" doc:"Of the client."`
	Session string `path:"session"`
	Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Of turns."`
	Cursor  string `query:"cursor" doc:"The nextCursor of the page before."`
}

type sessionKeyInput struct {
	ID      string `path:"id" doc:"Of the client."`
	Session string `path:"session"`
}

type sessionsOutput struct{ Body page[SessionBrief] }

type sessionOutput struct{ Body sessionDetail }

func (s *Server) registerSessions(api huma.API) {
	route(api, http.MethodGet, "/clients/{id}/sessions", "list-client-sessions",
		"List the conversations of a client, those that were used last in front", s.listClientSessions)
	route(api, http.MethodGet,
		"/clients/{id}/sessions/{session}", "get-client-session", "Read a conversation of a client", s.getClientSession)
	route(api, http.MethodDelete, "/clients/{id}/sessions/{session}", "delete-client-session",
		"Delete a conversation of a client", s.deleteClientSession, answers(http.StatusNoContent))
}

func (s *Server) listClientSessions(ctx context.Context, in *sessionsInput) (*sessionsOutput, error) {
	list, next, err := s.Conversations.List(ctx, in.ID, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return &sessionsOutput{pageOf(list, next, briefOf)}, nil
}

func (s *Server) getClientSession(ctx context.Context, in *sessionInput) (*sessionOutput, error) {
	document, err := s.session(ctx, in.ID, in.Session, in.Cursor, in.Limit)
	return &sessionOutput{document}, err
}

func (s *Server) deleteClientSession(ctx context.Context, in *sessionKeyInput) (*struct{}, error) {
	return nil, s.Conversations.Delete(ctx, in.ID, in.Session, adminName(ctx))
}
