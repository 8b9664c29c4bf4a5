package sns

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SignatureVersion 1
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"beckon/calls/senders"
)

// Certificates fetches the certificates that messages are signed with, and keeps them until they expire.
type Certificates struct {
	// Fetch returns the PEM file at a URL, which is always Amazon's. It follows no redirects and bounds what it reads.
	Fetch func(ctx context.Context, url string) ([]byte, error)

	mu      sync.Mutex // guards what follows; never held while one is fetched
	kept    map[string]*x509.Certificate
	fetches *rate.Limiter
}

// maxCertificates bounds what is kept: there is one for each region, and a new one each year.
const maxCertificates = 100

// Fetches are bounded as well: anybody may name a URL at Amazon. There may be one a second, after the first twenty.
const (
	fetchesPerSecond = 1
	fetchesAtOnce    = 20
)

// look returns a certificate that is kept and still valid, or whether it may be fetched.
func (c *Certificates) look(url string, now time.Time) (kept *x509.Certificate, mayFetch bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fetches == nil {
		c.fetches = rate.NewLimiter(fetchesPerSecond, fetchesAtOnce)
	}
	if kept = c.kept[url]; kept != nil && !now.After(kept.NotAfter) {
		return kept, false
	}
	return nil, c.fetches.AllowN(now, 1)
}

func (c *Certificates) get(ctx context.Context, url string, now time.Time) (*x509.Certificate, error) {
	have, mayFetch := c.look(url, now)
	if have == nil {
		if !mayFetch {
			return nil, senders.Refuse("Amazon's certificate was not fetched: too many others were asked for.")
		}
		data, err := c.Fetch(ctx, url)
		if err != nil {
			return nil, senders.Refuse("Amazon's certificate could not be fetched.")
		}
		block, _ := pem.Decode(data)
		if block == nil {
			return nil, senders.Refuse("What stands at the SigningCertURL is no certificate.")
		}
		if have, err = x509.ParseCertificate(block.Bytes); err != nil {
			return nil, senders.Refuse("What stands at the SigningCertURL is no certificate.")
		}
	}
	if now.Before(have.NotBefore) || now.After(have.NotAfter) {
		return nil, senders.Refuse("Amazon's certificate is not valid at this time.")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) >= maxCertificates {
		c.kept = map[string]*x509.Certificate{}
	}
	c.kept[url] = have
	return have, nil
}

// verify checks everything that costs nothing before it has a certificate fetched.
func verify(
	ctx context.Context, certificates *Certificates, p senders.Proof, d senders.Delivery, now time.Time,
) (senders.Proved, error) {
	if err := check(p); err != nil {
		return senders.Proved{}, err
	}
	o := senders.Parse(d.Body)
	signed := content(o)
	if signed == "" {
		return senders.Proved{}, senders.Refuse("The body is no message of SNS; raw message delivery has no signature.")
	}
	if o.Exact("TopicArn") != p.TopicARN {
		return senders.Proved{}, senders.Refuse("The message is of another topic than the client's topicArn.")
	}
	signature, err := senders.Base64(o.String("Signature"))
	if err != nil {
		return senders.Proved{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, o.String("Timestamp"))
	if err != nil {
		return senders.Proved{}, senders.Refuse("The message has no time.")
	}
	if at.Unix() > now.Add(senders.Tolerance).Unix() || at.Before(now.Add(-maxAge)) {
		return senders.Proved{}, senders.Refuse("The message is from another time: it was repeated, " +
			"or a clock is wrong.")
	}
	u := amazon(o.String("SigningCertURL"))
	if u == nil || path.Ext(u.Path) != ".pem" || u.RawQuery != "" || u.Fragment != "" {
		return senders.Proved{}, senders.Refuse("The SigningCertURL of the message is not one of Amazon's.")
	}
	certificate, err := certificates.get(ctx, u.String(), now)
	if err != nil {
		return senders.Proved{}, err
	}
	key, ok := certificate.PublicKey.(*rsa.PublicKey)
	if !ok || !verified(key, o.String("SignatureVersion"), signed, signature) {
		return senders.Proved{}, senders.Mismatch
	}
	return senders.Proved{
		DeliveryID: o.String("MessageId"),
		Signed:     true,
		Signature:  o.String("Signature"),
		At:         at,
	}, nil
}

// maxAge is how old a message may be: SNS tries for an hour at most, and each attempt has the time of the message.
// It is shorter than deliveries are known by their ids.
const maxAge = time.Hour + senders.Tolerance

func verified(key *rsa.PublicKey, version, signed string, signature []byte) bool {
	switch version {
	case "1":
		sum := sha1.Sum([]byte(signed)) //nolint:gosec // as Amazon signs
		return rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature) == nil
	case "2":
		sum := sha256.Sum256([]byte(signed))
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}

// content is what Amazon signs: names and values of some members, by the type of the message. It is empty for no
// message.
func content(o senders.Object) string {
	var names []string
	switch o.String("Type") {
	case "Notification":
		names = []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	case "SubscriptionConfirmation", "UnsubscribeConfirmation":
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var b strings.Builder
	for _, name := range names {
		value := o.Exact(name) // as it was signed
		if name == "Subject" && value == "" {
			continue
		}
		b.WriteString(name + "\n" + value + "\n")
	}
	return b.String()
}
