package deliveries

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// onlyHTTPS stands for the guard, whose word counts.
func onlyHTTPS(url string) error {
	if !strings.HasPrefix(url, "https://") {
		return problem.New(problem.Invalid, "invalid_url", "must be an https URL").Because(errors.New("refused " + url))
	}
	return nil
}

func TestReadCallback(t *testing.T) {
	for text, want := range map[string]*Callback{
		`{"url":"https://e.com/h"}`: {URL: "https://e.com/h"},
		`{"url":"https://e.com/h","events":null,"metadata":null,"headers":null}`:       {URL: "https://e.com/h"},
		` { "url" : "https://e.com/h" , "events":[] , "metadata":{} , "headers":{} } `: {URL: "https://e.com/h", Events: []string{}, Metadata: json.RawMessage(`{}`)},
		`{"url":"https://e.com/h?key=1","events":["run.completed","lead.failed"],"metadata":{"orderId": "order_456", "n": 12345678901234567890},"headers":{"X-Env":"prod","Authorization":""}}`: {
			URL: "https://e.com/h?key=1", Events: []string{"run.completed", "lead.failed"}, Metadata: json.RawMessage(`{"orderId":"order_456","n":12345678901234567890}`),
			Headers: map[string]secret.String{"X-Env": "prod", "Authorization": ""}},
	} {
		c, err := ReadCallback(json.RawMessage(text), onlyHTTPS)
		require.NoError(t, err, text)
		require.Equal(t, want, c, text)
	}
}

func TestReadCallbackRefuses(t *testing.T) {
	for text, says := range map[string][]string{
		``:                                     {"webhook: must be a JSON object"},
		`null`:                                 {"webhook: must be a JSON object"},
		`"https://e.com/hunter22"`:             {"webhook: must be a JSON object"},
		`[{"url":"https://e.com"}]`:            {"webhook: must be a JSON object"},
		`{"url":"https://e.com"`:               {"webhook: must be a JSON object"},
		`{"url":"https://e.com","url":""}`:     {"webhook: must be a JSON object"},
		`{}`:                                   {"webhook.url: is required"},
		`{"url":null}`:                         {"webhook.url: is required"},
		`{"url":7}`:                            {"webhook.url: must be a string"},
		`{"url":"http://e.com/?key=hunter22"}`: {"webhook.url: must be an https URL"},
		`{"url":"https://e.com","URL":"x","header":{"a":"hunter22"}}`:                      {"webhook.URL: is not known here; there are url, events, metadata, headers and retry", "webhook.header: is not known here"},
		`{"url":"https://e.com","events":"run.failed"}`:                                    {"webhook.events: must be a list of strings"},
		`{"url":"https://e.com","events":[1]}`:                                             {"webhook.events: must be a list of strings"},
		`{"url":"https://e.com","events":["ok",null]}`:                                     {"webhook.events[1]: must be lower-case words"},
		`{"url":"https://e.com","events":["a","a"]}`:                                       {`webhook.events[1]: "a" is there twice`},
		`{"url":"https://e.com","metadata":[1]}`:                                           {"webhook.metadata: must be an object"},
		`{"url":"https://e.com","metadata":"hunter22"}`:                                    {"webhook.metadata: must be an object"},
		`{"url":"https://e.com","metadata":{"a":"` + strings.Repeat("x", 16<<10) + `"}}`:   {"webhook.metadata: has 16392 bytes; 16384 are allowed"},
		`{"url":"https://e.com","headers":["hunter22"]}`:                                   {"webhook.headers: must be an object of strings"},
		`{"url":"https://e.com","headers":{"X-A":22}}`:                                     {"webhook.headers: must be an object of strings"},
		`{"url":"https://e.com","headers":{"X-A":null}}`:                                   {"webhook.headers.X-A: must be a string"},
		`{"url":"https://e.com","headers":{"X-A":"hunter22\r\nX-B: 1"}}`:                   {"webhook.headers.X-A: must not hold line breaks"},
		`{"url":"https://e.com","headers":{"Webhook-Id":"hunter22","X-Beckon-Event":"x"}}`: {"webhook.headers.Webhook-Id: cannot be set: it is part of the signature", "webhook.headers.X-Beckon-Event: cannot be set"},
		`{"events":["A"],"metadata":1,"more":1}`:                                           {"webhook.url: is required", "webhook.events[0]", "webhook.metadata", "webhook.more"},
	} {
		c, err := ReadCallback(json.RawMessage(text), onlyHTTPS)
		require.Nil(t, c)
		p := problem.Of(err)
		require.Equal(t, problem.Invalid, p.Kind, text)
		require.Equal(t, "invalid_webhook", p.Code, text)
		require.Len(t, p.Fields, len(says), text)
		for _, part := range says {
			require.Contains(t, p.Detail, part, text)
		}
		require.NotContains(t, err.Error(), "hunter22")
	}
}

func TestACallbackIsSealed(t *testing.T) {
	key := func(k string) *secret.Sealer {
		return secret.NewSealer(func() (secret.String, error) { return secret.String(k), nil })
	}
	c, err := ReadCallback(json.RawMessage(`{"url":"https://e.com/h","events":["run.failed"],"metadata":{"a":{}},"headers":{"X-A":"hunter22","X-Ref":"${HOME}","X-None":""}}`), onlyHTTPS)
	require.NoError(t, err)
	stored, err := c.Seal(key("k"), "runs/1")
	require.NoError(t, err)
	require.NotContains(t, string(stored), "hunter22")
	require.Contains(t, string(stored), `"X-A":"sealed:v1:`)

	opened, err := OpenCallback(stored, key("k"), "runs/1")
	require.NoError(t, err)
	require.Equal(t, c, opened)
	for name, open := range map[string]func() (*Callback, error){
		"another place": func() (*Callback, error) { return OpenCallback(stored, key("k"), "runs/2") },
		"another key":   func() (*Callback, error) { return OpenCallback(stored, key("l"), "runs/1") },
		"damaged":       func() (*Callback, error) { return OpenCallback(stored[:20], key("k"), "runs/1") },
	} {
		_, err := open()
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "hunter22")
	}
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", *c, *c, *c), "hunter22")
}

func TestACallbackWithoutHeadersNeedsNoKey(t *testing.T) {
	none := secret.NewSealer(func() (secret.String, error) { return "", errors.New("there is no key") })
	for _, c := range []*Callback{{URL: "https://e.com"}, {URL: "https://e.com/?a=<b>&c", Events: []string{"a"}, Metadata: json.RawMessage(`{}`)}} {
		stored, err := c.Seal(none, "runs/1")
		require.NoError(t, err)
		opened, err := OpenCallback(stored, none, "runs/1")
		require.NoError(t, err)
		require.Equal(t, c, opened)
	}
	_, err := (&Callback{URL: "https://e.com", Headers: map[string]secret.String{"X-A": "b"}}).Seal(none, "runs/1")
	require.ErrorContains(t, err, "there is no key")
}
