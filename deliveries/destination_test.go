package deliveries_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries"
	"beckon/internal/secret"
	"beckon/internal/store/storetest"
)

// telling is an endpoint whose receiver is a destination.
func telling(id, format string, r *receiver, more ...func(*deliveries.Endpoint)) deliveries.Endpoint {
	e := deliveries.Endpoint{ID: id, URL: r.URL + "/services/T0/B0/hunter22hunter22", Format: format}
	for _, change := range more {
		change(&e)
	}
	return e
}

func say(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func TestADestinationGetsTwoEventsUnlessItNamesOthers(t *testing.T) {
	r := newReceiver(t, say(200, "ok"))
	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), telling("chat", "slack", r))
	for _, kind := range []string{"run.started", "run.completed", "node.completed", "run.failed", "run.canceled", "event.resolved"} {
		p.happens(ofTriage, kind)
	}
	p.settled("chat", deliveries.Delivered, 3)
	posts := r.gets(t, 3)
	for _, post := range posts {
		require.Empty(t, post.header.Get("webhook-signature"))
		require.Equal(t, "Beckon/test", post.header.Get("User-Agent"))
		require.Contains(t, post.header.Get("Content-Type"), "application/json")
		require.True(t, json.Valid([]byte(post.body)))
		require.Contains(t, post.body, "https://beckon.example.com/admin/runs/run_")
	}
}

// People in a chat have no login: where the run has a page for recipients, its link leads there, and is signed anew at each attempt.
func TestAMessageLinksToThePageForRecipients(t *testing.T) {
	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)))
	r := newReceiver(t, nil)
	r.change(func(w http.ResponseWriter, _ *http.Request) {
		p.hasPage("https://beckon.example.com/r/run_1?sig=second")
		r.change(say(200, "ok"))
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	require.NoError(t, p.Use(t.Context(), []deliveries.Endpoint{telling("chat", "slack", r, func(e *deliveries.Endpoint) { e.Retry = waits(time.Millisecond) })}))
	p.hasPage("https://beckon.example.com/r/run_1?sig=first")
	p.happens(ofTriage, "run.completed")
	first := r.gets(t, 1)[0]
	require.Contains(t, first.body, "https://beckon.example.com/r/run_1?sig=first")
	require.NotContains(t, first.body, "/admin/")
	p.settled("chat", deliveries.Delivered, 1)
	require.Contains(t, r.gets(t, 2)[1].body, "https://beckon.example.com/r/run_1?sig=second")
	p.hasPage("")
	p.happens(ofTriage, "run.completed")
	require.Contains(t, r.gets(t, 3)[2].body, "https://beckon.example.com/admin/runs/run_")
}

func TestAnAnswerOf200MayBeAFailure(t *testing.T) {
	r := newReceiver(t, say(200, "invalid_payload"))
	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), telling("chat", "slack", r))
	p.happens(ofTriage, "run.completed")
	d := p.settled("chat", deliveries.Failed, 1)[0]
	require.Equal(t, "refused", d.Error.Code)
	require.Equal(t, "Slack refused the message: invalid_payload.", d.Error.Message)
	require.Len(t, p.attempts(d.ID), 1, "it would never take it")
}

func TestARateLimitIsHonoured(t *testing.T) {
	for format, answer := range map[string]http.HandlerFunc{
		"slack":   say(429, "", "Retry-After", "3600"),
		"discord": say(429, `{"retry_after":3600}`),
	} {
		r := newReceiver(t, answer)
		p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), telling("chat", format, r, func(e *deliveries.Endpoint) { e.Retry = waits(time.Millisecond, time.Millisecond) }))
		p.happens(ofTriage, "run.completed")
		var d *deliveries.Delivery
		require.Eventually(t, func() bool {
			list := p.all(deliveries.Query{EndpointID: "chat", Status: deliveries.Pending})
			if len(list) == 1 && list[0].Attempts == 1 {
				d = list[0]
			}
			return d != nil
		}, patience, 5*time.Millisecond)
		require.Greater(t, time.Until(d.DueAt), 50*time.Minute, format)
		require.Len(t, r.got(), 1)
	}
}

// Receivers repeat what they were asked for: Express says Cannot POST /services/….
func TestACredentialIsInNoRecord(t *testing.T) {
	const key = "hunter22hunter22"
	r := newReceiver(t, func(w http.ResponseWriter, request *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"message":"Cannot POST `+request.RequestURI+`","ok":false,"description":"Cannot POST `+request.RequestURI+` `+request.Header.Get("Authorization")+`"}`)
	})
	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), telling("a", "mattermost", r), telling("b", "telegram", r, func(e *deliveries.Endpoint) {
		e.URL, e.Secret, e.To = r.URL, "123456:"+key, "1"
	}), telling("c", "http", r, func(e *deliveries.Endpoint) {
		e.URL, e.Headers = r.URL+"/x/"+key+"?k="+key, map[string]secret.String{"Authorization": "Bearer " + key, "X-Key": "{{.type}}-" + key}
	}))
	p.happens(ofTriage, "run.completed")
	for _, id := range []string{"a", "b", "c"} {
		d, attempts, err := p.Test(t.Context(), id, "run.completed")
		require.NoError(t, err)
		text, err := json.Marshal(map[string]any{"d": d, "attempts": attempts, "error": d.Error, "body": attempts[0].ResponseBody, "headers": attempts[0].RequestHeaders, "url": attempts[0].URL})
		require.NoError(t, err)
		require.NotContains(t, string(text), key, id)
		require.Equal(t, r.URL+"/•••", attempts[0].URL)
		require.Contains(t, attempts[0].ResponseBody, "Cannot POST")
	}
	require.Contains(t, r.gets(t, 3)[0].path+r.gets(t, 3)[1].path+r.gets(t, 3)[2].path, key, "it was sent")
}

func TestASampleOfEachEventGoesOutAsItWould(t *testing.T) {
	r := newReceiver(t, say(200, "ok"))
	p := newPlant(t, storetest.Open(t, storetest.SQLite(t)), telling("chat", "slack", r), telling("any", "http", r, func(e *deliveries.Endpoint) {
		e.Method, e.Path, e.Body = "PUT", "runs/{{.runId}}", `{"out": {{json .data.output}}, "who": {{json .run.input.customer.name}}}`
	}))
	for _, id := range []string{"chat", "any"} {
		for _, name := range append([]string{""}, deliveries.EventNames()...) {
			if id == "any" && name != "run.completed" {
				continue // others have no run, or no output
			}
			d, _, err := p.Test(t.Context(), id, name)
			require.NoError(t, err)
			require.Equal(t, deliveries.Delivered, d.Status, "%s %s %v", id, name, d.Error)
		}
	}
	posts := r.got()
	require.Contains(t, posts[len(posts)-1].path, "/runs/run_")
	require.Contains(t, posts[0].body, "This is a test.")
}

func TestWhatADestinationTakes(t *testing.T) {
	r := newReceiver(t, nil)
	for says, change := range map[string]func(*deliveries.Endpoint){
		"signature must be none":      func(e *deliveries.Endpoint) { e.Signature = "standard" },
		"vendor is for signatures":    func(e *deliveries.Endpoint) { e.Vendor = "Acme" },
		"method means nothing":        func(e *deliveries.Endpoint) { e.Method = "PUT" },
		"to is for a bot token":       func(e *deliveries.Endpoint) { e.To = "#ops" },
		"to means nothing":            func(e *deliveries.Endpoint) { e.Format, e.Secret, e.To = "run", testSecret, "#ops" },
		"signature must be standard":  func(e *deliveries.Endpoint) { e.Format, e.Secret, e.Signature = "run", testSecret, "none" },
		"secret means nothing":        func(e *deliveries.Endpoint) { e.Format, e.Secret = "discord", "x" },
		"url is required":             func(e *deliveries.Endpoint) { e.URL = "" },
		"url must not have a user":    func(e *deliveries.Endpoint) { e.URL = "https://a:b@hooks.slack.com/x" },
		"previousSecret is for signa": func(e *deliveries.Endpoint) { e.PreviousSecret = testSecret },
	} {
		e := telling("chat", "slack", r, change)
		var lines []string
		for _, f := range e.Check() {
			lines = append(lines, f.Path+" "+f.Message)
		}
		require.Contains(t, strings.Join(lines, "\n"), says)
	}
	for _, e := range []deliveries.Endpoint{telling("a", "slack", r), telling("b", "slack", r, func(e *deliveries.Endpoint) { e.Signature = "none" }),
		{ID: "c", Format: "slack", Secret: "xoxb-1", To: "#ops"}, {ID: "d", Format: "telegram", Secret: "123456:ABCDEFGHIJKL", To: "1"}, {ID: "e", Format: "ntfy", To: "ops"}} {
		require.Empty(t, e.Check(), e.ID)
	}
}

// What the call of a run has told of an alert is in the heading of its answer.
func TestTheHeadingSaysWhichAlert(t *testing.T) {
	r := newReceiver(t, nil)
	p := newPlant(t, storetest.Open(t, storetest.Default(t)), telling("chat", "mattermost", r))
	p.comesFrom(`{"source":"alertmanager","state":"firing","title":"/var on db1 is 98 % full","labels":{}}`)
	p.happens(ofTriage, "run.completed")
	require.Contains(t, r.gets(t, 1)[0].body, `**Firing: /var on db1 is 98 % full**`)
	p.comesFrom(`{"source":"form","title":"A stranger's","labels":{}}`)
	p.happens(ofTriage, "run.completed")
	require.Contains(t, r.gets(t, 2)[1].body, `**triage**`)
}
