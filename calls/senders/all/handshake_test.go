package all_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"beckon/calls/senders"
)

func TestHandshakes(t *testing.T) {
	want := map[string]struct{ contentType, body, fetch string }{
		"testdata/slack/url-verification.http": {"text/plain; charset=utf-8", "a-challenge", ""},
		"testdata/eventgrid/validation.http":   {"application/json", `{"validationResponse":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}`, ""},
		"testdata/sns/subscription.http": {"", "",
			"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:123456789012:alarms&Token=2336412f37"},
		"testdata/github/ping.http":           {},
		"testdata/pagerduty/ping.http":        {},
		"testdata/bitbucket/server-ping.http": {},
	}
	corpus(t, func(path string, s *senders.Sender, d senders.Delivery) {
		expected, ok := want[path]
		delete(want, path)
		if s.Handshake == nil {
			require.False(t, ok, path)
			return
		}
		answer, err := s.Handshake(d)
		require.NoError(t, err)
		if !ok {
			require.Nil(t, answer, path)
			return
		}
		require.Equal(t, http.StatusOK, answer.Status)
		require.Equal(t, expected.contentType, answer.Header.Get("Content-Type"))
		require.Equal(t, expected.body, string(answer.Body))
		if expected.fetch == "" {
			require.Nil(t, answer.Fetch, path)
			return
		}
		require.Equal(t, expected.fetch, answer.Fetch.String())
	})
	require.Empty(t, want)
}

func TestAValidationWithoutACodeIsRefused(t *testing.T) {
	d := readDelivery(t, "testdata/eventgrid/validation.http")
	d.Body = []byte(strings.ReplaceAll(string(d.Body), "validationCode", "other"))
	answer, err := known.Source("eventgrid").Handshake(d)
	require.Nil(t, answer)
	require.ErrorContains(t, err, "validationCode")
}

func TestCloudEventsPreflight(t *testing.T) {
	for _, name := range []string{"cloudevents", "eventgrid"} {
		s := known.Source(name)
		d := senders.Delivery{Method: http.MethodOptions, Header: http.Header{"Webhook-Request-Origin": {"eventgrid.azure.net"}, "Webhook-Request-Rate": {"120"}}}
		answer := s.Preflight(d)
		require.Equal(t, http.StatusOK, answer.Status)
		require.Equal(t, "eventgrid.azure.net", answer.Header.Get("WebHook-Allowed-Origin"))
		require.Equal(t, "120", answer.Header.Get("WebHook-Allowed-Rate"))
		d.Method = http.MethodPost
		require.Nil(t, s.Preflight(d))
		require.Nil(t, s.Preflight(senders.Delivery{Method: http.MethodOptions, Header: http.Header{}}), "CORS asks otherwise")
	}
}

func TestDeliveryIDs(t *testing.T) {
	for path, id := range map[string]string{
		"github/push": "72d3162e-cc78-11e3-81ab-4c9367dc0900", "gitlab/push": "13792a34-cac6-4fda-95a8-c58e00a395401", "stripe/dispute": "evt_1PZdispute",
		"pagerduty/triggered": "01CGZV2P8N7X1WGKU4K5P1VYEN", "slack/message": "Ev123ABC456", "slack/command": "", "shopify/order": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
		"sns/alarm": "e267b24c-5532-472f-889d-c2cdd2143bbc", "cloudevents/binary": "/orders#17", "cloudevents/batch": "", "eventgrid/blob-created": "831e1650-001e-001b-66ab-eeb76e069631",
		"eventgrid/two": "", "linear/issue": "234d1a4e-b617-4388-90fe-adc3633d6b71", "gitea/push": "f6266f16-1bf3-46a5-9ea4-602e06ead473",
		"bitbucket/push": "5f1c4f2a-6a6e-4b4e-9d5e-0a53d1b70003", "sentry/issue-created": "2f1c4f2a-6a6e-4b4e-9d5e-0a53d1b70001", "jira/comment": "5f1c4f2a-0002",
		"twilio/message": "a1b2c3", "standard-webhooks/event": "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", "generic/event": "",
	} {
		source, _, _ := strings.Cut(path, "/")
		require.Equal(t, id, known.Source(source).DeliveryID(readDelivery(t, "testdata/"+path+".http")), path)
	}
}
