package server

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/cors"

	"beckon/calls"
	"beckon/calls/forms"
	"beckon/clients"
	"beckon/internal/problem"
	"beckon/runs"
	"beckon/share"
)

// The routes of forms: what stands in public pages.
const (
	formRoute      = forms.Path + ":key"
	challengeRoute = formRoute + "/challenge"
)

// formAnswer is what a page's script gets. Response is there only if the form shows it.
type formAnswer struct {
	OK       bool   `json:"ok"`
	Response string `json:"response,omitempty"`
}

// addForms adds the routes of forms. Pages of the origins that a form lists may read the answers.
func (s *Server) addForms() {
	s.echo.POST(formRoute, s.sendForm, s.allowFormOrigins)
	s.echo.OPTIONS(formRoute, allowNothingElse, s.allowFormOrigins)
	s.echo.GET(challengeRoute, s.newChallenge, s.allowFormOrigins)
	s.echo.OPTIONS(challengeRoute, allowNothingElse, s.allowFormOrigins)
}

// allowNothingElse answers an OPTIONS that is no preflight.
func allowNothingElse(c echo.Context) error { return c.NoContent(http.StatusNoContent) }

func (s *Server) allowFormOrigins(next echo.HandlerFunc) echo.HandlerFunc {
	headers := cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			client := s.Calls.Catalog().Clients.ByFormKey(r.PathValue("key"), time.Now())
			return client != nil && client.Form.AllowsOrigin(origin), nil
		},
		AllowedMethods: []string{http.MethodGet, http.MethodPost},
		AllowedHeaders: []string{"Content-Type", "Accept", "X-Requested-With"},
		ExposedHeaders: []string{"Retry-After"},
		MaxAge:         int((10 * time.Minute).Seconds()),
	})
	return func(c echo.Context) error {
		r := c.Request()
		r.SetPathValue("key", c.Param("key"))
		var err error
		headers.ServeHTTP(c.Response(), r, func(http.ResponseWriter, *http.Request) { err = next(c) })
		return err
	}
}

// sendForm handles POST /f/{key}: a form that a visitor of a page has sent. It is answered by a redirect or a small
// page where HTML is asked for, else by JSON, and as soon as its run is queued, unless the form shows the answer of
// its agent.
func (s *Server) sendForm(c echo.Context) error {
	r := s.newRequest(c)
	r.FormKey, r.Stream = c.Param("key"), false
	r.Header = r.Header.Clone() // checkForm writes to it
	for _, name := range []string{"Prefer", "Idempotency-Key", "Authorization", "Cookie"} {
		r.Header.Del(name) // visitors decide about none of it
	}
	r.Query.Del("agent")
	r.URL = nil // so that nothing reads another query from it
	accept := r.Header.Clone()
	call := s.Calls.Start(c.Request().Context(), calls.Form, r)
	defer call.Close()
	v := s.visitorOf(c, call.Client, accept)
	if call.Refused != nil {
		s.Calls.Metrics.Refused(problem.Of(call.Refused).Code)
		return v.refuse(s, call.Refused)
	}
	if call.Skipped != "" {
		s.noteSkipped(c, call.Skipped)
	}
	answer := ""
	if call.Active != nil {
		run, err := call.Wait(c.Request().Context())
		switch {
		case err != nil:
			return v.refuse(s, err)
		case run != nil && run.Status == runs.Completed:
			answer = run.Output
			v.page.Answer = share.SafeHTML(run.Output, run.By.IsData)
		}
	}
	switch {
	case !v.wantsPage:
		return answerJSON(c, http.StatusOK, formAnswer{OK: true, Response: answer})
	case call.Redirect != "" && answer == "":
		return c.Redirect(http.StatusSeeOther, call.Redirect)
	}
	return v.page.Write(c.Response(), http.StatusOK)
}

// visitor is who sends a form, as far as the answer depends on it.
type visitor struct {
	c         echo.Context
	page      forms.Page
	wantsPage bool
}

// visitorOf returns the visitor of a client's form; the client is nil where the key is none.
func (s *Server) visitorOf(c echo.Context, client *clients.Member, header http.Header) visitor {
	form := forms.Form{}
	if client != nil {
		form = client.Form
	}
	v := visitor{
		c, forms.Page{Words: form.WordsFor(header.Get("Accept-Language")), Thanks: form.Thanks, From: "Beckon"},
		forms.WantsPage(header),
	}
	if client != nil {
		v.page.From, v.page.Back = cmp.Or(client.Name, client.ID), form.PageOf(header)
	}
	return v
}

// refuse tells the visitor that the form was not taken, in their language. What is wrong with the client is none of
// their business: the log and the page Refused have it.
func (v visitor) refuse(s *Server, err error) error {
	p := problem.Of(err)
	if p.Kind == problem.Unprocessable && len(p.Fields) == 0 {
		p = problem.New(problem.Unavailable, p.Code, "%s", p.Detail).Because(p)
	}
	status := statusOf[p.Kind]
	s.logRefusal(v.c, p, status)
	s.noteRefusal(v.c, p, status)
	header := v.c.Response().Header()
	if p.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(wholeSeconds(p.RetryAfter)))
	}
	v.page.Wrong, v.page.Detail = p.Fields, v.page.Refusal(p)
	if v.wantsPage {
		return v.page.Write(v.c.Response(), status)
	}
	shown := problemDocumentOf(p, status, "")
	shown.Detail = v.page.Lead()
	shown.Error = shown.Detail
	return answerAsProblem(v.c, status, shown)
}

// newChallenge handles GET /f/{key}/challenge: a challenge of altcha, for the page that has the form.
func (s *Server) newChallenge(c echo.Context) error {
	client := s.Calls.Catalog().Clients.ByFormKey(c.Param("key"), time.Now())
	if client == nil || client.Unusable || client.Form.Challenge != forms.Altcha || s.Calls.Challenges == nil {
		return calls.ErrNoForm
	}
	puzzle, err := s.Calls.Challenges.New(client.ID)
	if err != nil {
		return err
	}
	return answerJSON(c, http.StatusOK, puzzle)
}
