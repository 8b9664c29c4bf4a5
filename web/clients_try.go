package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"beckon/calls"
	"beckon/clients"
	"beckon/internal/problem"
)

// sampleCall is what the preview and the try send in the place of a caller.
type sampleCall struct {
	Body, ContentType, Query string
}

// ContentTypes are those to choose from.
func (s sampleCall) ContentTypes() []string {
	types := []string{"application/json", "text/plain", "application/x-www-form-urlencoded"}
	if s.ContentType != "" && !slices.Contains(types, s.ContentType) {
		types = append(types, s.ContentType)
	}
	return types
}

// clientPreview is the prompt that a sample call gives, or why it gives none.
type clientPreview struct {
	Made        bool
	Fenced      bool // what third parties have written stands in markers
	Text, Agent string
	Error       string
}

// sampleAlert is what Alertmanager sends.
const sampleAlert = `{
  "version": "4",
  "status": "firing",
  "groupKey": "{}:{alertname=\"DiskFull\"}",
  "commonLabels": {"alertname": "DiskFull", "severity": "critical"},
  "alerts": [
    {
      "status": "firing",
      "fingerprint": "5ef77f1f8a3ecb8d",
      "labels": {"alertname": "DiskFull", "severity": "critical", "instance": "db1:9100"},
      "annotations": {"summary": "/var on db1 is 98% full"},
      "startsAt": "2026-02-18T03:12:00Z"
    }
  ]
}`

// sampleFor is a call that a client could get.
func sampleFor(f clientForm) sampleCall {
	if f.Kind == promptOfTemplate {
		return sampleCall{Body: sampleBody(f.Template), ContentType: "application/json"}
	}
	if f.Source == "alertmanager" || f.Source == "grafana" {
		return sampleCall{Body: sampleAlert, ContentType: "application/json"}
	}
	return sampleCall{Body: samplePrompt, ContentType: "text/plain"}
}

func readSample(sent url.Values) sampleCall {
	return sampleCall{Body: sent.Get("sample"), ContentType: sent.Get("sampleType"), Query: strings.TrimSpace(sent.Get("sampleQuery"))}
}

// request is the call as a client would make it.
func (w *Web) request(clientID string, s sampleCall) (*calls.Request, error) {
	query, err := url.ParseQuery(strings.TrimPrefix(s.Query, "?"))
	if err != nil {
		return nil, problem.New(problem.Invalid, "invalid_query",
			"The query cannot be read. Write it like agent=triage&team=web.").Because(err)
	}
	header := http.Header{}
	if s.ContentType != "" {
		header.Set("Content-Type", s.ContentType)
	}
	return &calls.Request{ClientID: clientID, Header: header, Query: query, Body: []byte(s.Body), ReceivedAt: w.Now()}, nil
}

// previewClient shows which prompt the client would make of a call, as its form says and not as it is saved.
func (w *Web) previewClient(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	ctx, f := c.Request().Context(), nounForm[clientForm]{Path: clientsPath, One: "client"}
	var have *clients.Client
	if id := idParam(c); id != "" {
		saved, item, err := w.clientForms().savedForm(ctx, id)
		if err != nil {
			return err
		}
		f, have = saved, &item
	}
	var item clients.Client
	if f.Managed {
		item = *have
	} else {
		f.Form = readClientForm(sent)
		f.Form.ID = cmp.Or(f.ID, f.Form.ID)
		item, _ = f.Form.client() // what is wrong is said when it is to be saved
	}
	s, err := w.clientScreenOf(ctx, f, have)
	if err != nil {
		return err
	}
	s.Call = readSample(sent)
	s.Preview = w.preview(s.Form, item, s.Call)
	return w.screens.draw(c, http.StatusOK, w.clientForms().pageOf(f.ID), s)
}

func (w *Web) preview(form clientForm, item clients.Client, call sampleCall) clientPreview {
	switch {
	case len(item.AllowedAgents) == 0:
		return clientPreview{Made: true, Error: "Choose an agent first."}
	case form.Kind == promptOfCommand && form.CommandID == "" && strings.TrimSpace(form.Prompt) == "":
		return clientPreview{Made: true, Error: "Choose a command first."}
	case form.Kind == promptOfTemplate && strings.TrimSpace(form.Template) == "":
		return clientPreview{Made: true, Error: "Write a template first."}
	}
	r, err := w.request(item.ID, call)
	if err != nil {
		return clientPreview{Made: true, Error: problem.Of(err).Detail}
	}
	prompt, agent, err := w.Backend.Calls.Preview(item, r)
	if err != nil {
		return clientPreview{Made: true, Error: problem.Of(err).Detail}
	}
	if prompt.Skipped != "" {
		return clientPreview{Made: true, Error: calls.SkipReason(prompt.Skipped)}
	}
	return clientPreview{Made: true, Text: prompt.Marked(), Fenced: prompt.Fence != nil, Agent: agent}
}

// tryClient starts a real run. A page with scripts stays, and follows it; one without goes to the run's own page.
func (w *Web) tryClient(c echo.Context) error {
	sent, err := postedForm(c)
	if err != nil {
		return err
	}
	ctx, id := c.Request().Context(), idParam(c)
	f, have, err := w.clientForms().savedForm(ctx, id)
	if err != nil {
		return err
	}
	s, err := w.clientScreenOf(ctx, f, &have)
	if err != nil {
		return err
	}
	s.Call = readSample(sent)
	runID := ""
	r, err := w.request(id, s.Call)
	if err == nil {
		runID, err = w.Backend.Calls.Try(ctx, r)
	}
	return showTry(c, runID, err, func(status int, result tryResult) error {
		s.Try = result
		return w.screens.draw(c, status, w.clientForms().pageOf(id), s)
	})
}
