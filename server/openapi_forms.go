package server

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"beckon/calls/forms"
)

// forms describes the routes of forms.
func (d describer) forms() {
	page := map[string]*huma.MediaType{
		"text/html": {},
		"application/json": {Schema: &huma.Schema{
			Type:     huma.TypeObject,
			Required: []string{"ok"},
			Properties: map[string]*huma.Schema{
				"ok":       {Type: huma.TypeBoolean},
				"response": text("What the agent answers, if the form shows it."),
			},
		}},
	}
	refused := func(description string) *huma.Response {
		return &huma.Response{
			Description: description,
			Content:     map[string]*huma.MediaType{"text/html": {}, "application/problem+json": {}},
		}
	}
	responses := map[string]*huma.Response{
		"200": {Description: "The form has arrived: a page of thanks where HTML is asked for, else JSON.", Content: page},
		"303": {Description: "The form has arrived; the visitor goes on at redirect, or at _redirect of a listed origin."},
		"400": refused("The form cannot be read."),
		"403": refused("The origin is not listed, or the challenge is not solved."),
		"404": refused("There is no such form."),
		"413": refused("The form is too large."),
		"415": refused("The body is no form."),
		"422": refused("Fields are wrong: errors has each."),
		"429": refused("The address, or the client, has sent too many: Retry-After."),
		"503": refused("The form cannot be taken now: Retry-After."),
	}
	public := func(op *huma.Operation) { op.Security = nil }
	d.add(http.MethodPost, forms.Path+"{key}", "send-form", tagCalls,
		"Send a form of a web page, by its public key", responses, func(op *huma.Operation) {
			public(op)
			fields := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
			op.RequestBody = &huma.RequestBody{Description: "The fields.", Content: map[string]*huma.MediaType{
				"application/x-www-form-urlencoded": {Schema: fields},
				"multipart/form-data":               {Schema: fields},
				"application/json":                  {Schema: fields},
			}}
		})
	d.add(http.MethodGet, forms.Path+"{key}/challenge", "get-form-challenge", tagCalls,
		"Get a challenge for a form with challenge: altcha", map[string]*huma.Response{
			"200": {
				Description: "The challenge, as altcha's widget reads it.",
				Content:     map[string]*huma.MediaType{"application/json": {Schema: d.of(forms.Puzzle{})}},
			},
			"404": problemResponse(http.StatusNotFound),
			"503": problemResponse(http.StatusServiceUnavailable),
		}, public)
	for path, id := range map[string]string{"{key}": "ask-form", "{key}/challenge": "ask-form-challenge"} {
		d.add(http.MethodOptions, forms.Path+path, id, tagCalls,
			"Ask whether pages of an origin may send the form", map[string]*huma.Response{
				"204": {Description: "Access-Control-Allow-Origin is there if the form lists the origin."}}, public)
	}
}
