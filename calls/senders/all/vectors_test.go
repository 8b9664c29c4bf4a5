package all_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls/senders"
	"beckon/internal/secret"
)

// Signatures that vendors publish, or that their own libraries test with.
func TestVectorsOfVendors(t *testing.T) {
	const twilioURL = "https://mycompany.com/myapp.php?foo=1&bar=2"
	form := "application/x-www-form-urlencoded"
	for name, v := range map[string]struct {
		scheme, secret, url, body string
		header                    http.Header
		at                        int64
	}{
		"GitHub": {scheme: "github", secret: "It's a Secret to Everybody", body: "Hello, World!",
			header: http.Header{"X-Hub-Signature-256": {"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}}},
		"Bitbucket": {scheme: "bitbucket", secret: "It's a Secret to Everybody", body: "Hello World!",
			header: http.Header{"X-Hub-Signature": {"sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"}}},
		"Slack": {scheme: "slack", secret: "8f742231b10e8888abcd99yyyzzz85a5", at: 1531420618,
			body:   "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
			header: http.Header{"X-Slack-Request-Timestamp": {"1531420618"}, "X-Slack-Signature": {"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"}}},
		"Twilio, a form": {scheme: "twilio", secret: "12345", url: twilioURL,
			body:   "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212",
			header: http.Header{"Content-Type": {form}, "X-Twilio-Signature": {"RSOYDt4T1cUTdK1PDd93/VVr8B8="}}},
		"Twilio, JSON": {scheme: "twilio", secret: "12345", body: `{"property": "value", "boolean": true}`,
			url:    twilioURL + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
			header: http.Header{"Content-Type": {"application/json"}, "X-Twilio-Signature": {"a9nBmqA0ju/hNViExpshrM61xv4="}}},
		"Standard Webhooks": {scheme: "standard-webhooks", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", at: 1614265330, body: `{"test": 2432232314}`,
			header: http.Header{"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"},
				"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}}},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(v.url)
			require.NoError(t, err)
			d := senders.Delivery{Method: "POST", URL: u, Header: v.header, Body: []byte(v.body)}
			p := senders.Proof{Scheme: v.scheme, Secrets: []secret.String{secret.String(v.secret)}}
			_, err = known.Scheme(v.scheme).Verify(context.Background(), p, d, time.Unix(v.at, 0))
			require.NoError(t, err)
		})
	}
}

func TestTwilioSignsItsURLWithOrWithoutThePort(t *testing.T) {
	s := signers["twilio"]
	for _, host := range []string{"beckon.example", "beckon.example:443"} {
		d := s.delivery("mine", now)
		d.URL.Host = host
		s.sign("mine", d, now)
		d.URL.Host = "beckon.example"
		p := senders.Proof{Scheme: "twilio", Secrets: []secret.String{"mine"}}
		_, err := known.Scheme("twilio").Verify(context.Background(), p, d, now)
		require.NoError(t, err, host)
		d.URL.Host = "other.example"
		_, err = known.Scheme("twilio").Verify(context.Background(), p, d, now)
		require.ErrorContains(t, err, "publicURL")
	}
}

func TestGitLabsSecretToken(t *testing.T) {
	d := senders.Delivery{Header: http.Header{"X-Gitlab-Token": {"s3cret"}, "X-Gitlab-Event-Uuid": {"u-1"}}}
	verify := func(secrets ...secret.String) (senders.Proved, error) {
		return known.Scheme("gitlab").Verify(context.Background(), senders.Proof{Scheme: "gitlab", Secrets: secrets}, d, now)
	}
	proved, err := verify("old", "s3cret")
	require.NoError(t, err)
	require.Equal(t, senders.Proved{DeliveryID: "u-1"}, proved)
	for _, wrong := range []secret.String{"", "s3cre", "s3cret2"} {
		_, err = verify(wrong)
		require.Error(t, err)
	}
	d.Header.Add("X-Gitlab-Token", "s3cret")
	_, err = verify("s3cret")
	require.ErrorContains(t, err, "more than one")
	d.Header = http.Header{"X-Gitlab-Token": {"s3cret"}, "Webhook-Signature": {"v1,AAAA"}}
	_, err = verify("s3cret")
	require.Error(t, err, "a signature that is there counts")
}
