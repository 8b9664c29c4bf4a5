package all_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/deliveries/destinations"
)

func TestAnswers(t *testing.T) {
	retryAfter := http.Header{"Retry-After": {"30"}}
	for _, tt := range []struct {
		name   string
		status int
		header http.Header
		body   string
		reason string // empty is that the message was taken
		wait   time.Duration
		final  bool
	}{
		{name: "slack", status: 200, body: "ok"},
		{name: "slack", status: 200, body: ""},
		{name: "slack-bot", status: 200, body: `{"ok":true,"ts":"1.2"}`},
		{name: "slack", status: 200, body: "invalid_payload", reason: "Slack refused the message: invalid_payload.", final: true},
		{name: "slack", status: 400, body: "invalid_blocks", reason: "Slack refused the message: invalid_blocks.", final: true},
		{name: "slack", status: 404, body: "no_service", reason: "make a new one"},
		{name: "slack", status: 429, header: retryAfter, reason: "rate limit", wait: 30 * time.Second},
		{name: "slack-bot", status: 200, header: retryAfter, body: `{"ok":false,"error":"ratelimited"}`, reason: "rate limit", wait: 30 * time.Second},
		{name: "slack-bot", status: 200, body: `{"ok":false,"error":"channel_not_found"}`, reason: "invite the bot"},
		{name: "slack-bot", status: 200, body: `{"ok":false,"error":"invalid_auth"}`, reason: "bot token"},
		{name: "slack", status: 500, body: "<html>", reason: destinations.ByStatus},
		{name: "discord", status: 204},
		{name: "discord", status: 429, body: `{"message":"You are being rate limited.","retry_after":1.5}`, reason: "rate limit", wait: 1500 * time.Millisecond},
		{name: "discord", status: 404, body: `{"message":"Unknown Webhook","code":10015}`, reason: "make a new one"},
		{name: "discord", status: 400, body: `{"message":"Invalid Form Body","code":50035}`, reason: "Invalid Form Body", final: true},
		{name: "discord", status: 502, body: "", reason: destinations.ByStatus},
		{name: "teams", status: 202},
		{name: "teams", status: 200, body: "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429", reason: "rate limit"},
		{name: "teams", status: 200, body: "Webhook message delivery failed with error: HTTP error 413", reason: "413"},
		{name: "teams", status: 400, body: `{"error":{"code":"WorkflowTriggerIsNotEnabled","message":"The workflow is not enabled."}}`, reason: "not enabled. Look at the workflow"},
		{name: "teams", status: 429, header: retryAfter, reason: "rate limit", wait: 30 * time.Second},
		{name: "mattermost", status: 200, body: "ok"},
		{name: "mattermost", status: 403, body: `{"id":"x","message":"Invalid webhook"}`, reason: "Invalid webhook"},
		{name: "mattermost", status: 429, header: retryAfter, reason: "rate limit", wait: 30 * time.Second},
		{name: "google-chat", status: 200, body: `{"name":"spaces/A/messages/1"}`},
		{name: "google-chat", status: 400, body: `{"error":{"code":400,"message":"Message cannot be empty.","status":"INVALID_ARGUMENT"}}`, reason: "Message cannot be empty", final: true},
		{name: "google-chat", status: 429, reason: "rate limit"},
		{name: "telegram", status: 200, body: `{"ok":true,"result":{}}`},
		{name: "telegram", status: 200, body: `{"ok":false,"description":"Bad Request: chat not found"}`, reason: "Look at the chat"},
		{name: "telegram", status: 200, body: `hello`, reason: "did not answer as Telegram"},
		{name: "telegram", status: 200, body: `{"ok":false}`, reason: "Telegram refused"},
		{name: "telegram", status: 400, body: `{"ok":false,"description":"Bad Request: can't parse entities"}`, reason: "can't parse", final: true},
		{name: "telegram", status: 429, body: `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":7}}`, reason: "rate limit", wait: 7 * time.Second},
		{name: "telegram", status: 401, body: `{"ok":false,"description":"Unauthorized"}`, reason: "bot's token"},
		{name: "ntfy", status: 200, body: `{"id":"x"}`},
		{name: "ntfy", status: 403, body: `{"code":40301,"error":"forbidden"}`, reason: "access token"},
		{name: "ntfy", status: 429, reason: "rate limit"},
		{name: "pagerduty", status: 202, body: `{"status":"success"}`},
		{name: "pagerduty", status: 400, body: `{"status":"invalid event","message":"Event object is invalid","errors":["'routing_key' is invalid"]}`, reason: "integration key"},
		{name: "pagerduty", status: 400, body: `{"message":"Event object is invalid","errors":["Length of 'summary' is too long"]}`, reason: "too long", final: true},
		{name: "pagerduty", status: 429, header: retryAfter, reason: "rate limit", wait: 30 * time.Second},
		{name: "http", status: 201},
		{name: "http", status: 200, body: `{"ok":false}`},
		{name: "http", status: 500, reason: destinations.ByStatus},
		{name: "discord", status: 429, body: `{"retry_after":1e300}`, reason: "rate limit", wait: 24 * time.Hour},
	} {
		r := open(t, tt.name)
		v := r.Judge(destinations.Answer{Status: tt.status, Header: tt.header, Body: []byte(tt.body)})
		if tt.reason == "" {
			require.Zero(t, v, "%v", tt)
			continue
		}
		require.Contains(t, v.Reason, tt.reason, "%v", tt)
		require.Equal(t, tt.final, v.Final, "%v", tt)
		require.Equal(t, tt.wait, v.Wait, "%v", tt)
	}
}
