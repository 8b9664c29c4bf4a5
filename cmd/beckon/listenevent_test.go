package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/internal/signature"
)

func TestListenTellsOfEveryFormat(t *testing.T) {
	h := listenWith(t, listenCommand{})
	for name, c := range map[string]struct{ body, kind, run string }{
		"run":         {`{"success":true,"type":"run.completed","runId":"run_1","data":{}}`, "run.completed", "run_1"},
		"payload":     {`{"type":"run.completed","payload":{"id":"run_1","status":"COMPLETED"}}`, "run.completed", "run_1"},
		"event":       {`{"event":"run.completed","timestamp":1,"run_id":"run_1","data":{}}`, "run.completed", "run_1"},
		"cloudevents": {`{"specversion":"1.0","id":"evt_1","type":"run.completed","data":{"type":"run.completed","runId":"run_1"}}`, "run.completed", "run_1"},
		"a template":  {`{"text":"hi"}`, "-", "-"},
		"odd types":   {`{"type":{"type":"x"},"runId":7,"payload":["id"],"data":"runId"}`, "-", "-"},
		"no object":   {`[1]`, "-", "-"},
		"no JSON":     {`hi`, "-", "-"},
		"nothing":     {``, "-", "-"},
	} {
		t.Run(name, func(t *testing.T) {
			id := "evt_" + strings.ReplaceAll(name, " ", "_")
			require.Equal(t, http.StatusNoContent, h.send(signature.Standard, listenSecret, event(id, c.body)).StatusCode)
			require.Regexp(t, `^\d\d:\d\d:\d\d  `+c.kind+`  `+c.run+`  `+id+`  verified\n$`, h.printed())
		})
	}
}

func TestListenPrintsNothingThatATerminalObeys(t *testing.T) {
	h := listenWith(t, listenCommand{Verbose: true})
	h.send(signature.Standard, listenSecret, event("evt_1", "{\"type\":\"run\\u001b[2J\\nx\",\"data\":{\"output\":\"a\x7f\u202eb\xff\"}}"))
	printed := h.printed()
	require.Contains(t, printed, "  run[2J x  -  evt_1  verified\n  {\n    \"type\": \"run\\u001b[2J\\nx\",\n")
	require.Contains(t, printed, "\"ab\uFFFD\"")
	h.send(signature.Standard, listenSecret, event("evt_2", "\x1b]0;mine\a\r\nnot JSON\n"))
	require.Contains(t, h.printed(), "  verified\n  ]0;mine\nnot JSON\n\n")
	h.send(signature.Standard, listenSecret, event("evt_3", ""))
	require.Regexp(t, "  evt_3  verified\n\n$", h.printed())
}

func TestListenPrintsJSON(t *testing.T) {
	behind := httptest.NewServer(http.NotFoundHandler())
	behind.Config.SetKeepAlivesEnabled(false) // when it is closed, the next connection is refused and none breaks off
	h := listenWith(t, listenCommand{JSON: true, Forward: behind.URL})
	line := func() (l map[string]any) {
		text := h.printed()
		require.Equal(t, 1, strings.Count(text, "\n"), text)
		require.NoError(t, json.Unmarshal([]byte(text), &l))
		return l
	}
	body := "{\n \"type\": \"run.completed\", \"runId\": \"run_1\", \"text\": \"<b>\"\n}"
	h.send(signature.Standard, listenSecret, event("evt_1", body), "Authorization: Bearer hunter22", "X-Env: hunter22", "X-Beckon-Event: x")
	require.Contains(t, h.out.String(), `"text":"<b>"`)
	require.NotContains(t, h.out.String(), "hunter22")
	got := line()
	headers := got["headers"].(map[string]any)
	require.Len(t, headers, 9)
	require.Equal(t, headers["svix-signature"], headers["webhook-signature"])
	at, err := time.Parse("2006-01-02T15:04:05.000Z", got["at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
	delete(got, "at")
	delete(got, "headers")
	require.Equal(t, map[string]any{"verified": true, "id": "evt_1", "type": "run.completed", "runId": "run_1", "seenBefore": false,
		"forwarded": map[string]any{"status": 404.0}, "payload": map[string]any{"type": "run.completed", "runId": "run_1", "text": "<b>"}}, got)

	behind.Close()
	h.send(signature.Standard, listenSecret, event("evt_2", "\"\xff\""))
	got = line()
	require.Equal(t, "\uFFFD", got["payload"])
	require.Nil(t, got["forwarded"].(map[string]any)["status"])
	require.Contains(t, got["forwarded"].(map[string]any)["error"], "refused")

	h.send(signature.Standard, signature.NewSecret(signature.Standard), event("evt_3", "not JSON"))
	got = line()
	require.Equal(t, false, got["verified"])
	require.Equal(t, "not JSON", got["payload"])
	require.Equal(t, "signature_wrong", got["error"].(map[string]any)["code"])
	require.NotContains(t, got, "forwarded")
}
