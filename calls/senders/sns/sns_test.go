package sns_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"beckon/calls/senders"
	"beckon/calls/senders/sns"
)

const (
	topic   = "arn:aws:sns:eu-west-1:123456789012:alarms"
	certURL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
)

var now = time.Date(2026, 10, 5, 9, 12, 31, 0, time.UTC)

// amazon signs as SNS does, and has its certificate fetched from it.
type amazon struct {
	key     *rsa.PrivateKey
	pem     []byte
	fetched []string
}

func newAmazon(t *testing.T) *amazon {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return &amazon{key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *amazon) fetch(_ context.Context, url string) ([]byte, error) {
	a.fetched = append(a.fetched, url)
	return a.pem, nil
}

func (a *amazon) sender() *senders.Sender { return sns.Sender(&sns.Certificates{Fetch: a.fetch}) }

// message makes a signed one, in which change has been called before it was signed.
func (a *amazon) message(t testing.TB, change func(map[string]string)) map[string]string {
	m := map[string]string{
		"Type": "Notification", "MessageId": "m-1", "TopicArn": topic, "Message": "über \"quoted\"\nlines", "Timestamp": "2026-10-05T09:12:00.123Z",
		"SignatureVersion": "2", "SigningCertURL": certURL, "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
	}
	if change != nil {
		change(m)
	}
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if m["Type"] != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	content := ""
	for _, name := range names {
		if value, ok := m[name]; ok {
			content += name + "\n" + value + "\n"
		}
	}
	var signature []byte
	var err error
	if m["SignatureVersion"] == "1" {
		sum := sha1.Sum([]byte(content))
		signature, err = rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA1, sum[:])
	} else {
		sum := sha256.Sum256([]byte(content))
		signature, err = rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	}
	require.NoError(t, err)
	m["Signature"] = base64.StdEncoding.EncodeToString(signature)
	return m
}

func delivery(t testing.TB, m map[string]string) senders.Delivery {
	body, err := json.Marshal(m)
	require.NoError(t, err)
	return senders.Delivery{Method: "POST", Header: http.Header{}, Body: body}
}

func verify(s *senders.Sender, d senders.Delivery) (senders.Proved, error) {
	return s.Verify(context.Background(), senders.Proof{Scheme: "sns", TopicARN: topic}, d, now)
}

func TestMessagesThatAmazonHasSigned(t *testing.T) {
	a := newAmazon(t)
	s := a.sender()
	for name, change := range map[string]func(map[string]string){
		"version 2":    nil,
		"version 1":    func(m map[string]string) { m["SignatureVersion"] = "1" },
		"with subject": func(m map[string]string) { m["Subject"] = "ALARM" },
		"subscription": func(m map[string]string) {
			m["Type"], m["Token"] = "SubscriptionConfirmation", "t"
			m["SubscribeURL"] = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
		},
		"an hour of retries": func(m map[string]string) { m["Timestamp"] = "2026-10-05T08:12:31Z" },
	} {
		proved, err := verify(s, delivery(t, a.message(t, change)))
		require.NoError(t, err, name)
		require.Equal(t, "m-1", proved.DeliveryID)
		require.True(t, proved.Signed)
	}
	require.Equal(t, []string{certURL}, a.fetched, "the certificate is kept")
}

func TestMessagesThatProveNothing(t *testing.T) {
	a, mallory := newAmazon(t), newAmazon(t)
	signed := func(change func(map[string]string)) map[string]string { return a.message(t, change) }
	changed := func(name, value string) map[string]string {
		m := a.message(t, nil)
		m[name] = value
		return m
	}
	for name, tt := range map[string]struct {
		message map[string]string
		says    string
		fetches bool
	}{
		"another text":               {changed("Message", "x"), "does not match", true},
		"a subject that is new":      {changed("Subject", "x"), "does not match", true},
		"another id":                 {changed("MessageId", "m-2"), "does not match", true},
		"another version":            {changed("SignatureVersion", "1"), "does not match", true},
		"an unknown version":         {changed("SignatureVersion", "3"), "does not match", true},
		"no base64":                  {changed("Signature", "%%"), "base64", false},
		"somebody else's key":        {mallory.message(t, nil), "does not match", true},
		"another topic":              {signed(func(m map[string]string) { m["TopicArn"] = topic + "2" }), "topicArn", false},
		"an old time":                {signed(func(m map[string]string) { m["Timestamp"] = "2026-10-05T08:07:30Z" }), "another time", false},
		"a future time":              {signed(func(m map[string]string) { m["Timestamp"] = "2026-10-05T09:17:32Z" }), "another time", false},
		"no time":                    {signed(func(m map[string]string) { m["Timestamp"] = "" }), "no time", false},
		"another type":               {signed(func(m map[string]string) { m["Type"] = "x" }), "no message", false},
		"another host":               {signed(func(m map[string]string) { m["SigningCertURL"] = "https://mallory.example/cert.pem" }), "SigningCertURL", false},
		"http":                       {changed("SigningCertURL", strings.Replace(certURL, "https", "http", 1)), "SigningCertURL", false},
		"another service of Amazon":  {changed("SigningCertURL", "https://mallory.s3.amazonaws.com/cert.pem"), "SigningCertURL", false},
		"a host that only ends so":   {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com.mallory.example/cert.pem"), "SigningCertURL", false},
		"a host that only begins so": {changed("SigningCertURL", "https://sns.x.mallory.amazonaws.com/c.pem"), "SigningCertURL", false},
		"a user":                     {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com@mallory.example/c.pem"), "SigningCertURL", false},
		"a port":                     {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com:444/c.pem"), "SigningCertURL", false},
		"no certificate":             {changed("SigningCertURL", "https://sns.eu-west-1.amazonaws.com/?Action=x"), "SigningCertURL", false},
		"a query":                    {changed("SigningCertURL", certURL+"?Action=x.pem"), "SigningCertURL", false},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(a.fetched)
			proved, err := verify(a.sender(), delivery(t, tt.message))
			require.ErrorContains(t, err, tt.says)
			require.Empty(t, proved)
			require.Equal(t, tt.fetches, len(a.fetched) > before, "what it fetches")
		})
	}
	_, err := verify(a.sender(), senders.Delivery{Header: http.Header{}, Body: []byte("raw delivery")})
	require.ErrorContains(t, err, "raw message delivery")
}

func TestCertificatesThatAreNone(t *testing.T) {
	a := newAmazon(t)
	d := delivery(t, a.message(t, nil))
	for says, fetch := range map[string]func(context.Context, string) ([]byte, error){
		"could not be fetched": func(context.Context, string) ([]byte, error) { return nil, errors.New("refused") },
		"no certificate":       func(context.Context, string) ([]byte, error) { return []byte("<html>"), nil },
		"is no certificate": func(context.Context, string) ([]byte, error) {
			return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), nil
		},
	} {
		_, err := verify(sns.Sender(&sns.Certificates{Fetch: fetch}), d)
		require.ErrorContains(t, err, says)
	}
	late := now.Add(48 * time.Hour)
	d = delivery(t, a.message(t, func(m map[string]string) { m["Timestamp"] = late.Format(time.RFC3339) }))
	_, err := a.sender().Verify(context.Background(), senders.Proof{TopicARN: topic}, d, late)
	require.ErrorContains(t, err, "not valid at this time")
}

func TestTheTopicIsRequired(t *testing.T) {
	a := newAmazon(t)
	for _, arn := range []string{"", "alarms", "arn:aws:sqs:eu-west-1:123456789012:alarms"} {
		p := senders.Proof{Scheme: "sns", TopicARN: arn}
		require.ErrorContains(t, a.sender().Check(p), "topicArn")
		_, err := a.sender().Verify(context.Background(), p, delivery(t, a.message(t, nil)), now)
		require.ErrorContains(t, err, "topicArn")
	}
	require.NoError(t, a.sender().Check(senders.Proof{TopicARN: "arn:aws-cn:sns:cn-north-1:123456789012:a.fifo"}))
}

func TestSubscriptionsAreConfirmedAtAmazonOnly(t *testing.T) {
	s := newAmazon(t).sender()
	for _, good := range []string{"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t", "https://sns.cn-north-1.amazonaws.com.cn/?Action=ConfirmSubscription&Token=t"} {
		answer, err := s.Handshake(delivery(t, map[string]string{"Type": "SubscriptionConfirmation", "SubscribeURL": good}))
		require.NoError(t, err)
		require.Equal(t, good, answer.Fetch.String())
	}
	for _, bad := range []string{"", "https://10.0.0.7/?Action=ConfirmSubscription", "http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
		"https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe", "https://sns.eu-west-1.amazonaws.com.mallory.example/?Action=ConfirmSubscription", "%"} {
		answer, err := s.Handshake(delivery(t, map[string]string{"Type": "SubscriptionConfirmation", "SubscribeURL": bad}))
		require.ErrorContains(t, err, "SubscribeURL", bad)
		require.Nil(t, answer)
	}
	answer, err := s.Handshake(delivery(t, map[string]string{"Type": "UnsubscribeConfirmation", "SubscribeURL": "https://10.0.0.7/"}))
	require.NoError(t, err)
	require.Nil(t, answer.Fetch)
	answer, err = s.Handshake(delivery(t, map[string]string{"Type": "Notification"}))
	require.NoError(t, err)
	require.Nil(t, answer)
}

func TestFetchesAreBounded(t *testing.T) {
	a := newAmazon(t)
	s := a.sender()
	d := delivery(t, a.message(t, nil))
	refused := 0
	for i := range 100 {
		m := a.message(t, nil)
		m["SigningCertURL"] = fmt.Sprintf("https://sns.eu-west-1.amazonaws.com/%d.pem", i)
		if _, err := verify(s, delivery(t, m)); err != nil {
			require.ErrorContains(t, err, "too many others")
			refused++
		}
	}
	require.Equal(t, 80, refused)
	require.Len(t, a.fetched, 20)
	_, err := s.Verify(context.Background(), senders.Proof{TopicARN: topic}, d, now.Add(2*time.Second))
	require.NoError(t, err, "a moment later")
}
