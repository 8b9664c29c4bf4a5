package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/calls/forms"
)

func TestAdminForms(t *testing.T) {
	g := newAdminGateway(t, setting{})
	g.fill()
	send := func(key any) int {
		r := g.request("/f/"+key.(string), "email=ada%40example.com", "-Authorization", "Content-Type: application/x-www-form-urlencoded", "Origin: https://acme.example")
		return g.do(r).StatusCode
	}
	made := g.has("/clients", `{"id":"contact","source":"form","allowedAgents":["a"],"form":{"origins":["https://acme.example"],"redirect":"https://acme.example/thanks",
		"fields":{"email":{"type":"email","required":true,"max":200}},"honeypot":"website","perAddress":{"requests":5,"per":"1m"},"challenge":"turnstile","secret":"s3cret-of-vendor"}}`)
	require.NotContains(t, made.body, "s3cret")
	read := g.admin(http.MethodGet, "/clients/contact", "")
	require.NotContains(t, read.body, "s3cret")
	form := read.json(t)["form"].(map[string]any)
	key := form["key"]
	require.True(t, forms.ValidKey(key.(string)))
	delete(form, "key")
	require.Equal(t, map[string]any{"origins": []any{"https://acme.example"}, "redirect": "https://acme.example/thanks", "honeypot": "website", "challenge": "turnstile", "secret": "•••",
		"fields": map[string]any{"email": map[string]any{"type": "email", "required": true, "max": 200.0}}, "perAddress": map[string]any{"requests": 5.0, "per": "1m"}}, form)
	require.NotEqual(t, 200, send(key), "without a solution of the challenge")

	put := g.admin(http.MethodPut, "/clients/contact", strings.Replace(read.body, `"challenge":"turnstile"`, `"challenge":""`, 1))
	require.Equal(t, 200, put.StatusCode, put.body)
	require.NotContains(t, put.json(t)["form"], "secret", "which is not needed any more")
	require.Equal(t, key, put.json(t)["form"].(map[string]any)["key"])
	require.Equal(t, 200, send(key))

	rotated := g.admin(http.MethodPost, "/clients/contact/form-key", `{"overlap":"1h"}`)
	require.Equal(t, 200, rotated.StatusCode, rotated.body)
	second := rotated.json(t)["key"]
	require.NotEqual(t, key, second)
	require.Equal(t, []int{200, 200}, []int{send(key), send(second)}, "both are good for an hour")
	third := g.admin(http.MethodPost, "/clients/contact/form-key", "").json(t)["key"]
	require.Equal(t, []int{404, 404, 200}, []int{send(key), send(second), send(third)})
	require.Equal(t, 409, g.admin(http.MethodPost, "/clients/web/form-key", "").StatusCode, "it has no form")
	require.Equal(t, 400, g.admin(http.MethodPost, "/clients/contact/form-key", `{"overlap":"9999h"}`).StatusCode)

	wrong := g.admin(http.MethodPost, "/clients", `{"id":"other","source":"form","allowedAgents":["a"],"form":{"origins":["acme.example"],"fields":{"a":{"type":"b"}}}}`)
	require.Equal(t, 400, wrong.StatusCode)
	_, fields := problemOf(t, wrong)
	require.ElementsMatch(t, []any{"form.origins[0]", "form.fields.a.type"}, []any{fields[0], fields[1]})
	taken := g.admin(http.MethodPost, "/clients", `{"id":"other","source":"form","allowedAgents":["a"],"form":{"key":"`+third.(string)+`","origins":["https://acme.example"]}}`)
	require.Equal(t, 400, taken.StatusCode)
	_, fields = problemOf(t, taken)
	require.Equal(t, []string{"form.key"}, fields)
	require.Nil(t, g.admin(http.MethodGet, "/clients/web", "").json(t)["form"])
}
