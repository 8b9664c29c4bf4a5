// Package signature signs what goes out and verifies what comes in: Standard Webhooks with a shared secret or with
// ed25519, and the HMAC of the body that many older receivers know.
package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"beckon/internal/problem"
	"beckon/internal/secret"
)

// Scheme is a way of signing; the empty one is Standard.
type Scheme string

// The schemes. The first two are those of https://www.standardwebhooks.com: "v1" and "v1a".
const (
	Standard Scheme = "standard"
	Ed25519  Scheme = "standard-ed25519"
	HMACHex  Scheme = "hmac-sha256-hex"
)

// DefaultVendor is the name in the headers of HMACHex when no other is given.
const DefaultVendor = "Beckon"

// Message is what a signature is made over. ID stays the same over all attempts to deliver it. At is in whole
// seconds: the time of one attempt, and for HMACHex, which does not sign it, the time of the event.
type Message struct {
	ID   string
	Type string
	At   time.Time
	Body []byte
}

// The header families of Standard Webhooks: its own, and the one of the service that it grew out of.
const (
	familyWebhook = "Webhook-"
	familySvix    = "Svix-"
)

// What may stand in a header. An id without a full stop is what keeps "id.timestamp.body" unambiguous.
var (
	vendorForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`)
	idForm     = regexp.MustCompile(`^[!-\-/-~]+$`)
	typeForm   = regexp.MustCompile(`^[!-~]*$`)
)

// longest is how many bytes an id or a type may have. Such a number within an expression makes it large.
const longest = 256

func isID(id string) bool     { return len(id) <= longest && idForm.MatchString(id) }
func isType(name string) bool { return len(name) <= longest && typeForm.MatchString(name) }

// Sign sets the headers of a scheme in h, or returns an error and leaves h alone. Several secrets, the newest first,
// sign beside each other while a receiver changes from one to the next:
//
//   - Standard and Ed25519 put a signature per secret into one header, as receivers expect, and set the families
//     webhook-… and svix-… to the same values.
//   - HMACHex has room for one: X-<Vendor>-Signature is by the newest secret. X-<Vendor>-Signature-Previous is by
//     the one before it, and there once more for each that is older. Only the body is signed; the headers Event,
//     Timestamp and Delivery beside it are not.
func Sign(h http.Header, scheme Scheme, vendor string, secrets []secret.String, m Message) error {
	if len(secrets) == 0 {
		return problem.New(problem.Invalid, "no_secret", "There is no secret to sign with.")
	}
	for _, s := range secrets {
		if err := Check(scheme, s); err != nil {
			return err
		}
	}
	prefix, err := headerPrefix(vendor)
	if err != nil {
		return err
	}
	if !isID(m.ID) || !isType(m.Type) || m.At.Unix() <= 0 {
		return problem.New(problem.Invalid, "invalid_message",
			"A message that is signed needs a time, an id of visible characters without a full stop, "+
				"and a type of visible characters.")
	}
	if scheme == HMACHex {
		signHex(h, prefix, secrets, m)
		return nil
	}
	timestamp := strconv.FormatInt(m.At.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		signatures[i] = keyOf(s).sign(content(m.ID, timestamp, m.Body))
	}
	for _, family := range []string{familyWebhook, familySvix} {
		h.Set(family+"Id", m.ID)
		h.Set(family+"Timestamp", timestamp)
		h.Set(family+"Signature", strings.Join(signatures, " "))
	}
	return nil
}

func signHex(h http.Header, prefix string, secrets []secret.String, m Message) {
	h.Set(prefix+"Signature", hexSignature(secrets[0], m.Body))
	h.Del(prefix + "Signature-Previous")
	for _, older := range secrets[1:] {
		h.Add(prefix+"Signature-Previous", hexSignature(older, m.Body))
	}
	if m.Type != "" {
		h.Set(prefix+"Event", m.Type)
	}
	h.Set(prefix+"Timestamp", strconv.FormatInt(m.At.Unix(), 10))
	h.Set(prefix+"Delivery", m.ID)
}

// headerPrefix is what the headers of HMACHex begin with.
func headerPrefix(vendor string) (string, error) {
	if vendor == "" {
		vendor = DefaultVendor
	}
	if !vendorForm.MatchString(vendor) {
		return "", problem.New(problem.Invalid, "invalid_vendor",
			"A vendor is 1 to 40 letters, digits and hyphens: it is part of the names of headers.")
	}
	return "X-" + vendor + "-", nil
}

// content is what the Standard Webhooks signatures are made over.
func content(id, timestamp string, body []byte) []byte {
	whole := make([]byte, 0, len(id)+len(timestamp)+len(body)+2)
	whole = append(whole, id+"."+timestamp+"."...)
	return append(whole, body...)
}

// sign returns one signature of Standard Webhooks with its version in front.
func (k key) sign(content []byte) string {
	if k.private != nil {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, content))
	}
	return "v1," + base64.StdEncoding.EncodeToString(mac(k.shared, content))
}

// hexSignature takes the secret as it is written, also with whsec_ in front.
func hexSignature(s secret.String, body []byte) string {
	return "sha256=" + hex.EncodeToString(mac([]byte(s.Reveal()), body))
}

func mac(key, content []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(content)
	return m.Sum(nil)
}
